"""Convolution in time and space with a given kernel, and receptive fields.

A kernel is an impulse response: what comes out when one sample of 1 goes in. A receptive field is what one cell weighs
the frames with. Both see the past only, and carry the last ``lag - 1`` frames as their state.

The definitions are in ``reference``. Compiled: ``rows`` (direct), ``spectra`` with ``mixing`` (fourier), ``low_rank``,
``frames`` (edges), ``adjoint`` (gradients). In torch: ``direct``, ``fourier``, ``passes``, ``padding``, and
``receptive``. Which is chosen: ``cost``, its constants anew by ``measure``.
"""

from __future__ import annotations

from typing import get_args

import torch
from numpy import ndarray
from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..threads import parallel, split
from . import direct, fourier, low_rank, passes, receptive, reference
from .adjoint import Convolution, convolve
from .cost import Estimate, Method, estimate
from .frames import all_finite

__all__ = ["Estimate", "Method", "causal_convolution", "costs", "receptive_field"]

# The largest kernel whose rank is looked for, and its longest side, so that this takes milliseconds.
_ENTRIES, _SIDE = 2**17, 256


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
    method : "direct", "fourier", "low_rank" or None
        How to compute it; by default the cheapest by `costs`, and ``"direct"`` where the movie is not finite: spectra
        would carry that all over a frame. Any kernel has a rank, so each method serves all kernels, if slowly.

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
    _check_method(method)
    route = choose("causal_convolution", x, history, weight, adjoint=True)
    if route == "reference":
        y = reference.causal_convolution(_with_history(x, history), weight)
    elif route == "torch":
        y = _by_torch(_with_history(x, history), weight, method)
    else:
        y = _compiled(x.contiguous(), history, weight, method)
    return y, _last(x, history)


def costs(weight: Tensor, frame: tuple[int, int], low_rank_too: bool = True, steps: int | None = None) -> Estimate:
    """Estimate what each method costs for a kernel.

    Parameters
    ----------
    weight : Tensor (out, in, lag, ky, kx)
        Impulse response.
    frame : (y, x), px
        Size of the frames.
    low_rank_too : bool
        Whether to look for the rank. It is that of the values to their own rounding, found by singular values.
    steps : int, optional
        Length of a chunk, by default a long one.

    Returns
    -------
    Estimate
        To be printed; ``best`` is the method that is taken by default.

    Examples
    --------
    >>> costs(torch.rand(1, 1, 3, 3, 3), (100, 100)).best
    'direct'
    >>> costs(torch.ones(1, 1, 20, 10, 10), (100, 100)).best
    'low_rank'
    """
    passes = None
    _, _, lag, height, width = weight.shape
    looked = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.float64)
    small = weight.numel() <= _ENTRIES and min(lag, height * width) <= _SIDE
    if low_rank_too and looked and small and (height, width) != (1, 1):
        found = [
            product for kernels in low_rank.decompose(_array(weight)) for products in kernels for product in products
        ]
        passes = len(found), sum(len(product.y) for product in found)
    return estimate(tuple(weight.shape), frame, passes, steps=steps)


def _check_method(method: object) -> None:
    if method not in (*get_args(Method), None):
        raise ValueError(f"causal_convolution: method: wanted 'direct', 'fourier', 'low_rank' or None, got {method!r}")


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


def _last(x: Tensor, history: Tensor) -> Tensor:
    """The last frames, as many as the history has."""
    missing = history.shape[2] - x.shape[2]
    last = x[:, :, max(-missing, 0) :]
    return torch.cat((history[:, :, -missing:], last), dim=2) if missing > 0 else last.clone()


def _compiled(x: Tensor, history: Tensor, weight: Tensor, method: Method | None) -> Tensor:
    frame = (x.shape[3], x.shape[4])
    if method is None:
        # Singular vectors have no useful gradient, and a kernel that is being fitted has no low rank for long.
        method = costs(weight, frame, not gradient_wanted(weight), x.shape[2]).best
        if method != "direct" and not (_is_finite(x) and _is_finite(history)):
            method = "direct"
    if method == "fourier" and weight.shape[3:] == (1, 1):
        return fourier.convolve(_with_history(x, history), weight)
    if gradient_wanted(x, history, weight):
        return Convolution.apply(history, x, weight, method)  # type: ignore[no-any-return]
    return convolve(history, x, weight, method)


def _by_torch(past: Tensor, weight: Tensor, method: Method | None) -> Tensor:
    # Spectra, and the zeros of a banded matrix, would carry what is not finite into the past.
    finite = bool(past.isfinite().all())
    if method is None:
        frame, steps = (past.shape[3], past.shape[4]), past.shape[2] - weight.shape[2] + 1
        method = costs(weight, frame, low_rank_too=False, steps=steps).best if finite else "direct"
    if method == "direct":
        return direct.convolve(past, weight, finite)
    if method == "fourier":
        return fourier.convolve(past, weight)
    if gradient_wanted(weight):
        raise ValueError(
            "causal_convolution: method: wanted 'direct' or 'fourier' in torch where a gradient of the weight is "
            "wanted, got 'low_rank'"
        )
    return passes.convolve(past, weight)


def _is_finite(x: Tensor) -> bool:
    bits = _array(x).reshape(-1).view("i4" if x.dtype == torch.float32 else "i8")
    spans = split(len(bits), torch.get_num_threads())
    return all(parallel(lambda span: all_finite(bits[slice(*span)]), spans))


def _array(x: Tensor) -> ndarray:
    return x.detach().contiguous().numpy()


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
