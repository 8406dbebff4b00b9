"""Delay in time, of the whole movie or of every pixel by its own, between samples by linear interpolation.

The last frames are the state: as many as the longest delay reaches back to.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..dispatch import choose
from ..scalars import Scalar
from . import interpolate, reference

__all__ = ["delay", "frames_needed"]


def delay(x: Tensor, history: Tensor, steps: Scalar) -> tuple[Tensor, Tensor]:
    """Delay a movie by a number of samples that need not be whole.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    history : Tensor (batch, channel, frames, y, x), as x
        The frames before it, at least `frames_needed` of the longest delay.
    steps : float, 0-d Tensor or Tensor (y, x); samples
        The delay, 0 or more. Differentiable: where it is whole, its derivative is that of a longer delay.

    Returns
    -------
    y : Tensor, as x
        ``y[t] = (1 - f) x[t - i] + f x[t - i - 1]``, ``i = floor(steps)``, ``f = steps - i``.
    history : Tensor, as history
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit, or a delay is negative, not finite, or longer than the history.

    Examples
    --------
    >>> x = torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 3, 1, 1)
    >>> y, history = delay(x, torch.zeros(1, 1, 2, 1, 1), 0.5)
    >>> y.flatten(), history.flatten()
    (tensor([0.5000, 1.5000, 3.0000]), tensor([2., 4.]))
    """
    exact = (
        steps.to(x.device) if isinstance(steps, Tensor) else torch.tensor(steps, dtype=torch.float64, device=x.device)
    )
    _check(x, history, exact)
    past = torch.cat((history, x), dim=2)
    if choose("delay", x, history, exact, compiled=False) == "reference":
        y = reference.delay(past, history.shape[2], exact)
    else:
        y = interpolate.delay(past, history.shape[2], exact)
    return y, past[:, :, x.shape[2] :].clone()


def frames_needed(steps: float) -> int:
    """How many frames of the past a delay of ``steps`` samples reads, and its derivative.

    Examples
    --------
    >>> frames_needed(0), frames_needed(2.5), frames_needed(3)
    (1, 3, 4)
    """
    return int(steps) + 1


def _check(x: Tensor, history: Tensor, steps: Tensor) -> None:
    if x.dim() != 5 or not x.is_floating_point() or 0 in x.shape:
        raise ValueError(
            "delay: x: wanted a floating point tensor (batch, channel, time, y, x), none of them empty, "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    if history.dim() != 5 or history.dtype != x.dtype or _but_time(history) != _but_time(x):
        raise ValueError(
            f"delay: history: wanted {x.dtype} of shape {_but_time(x)} and any number of frames, "
            f"got {history.dtype} of shape {tuple(history.shape)}"
        )
    if steps.dim() and steps.shape != x.shape[3:]:
        raise ValueError(f"delay: steps: wanted one delay or {tuple(x.shape[3:])}, got shape {tuple(steps.shape)}")
    shortest, longest = float(steps.detach().min()), float(steps.detach().max())
    if not (shortest >= 0 and longest < float("inf") and frames_needed(longest) <= history.shape[2]):
        raise ValueError(
            f"delay: steps: wanted delays from 0 to below {history.shape[2]}, the frames of the history, "
            f"got {shortest:g} to {longest:g}"
        )


def _but_time(x: Tensor) -> tuple[int, ...]:
    return (*x.shape[:2], *x.shape[3:])
