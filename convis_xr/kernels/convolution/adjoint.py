"""The compiled convolutions for autograd, with their adjoints written by hand.

In the movie the adjoint is a convolution of the gradient, zeros around it in time and space, with the kernel turned
round; what falls on repeated edge pixels goes to those that they repeat. In the kernel it is the correlation of the
movie with the gradient. Neither can be differentiated once more: force the route ``"torch"`` for that.
"""

from __future__ import annotations

from collections.abc import Callable
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
# Steps whose products with each other are taken at a time, for the gradient of a kernel in time alone.
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
    """The gradient of history and movie, one after the other."""
    _, inputs, lag, height, width = weight.shape
    turned = weight.transpose(0, 1).flip(2, 3, 4)
    before = gradient.new_zeros(*gradient.shape[:2], lag - 1, frame[0] + 2 * height - 2, frame[1] + 2 * width - 2)
    around = pad(gradient, (width - 1, width - 1, height - 1, height - 1, 0, lag - 1))
    extended = _room(
        (len(gradient), inputs, gradient.shape[2] + lag - 1, frame[0] + height - 1, frame[1] + width - 1), gradient
    )
    _METHODS[method](_array(before), _array(around), _array(turned), extended.numpy(), (0, 0))
    if height == width == 1:
        return extended
    whole = _room((*extended.shape[:3], *frame), gradient)
    given, taken = (movie.flatten(0, 2).numpy() for movie in (extended, whole))

    def some(span: tuple[int, int]) -> None:
        for k in range(*span):
            fold(given[k], taken[k], *corner_of(weight))

    parallel(some, split(len(taken), torch.get_num_threads()))
    return whole


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
