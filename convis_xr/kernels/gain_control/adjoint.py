"""The gain control under a gradient: the compiled loop forward, its adjoint, written by hand, backward.

V and the adaptation of every step are kept in between, and the input where the gradient of its amplification is wanted:
nothing else, and no graph. What comes out has the bits that it has without a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..gaussian.banded import spread
from ..gaussian.weights import gaussian_radius, gaussian_slopes, gaussian_weights
from ..memory import copied, empty_like, zeros_like
from ..recursion.rate import rate_of
from ..scalars import number
from ..threads import parallel
from . import adjoint_loops as backward
from . import loops
from .parameters import GainControl

#: ``1/z - 1/(exp(z) - 1)`` near 0, and up to where these terms are as good as the dtype.
_SERIES = (1 / 2, -1 / 12, 1 / 720, -1 / 30240, 1 / 1209600)
_NEAR = {torch.float32: 1.0, torch.float64: 0.04}

#: Steps that are kept for the gradients of the widths: these follow one block behind, beside the way back.
_BLOCK = 32


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference.gain_control`` defines, differentiable in everything but ``dt``."""
    scalars = (p.input_amplification, p.g_leak, *p.sigma_px, rate_of(p.tau, p.dt), p.gain)
    tensors = (torch.as_tensor(value, dtype=torch.float64, device="cpu") for value in scalars)
    v, a, new_v, new_a = _GainControl.apply(p, x, *state, *tensors)
    return v, a if with_adaptation else None, (new_v, new_a)


class _GainControl(torch.autograd.Function):
    """The rate stands for tau, of which it is a function that autograd follows."""

    @staticmethod
    def forward(ctx: Any, p: GainControl, x: Tensor, v: Tensor, a: Tensor, *scalars: Tensor) -> tuple[Tensor, ...]:
        vs, adaptations, state = loops.gain_control(x, (v, a), p, with_adaptation=True)
        assert adaptations is not None  # it was asked for
        ctx.set_materialize_grads(False)
        ctx.numbers = tuple(map(number, scalars))
        ctx.dt = p.dt
        ctx.save_for_backward(x if ctx.needs_input_grad[4] else None, vs, adaptations, v, a)
        return vs, adaptations, *state

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[1:]
        grad_x, states, sums = _back(ctx, needed, *grads)
        scalars = _of_parameters(*sums, ctx.numbers)
        made = (grad_x, *states, *(torch.tensor(value, dtype=torch.float64) for value in scalars))
        return None, *(grad if wanted else None for grad, wanted in zip(made, needed, strict=True))


def _back(
    ctx: Any, needed: tuple[bool, ...], *grads: Tensor | None
) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Any, Any]]:
    """Return the gradients of the input and of the state, and the sums that those of the parameters are made of."""
    x, vs, adaptations, v, a = ctx.saved_tensors
    gain = ctx.numbers[-1]
    wanted = backward.Wanted(needed[0], any(needed[3:]), gain > 0 or needed[8])
    grad_x = empty_like(vs if needed[0] else vs[:, :, :0])
    grad_vs = zeros_like(vs) if grads[0] is None else grads[0]
    grad_as = vs[:, :, :0] if grads[1] is None else grads[1]
    by_v, by_a = (zeros_like(v) if grad is None else copied(grad) for grad in grads[2:])
    movies = [
        part.detach().contiguous().flatten(0, 1).numpy()
        for part in (vs if x is None else x, vs, adaptations, v, a, grad_vs, grad_as, grad_x)
    ]
    states = [part.flatten(2).flatten(0, 1).numpy() for part in (by_v, by_a)]
    c = _constants(ctx.numbers, ctx.dt, vs.dtype)
    widths = gain > 0 and (needed[5] or needed[6])
    return grad_x, (by_v, by_a), _sweep(movies, states, ctx.numbers[2:4], c, wanted, widths)


