"""The compiled convolutions for autograd, with their adjoints written by hand.

In the movie the adjoint is a convolution of the gradient, zeros around it in time and space, with the kernel turned
round; what falls on repeated edge pixels goes to those that they repeat. In the kernel it is the correlation of the
movie with the gradient. Neither can be differentiated once more: force the route ``"torch"`` for that.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from ..memory import empty_like
from ..threads import parallel, split
from . import low_rank, rows, spectra
from .cost import Method
from .frames import fold

Convolve = Callable[[ndarray, ndarray, ndarray, ndarray, tuple[int, int]], None]
_METHODS: dict[Method, Convolve] = {
    "direct": rows.convolve,
    "fourier": spectra.convolve,
    "low_rank": low_rank.convolve,
}
# Steps that are taken at a time: for the gradient in the movie at least, for that of a kernel in time alone just so.
_BLOCK = 128


class Convolution(torch.autograd.Function):
    """``apply(history, x, weight, method)`` gives what `reference.causal_convolution` defines."""

    @staticmethod
    def forward(ctx: Any, history: Tensor, x: Tensor, weight: Tensor, method: Method) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(history, x, weight)
        ctx.method = method
        return convolve(history, x, weight, method)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of history, movie and weight."""
        history, x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        past = moved = None
        if ctx.needs_input_grad[0] or ctx.needs_input_grad[1]:
            whole = _in_movie(gradient, weight, x.shape[3:], ctx.method)
            past, moved = whole[:, :, : history.shape[2]], whole[:, :, history.shape[2] :]
        kernel = _in_weight(history, x, gradient, weight, ctx.method) if ctx.needs_input_grad[2] else None
        return past, moved, kernel, None


def convolve(history: Tensor, x: Tensor, weight: Tensor, method: Method) -> Tensor:
    """Compute what ``reference.causal_convolution`` defines, by one of the compiled methods."""
    y = _room((x.shape[0], weight.shape[0], *x.shape[2:]), x)
    _METHODS[method](_array(history), _array(x), _array(weight), y.numpy(), corner_of(weight))
    return y


def corner_of(weight: Tensor) -> tuple[int, int]:
    """Say where a frame lies in the one that is extended over its edges."""
    return (weight.shape[3] - 1) // 2, (weight.shape[4] - 1) // 2


def _room(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Room for a tensor on the processor, with numpy's large pages as in `memory.empty_like`."""
    return empty_like(like.new_empty(1).expand(shape))


def _array(tensor: Tensor) -> ndarray:
    return tensor.detach().contiguous().numpy()


def _in_movie(gradient: Tensor, weight: Tensor, frame: torch.Size, method: Method) -> Tensor:
    """The gradient of history and movie, one after the other, a block of time at a time."""
    steps, (_, inputs, lag, height, width) = gradient.shape[2], weight.shape
    turned = _array(weight.transpose(0, 1).flip(2, 3, 4))
    block = max(_BLOCK, 4 * lag)
    whole = _room((len(gradient), inputs, steps + lag - 1, *frame), gradient)
    for start in range(0, steps + lag - 1, block):
        stop = min(start + block, steps + lag - 1)
        # Steps before the first and after the last one have no gradient.
        begin, end = start - lag + 1, min(stop, steps)
        times = max(-begin, 0), stop - end
        around = pad(gradient[:, :, max(begin, 0) : end], (width - 1,) * 2 + (height - 1,) * 2 + times)
        extended = np.empty(
            (len(gradient), inputs, stop - start, frame[0] + height - 1, frame[1] + width - 1), turned.dtype
        )
        before, after = _array(around[:, :, : lag - 1]), _array(around[:, :, lag - 1 :])
        _METHODS[method](before, after, turned, extended, (0, 0))
        _fold(extended, whole.numpy()[:, :, start:stop], corner_of(weight))
    return whole


def _fold(extended: ndarray, frames: ndarray, corner: tuple[int, int]) -> None:
    def some(piece: tuple[int, int, tuple[int, int]]) -> None:
        batch, channel, span = piece
        part = slice(*span)
        fold(extended[batch, channel, part], frames[batch, channel, part], *corner)

    spans = split(frames.shape[2], torch.get_num_threads())
    parallel(some, list(product(range(frames.shape[0]), range(frames.shape[1]), spans)))


def _in_weight(history: Tensor, x: Tensor, gradient: Tensor, weight: Tensor, method: Method) -> Tensor:
    if weight.shape[3:] == (1, 1):
        return _in_time_course(history, x, gradient, weight)
    kernel = np.zeros(weight.shape)
    correlate = rows.correlate if method == "direct" else spectra.correlate
    correlate(_array(history), _array(x), _array(gradient), corner_of(weight), kernel)
    return torch.from_numpy(kernel).to(weight.dtype)


def _in_time_course(history: Tensor, x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """Of a kernel in time alone: blocks of frames times blocks of the gradient, and of that the sum of diagonals."""
    lag, steps = weight.shape[2], gradient.shape[2]
    block = min(_BLOCK, steps)
    products = torch.zeros(*weight.shape[:2], block, block + lag - 1, dtype=torch.float64)
    for start in range(0, steps, block):
        stop = min(start + block, steps)
        seen = torch.cat((history[:, :, start:], x[:, :, max(start - lag + 1, 0) : stop]), 2).flatten(3)
        made = torch.einsum("botp,bisp->oits", gradient[:, :, start:stop].flatten(3), seen)
        products[:, :, : stop - start, : seen.shape[2]] += made
    sums = [products.diagonal(lag - 1 - k, 2, 3).sum(-1) for k in range(lag)]
    return torch.stack(sums, dim=2).to(weight.dtype)[..., None, None]
