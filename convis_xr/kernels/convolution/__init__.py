"""Convolution in time and space with a given kernel, and receptive fields.

A kernel is an impulse response: what comes out when one sample of 1 goes in. A receptive field is what one cell weighs
the frames with. Both see the past only, and carry the last ``lag - 1`` frames as their state.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..dispatch import choose
from . import direct, fourier, receptive, reference

__all__ = ["causal_convolution", "receptive_field"]

Method = Literal["direct", "fourier"]


def causal_convolution(
    x: Tensor, history: Tensor, weight: Tensor, *, method: Method | None = None
) -> tuple[Tensor, Tensor]:
    """Convolve a movie with an impulse response.

    Parameters
    ----------
    x : Tensor (batch, in, time, y, x)
        The movie, in any unit.
    history : Tensor (batch, in, lag - 1, y, x), as x
        The frames before it.
    weight : Tensor (out, in, lag, ky, kx), as x
        Impulse response. Its origin is at lag 0, and in space at index ``size // 2``, as in ``scipy.ndimage.convolve``
        with ``mode="nearest"``.
    method : "direct", "fourier" or None
        How to compute it; by default what the sizes say is faster, and ``"direct"`` where the movie is not finite.

    Returns
    -------
    y : Tensor (batch, out, time, y, x)
        The response. Outside a frame its nearest edge pixel is repeated.
    history : Tensor, as history
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit, or there is no such method.

    Examples
    --------
    >>> x = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 3, 1, 1)
    >>> kernel = torch.tensor([0.5, 0.25]).view(1, 1, 2, 1, 1)
    >>> y, history = causal_convolution(x, torch.zeros(1, 1, 1, 1, 1), kernel)
    >>> y.flatten()
    tensor([0.5000, 0.2500, 0.0000])
    """
    _check("causal_convolution", x, history, weight)
    if method not in (*get_args(Method), None):
        raise ValueError(f"causal_convolution: method: wanted 'direct', 'fourier' or None, got {method!r}")
    past = _with_history(x, history)
    # Spectra, and the zeros of a banded matrix, would carry what is not finite into the past.
    finite = bool(past.isfinite().all())
    if choose("causal_convolution", x, history, weight, compiled=False) == "reference":
        y = reference.causal_convolution(past, weight)
    elif (method or (_faster(weight) if finite else "direct")) == "direct":
        y = direct.convolve(past, weight, finite)
    else:
        y = fourier.convolve(past, weight)
    return y, past[:, :, x.shape[2] :].clone()


def receptive_field(
    x: Tensor, history: Tensor, weight: Tensor, origin: tuple[int, int] = (0, 0)
) -> tuple[Tensor, Tensor]:
    """Weigh a movie by receptive fields, one for each output channel.

    Parameters
    ----------
    x, history
        As in `causal_convolution`.
    weight : Tensor (out, in, lag, wy, wx), as x
        ``weight[lag, i, j]`` multiplies the pixel ``origin + (i, j)`` of `lag` steps ago; lag 0 is the same step.
    origin : (int, int), px
        Where in the frame the weight's first row and column lie. The weight must lie inside the frame.

    Returns
    -------
    y : Tensor (batch, out, time, 1, 1)
        ``y[t] = sum weight[lag, i, j] x[t - lag, i, j]``, over channels too.
    history : Tensor, as history
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit, or the weight reaches out of the frame.

    Examples
    --------
    >>> x = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3, 1, 1)
    >>> weight = torch.tensor([1.0, 10.0]).view(1, 1, 2, 1, 1)
    >>> y, history = receptive_field(x, torch.zeros(1, 1, 1, 1, 1), weight)
    >>> y.flatten()
    tensor([ 1., 12., 23.])
    """
    _check("receptive_field", x, history, weight)
    (top, left), (height, width) = origin, weight.shape[3:]
    if top < 0 or left < 0 or top + height > x.shape[3] or left + width > x.shape[4]:
        raise ValueError(
            f"receptive_field: weight: wanted a field inside the frame of {tuple(x.shape[3:])} px, "
            f"got {height} x {width} px at {origin}"
        )
    past = _with_history(x, history)
    seen = past[..., top : top + height, left : left + width]
    if choose("receptive_field", x, history, weight, compiled=False) == "reference":
        y = reference.receptive_field(seen, weight)
    else:
        y = receptive.weigh(seen, weight)
    return y[..., None, None], past[:, :, x.shape[2] :].clone()


def _with_history(x: Tensor, history: Tensor) -> Tensor:
    return torch.cat((history, x), dim=2) if history.shape[2] else x


def _faster(weight: Tensor) -> Method:
    """Say which method is faster: a rule of thumb from measurements on a CPU."""
    outputs, inputs, lag, height, width = weight.shape
    if height == width == 1:
        return "direct" if lag <= 1000 else "fourier"
    # In ns per pixel and step on one core. The length of the chunk has no say: the two methods round differently.
    pairs = inputs * outputs
    multiplying = pairs * lag * height * width / (16 if pairs > 1 else 0.5)
    transforming = 1.5 * (4 * (inputs + outputs) + 6 * pairs)
    return "direct" if multiplying <= transforming else "fourier"


def _check(operation: str, x: Tensor, history: Tensor, weight: Tensor) -> None:
    if x.dim() != 5 or not x.is_floating_point() or 0 in x.shape:
        raise ValueError(
            f"{operation}: x: wanted a floating point tensor (batch, channel, time, y, x), none of them empty, "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    if weight.dim() != 5 or weight.shape[1] != x.shape[1] or 0 in weight.shape or weight.dtype != x.dtype:
        raise ValueError(
            f"{operation}: weight: wanted {x.dtype} of shape (out, {x.shape[1]}, lag, y, x), none of them empty, "
            f"got {weight.dtype} of shape {tuple(weight.shape)}"
        )
    wanted = (x.shape[0], x.shape[1], weight.shape[2] - 1, *x.shape[3:])
    if history.shape != wanted or history.dtype != x.dtype:
        raise ValueError(
            f"{operation}: history: wanted {x.dtype} of shape {wanted}, "
            f"got {history.dtype} of shape {tuple(history.shape)}"
        )