def _sweep(
    movies: list[Any], states: list[Any], sigmas: tuple[float, float], c: Any, wanted: Any, widths: bool
) -> tuple[Any, Any]:
    """Go back through all movies, and behind that, where the widths are wanted, do their part by other threads."""
    units, steps, height, width = movies[1].shape
    dtype = movies[1].dtype
    blur, slopes, blur_of_v = _blur_of(*sigmas, height, dtype)
    block = _BLOCK if widths else max(steps, 1)
    room = (block if widths else 1, height, width, len(blur.beyond), dtype)
    kept = [[backward.kept(*room) for _ in range(2 if widths else 1)] for _ in range(units)]

    def back(unit: int, start: int) -> Any:
        x, vs, adaptations, v, a, *grads = (movie[unit] for movie in movies)
        here = slice(start, start + block)
        before = (vs[start - 1], adaptations[start - 1]) if start else (v, a)
        run = backward.Run(x[here], vs[here], adaptations[here], *before)
        return backward.back(
            run, *(grad[here] for grad in grads), *(state[unit] for state in states),
            kept[unit][start // block % len(kept[unit])], blur, c, wanted,
        ).sum(1)  # fmt: skip

    def widen(unit: int, start: int) -> Any:
        vs = movies[1][unit, start : start + block]
        return backward.widths(vs, kept[unit][start // block % 2], slopes, blur_of_v).sum(1)

    sums, by_widths = np.zeros(4), np.zeros(2)
    behind: list[tuple[Any, int, int]] = []
    for start in reversed(range(-block if widths else 0, steps, block)):
        pieces = [(back, unit, start) for unit in range(units) if start >= 0]
        found = parallel(lambda piece: piece[0](*piece[1:]), pieces + behind)
        sums, by_widths = sum(found[: len(pieces)], sums), sum(found[len(pieces) :], by_widths)
        behind = [(widen, unit, start) for _, unit, start in pieces] if widths else []
    return sums, by_widths


def _of_parameters(sums: Any, widths: Any, numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Return the gradients of amplification, leak, widths along y and x, rate and gain."""
    _, _, _, _, rate, gain = numbers
    width_y, width_x = (rate * gain * widths[i] for i in (backward.WIDTH_Y, backward.WIDTH_X))
    by_rate = gain * sums[backward.DRIVE] - sums[backward.DECAY]
    return (
        sums[backward.AMPLIFICATION], sums[backward.LEAK], width_y, width_x, by_rate, rate * sums[backward.DRIVE],
    )  # fmt: skip


def _constants(numbers: tuple[float, ...], dt: float, dtype: torch.dtype) -> backward.Constants:
    amplification, leak, _, _, rate, gain = numbers
    kind = torch.empty(0, dtype=dtype).numpy().dtype.type
    values = (amplification, leak, 1 - rate, 2 * gain * rate, dt, _NEAR[dtype])
    return backward.Constants._make([*map(kind, values), tuple(map(kind, _SERIES))])


def _blur_of(sigma_y: float, sigma_x: float, height: int, dtype: Any) -> tuple[Any, Any, Any]:
    """Return the transposed blur, its derivatives by the widths, and the blur along y as it is."""
    radius = gaussian_radius(sigma_y)
    taps = min(2 * radius + 1, height)
    first = np.clip(np.arange(height) - radius, 0, height - taps)

    def band(weights: Any, transposed: bool = True) -> Any:
        full = spread(torch.from_numpy(weights), height).numpy()
        return np.take_along_axis(full.T if transposed else full, first[:, None] + np.arange(taps), 1).astype(dtype)

    def blur(along_y: Any, along_x: Any, transposed: bool = True) -> backward.Blur:
        beyond = np.cumsum(along_x)[: len(along_x) // 2][::-1]
        rows = np.tile(along_x, (height, 1)).astype(dtype)
        return backward.Blur(rows, band(along_y, transposed), first, beyond.astype(dtype))

    along_y, along_x = (gaussian_weights(sigma).numpy() for sigma in (sigma_y, sigma_x))
    slopes = blur(gaussian_slopes(sigma_y), gaussian_slopes(sigma_x))
    return blur(along_y, along_x), slopes, blur(along_y, along_x, transposed=False)
