"""A linear feedback loop in time: every pixel's own past outputs, weighted, are taken away from its input."""

from __future__ import annotations

from torch import Tensor

from ..dispatch import choose, gradient_wanted
from . import adjoint, loops, reference, steps

__all__ = ["feedback", "rest"]

_ROUTES = {"reference": reference.feedback, "torch": steps.feedback, "compiled": loops.feedback}


def feedback(x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Close a linear feedback loop around a movie.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    past : Tensor (batch, channel, lag, y, x), as x
        The outputs before it, the last one last; `rest` of a frame where that frame has always been shown.
    weight : Tensor (channel or 1, lag), as x
        ``weight[c, j - 1]`` weighs the output ``j`` steps ago; one row serves all channels.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = x[k] - sum_j weight[j - 1] y[k - j]``, ``j = 1 ... lag``: the filter ``1 / (1 + sum_j w_j z^-j)``.
    past : Tensor, as past
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 4, 1, 1)
    >>> y, past = feedback(x, torch.zeros(1, 1, 1, 1, 1), torch.tensor([[0.5]]))
    >>> y.flatten()
    tensor([ 1.0000, -0.5000,  0.2500, -0.1250])
    """
    _check(x, past, weight)
    route = choose("feedback", x, past, weight, adjoint=True)
    if route == "compiled" and gradient_wanted(x, past, weight):
        return adjoint.feedback(x, past, weight)
    return _ROUTES[route](x, past, weight)


def rest(frame: Tensor, weight: Tensor) -> Tensor:
    """Return the past of a loop to which one frame has always been shown.

    Parameters
    ----------
    frame : Tensor (batch, channel, y, x)
        The frame.
    weight : Tensor (channel or 1, lag)
        As in `feedback`.

    Returns
    -------
    Tensor (batch, channel, lag, y, x)
        The frame by ``1 + sum_j weight[j - 1]`` everywhere.

    Examples
    --------
    >>> import torch
    >>> rest(torch.ones(1, 1, 1, 1), torch.tensor([[0.5, 0.5]])).flatten()
    tensor([0.5000, 0.5000])
    """
    settled = frame / (1 + weight.sum(1))[:, None, None]
    return settled.unsqueeze(2).expand(-1, -1, weight.shape[1], -1, -1).contiguous()


def _check(x: Tensor, past: Tensor, weight: Tensor) -> None:
    if x.dim() != 5 or not x.is_floating_point():
        raise ValueError(
            "feedback: x: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    if weight.dim() != 2 or weight.shape[0] not in (1, x.shape[1]) or weight.shape[1] < 1:
        raise ValueError(f"feedback: weight: wanted ({x.shape[1]} or 1, lag), got shape {tuple(weight.shape)}")
    wanted = (*x.shape[:2], weight.shape[1], *x.shape[3:])
    if tuple(past.shape) != wanted:
        raise ValueError(f"feedback: past: wanted shape {wanted}, got {tuple(past.shape)}")
    for name, tensor in (("past", past), ("weight", weight)):
        if tensor.dtype != x.dtype or tensor.device != x.device:
            raise ValueError(f"feedback: {name}: wanted {x.dtype} on {x.device}, got {tensor.dtype} on {tensor.device}")
