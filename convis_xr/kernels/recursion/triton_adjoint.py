"""The adjoints of the time recursions on a graphics card: one program takes a tile of pixels back through all of time.

What they compute, and why, stands in `adjoint_loops`; the gradients in movie and state have the bits of those loops.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch
from .adjoint_loops import Entered
from .triton_loops import STAGES, TILE


def cascade(
    grad_y: Tensor, grad_end: Tensor, rate: float, entered: Entered | None, wants_movie: bool
) -> tuple[Tensor | None, Tensor, float]:
    """Return the gradients in movie, state and rate, as `adjoint_loops.cascade`."""
    grad_x, grad_state, slopes = _run(grad_y, grad_end, rate, 0.0, entered, wants_movie, HIGH_PASS=False)
    return grad_x, grad_state, slopes[0]


def high_pass(
    grad_y: Tensor, grad_end: Tensor, rate: float, weight: float, entered: Entered | None, wants_movie: bool
) -> tuple[Tensor | None, Tensor, float, float]:
    """Return the gradients in movie, state, rate and weight, as `adjoint_loops.high_pass`."""
    grad_x, grad_state, slopes = _run(grad_y, grad_end, rate, weight, entered, wants_movie, HIGH_PASS=True)
    return grad_x, grad_state, slopes[0], slopes[1]


def _run(
    grad_y: Tensor,
    grad_end: Tensor,
    rate: float,
    weight: float,
    entered: Entered | None,
    wants_movie: bool,
    **variant: bool,
) -> tuple[Tensor | None, Tensor, list[float]]:
    grad_y, grad_end = grad_y.contiguous(), grad_end.contiguous()
    grad_x, grad_state = torch.empty_like(grad_y) if wants_movie else None, torch.empty_like(grad_end)
    batch, channels, steps, *frame = grad_y.shape
    units, pixels = batch * channels, frame[0] * frame[1]
    tiles, movie = triton.cdiv(pixels, TILE), None if entered is None else entered[0].detach().contiguous()
    # Derivatives: of the gradient in each pole in the rate, of that in the first in the weight; of the whole in both.
    slopes: Any = None if entered is None else grad_end.new_zeros(len(grad_end) + 1, *grad_end.shape[1:])
    totals: Any = None if entered is None else grad_end.new_zeros(2, *grad_end.shape[1:], dtype=torch.float64)
    launch(
        _adjoint, units * tiles, grad_y, movie, grad_y, grad_end, grad_x, grad_state, slopes, totals, rate, weight,
        units, steps, pixels, tiles, POLES=len(grad_end), TILE=TILE, STAGES=STAGES, num_warps=TILE // 32, **variant,
    )  # fmt: skip
    if entered is None:
        return grad_x, grad_state, [0.0, 0.0]
    state = entered[1].detach().double()
    in_rate = totals[0].sum() + (slopes[:-1].double() * state).sum()
    in_weight = totals[1].sum() + (slopes[-1].double() * state[0]).sum()
    return grad_x, grad_state, torch.stack([in_rate, in_weight]).tolist()


@triton.jit(do_not_specialize=["units", "steps", "tiles"])
def _adjoint(
    movie, back, grad_end, grad_x, grad_state, slopes, totals, rate: tl.float64, weight: tl.float64,
    units, steps, pixels, tiles,
    POLES: tl.constexpr, TILE: tl.constexpr, STAGES: tl.constexpr, HIGH_PASS: tl.constexpr,
):  # fmt: skip
    """Take one tile back through time; movies are (unit, step, pixel), states (pole, unit, pixel).

    Without ``movie`` there are no ``slopes`` (poles + 1, unit, pixel) and ``totals`` (2, unit, pixel) either, and
    ``grad_x`` may be missing too.
    """
    rate, weight = tl.full((), rate, back.dtype.element_ty), tl.full((), weight, back.dtype.element_ty)
    unit, pixel = (tl.program_id(0) // tiles).to(tl.int64), tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)
    inside = pixel < pixels
    later, steep = (), ()  # of the last pole first
    for i in tl.static_range(POLES):
        end = tl.load(grad_end + ((POLES - 1 - i) * units + unit) * pixels + pixel, inside)
        later += (end,)
        steep += (tl.zeros_like(end),)
    tilt = tl.zeros((TILE,), back.dtype.element_ty)
    in_rate, in_weight = tl.zeros((TILE,), tl.float64), tl.zeros((TILE,), tl.float64)
    for k in tl.range(steps, num_stages=STAGES):
        at = (unit * steps + steps - 1 - k) * pixels + pixel
        g = tl.load(back + at, inside)
        value, passed, later, steep = _step(-weight * g if HIGH_PASS else g, later, steep, rate, POLES)
        if grad_x is not None:
            tl.store(grad_x + at, g + value if HIGH_PASS else value, inside)
        if movie is not None:
            x = tl.load(movie + at, inside, 0.0)
            in_rate += (x * passed).to(tl.float64)
            part = rate * (tilt - g)
            in_weight += (x * part).to(tl.float64)
            tilt = tilt - g - part
    for i in tl.static_range(POLES):
        state = ((POLES - 1 - i) * units + unit) * pixels + pixel
        tl.store(grad_state + state, later[i], inside)
        if movie is not None:
            tl.store(slopes + state, steep[i], inside)
    if movie is not None:
        tl.store(slopes + (POLES * units + unit) * pixels + pixel, tilt, inside)
        tl.store(totals + unit * pixels + pixel, in_rate, inside)
        tl.store(totals + (units + unit) * pixels + pixel, in_weight, inside)


@triton.jit
def _step(value, later, steep, rate, POLES: tl.constexpr):
    """Go back one step: return the gradient in the sample and its derivative in the rate, and both for each pole."""
    passed, moved, turned = tl.zeros_like(value), (), ()
    for i in tl.static_range(POLES):
        whole, slope = value + later[i], passed + steep[i]
        value = rate * whole
        passed = whole + rate * slope
        moved += (whole - value,)
        turned += (slope - passed,)
    return value, passed, moved, turned
