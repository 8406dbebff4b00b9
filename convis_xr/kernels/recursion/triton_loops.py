"""The time recursions on a graphics card: one program takes a tile of pixels through all of time.

The states stay in registers, so that memory sees each sample once, coming and going. Loads run some steps ahead of the
arithmetic, which they do not depend on. The sums and products are those of the compiled loops, and so are the bits.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch

#: Pixels of a program: one for each of its threads.
TILE = 128

#: Steps that are on their way at once.
STAGES = 4


def cascade(x: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.cascade`` defines; ``rate`` is ``1 - exp(-dt/tau)``."""
    return _run(x, state, rate, 0.0, HIGH_PASS=False)


def high_pass(x: Tensor, state: Tensor, rate: float, weight: float) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.high_pass`` defines, in one pass over memory."""
    return _run(x, state, rate, weight, HIGH_PASS=True)


def _run(x: Tensor, state: Tensor, rate: float, weight: float, **variant: bool) -> tuple[Tensor, Tensor]:
    x, state = x.detach().contiguous(), state.detach().contiguous()
    y, end = torch.empty_like(x), torch.empty_like(state)
    units, steps, pixels = x.shape[0] * x.shape[1], x.shape[2], x.shape[3] * x.shape[4]
    tiles = triton.cdiv(pixels, TILE)
    launch(
        _recursion, units * tiles, x, x, state, y, end, rate, weight, units, steps, pixels, tiles,
        POLES=len(state), TILE=TILE, STAGES=STAGES, num_warps=TILE // 32, **variant,
    )  # fmt: skip
    return y, end


@triton.jit(do_not_specialize=["units", "steps", "tiles"])
def _recursion(
    x, state, y, end, rate: tl.float64, weight: tl.float64, units, steps, pixels, tiles,
    POLES: tl.constexpr, TILE: tl.constexpr, STAGES: tl.constexpr, HIGH_PASS: tl.constexpr,
):  # fmt: skip
    """Filter one tile of one movie; x and y are (unit, step, pixel), state and end (pole, unit, pixel)."""
    rate, weight = tl.full((), rate, x.dtype.element_ty), tl.full((), weight, x.dtype.element_ty)
    unit = (tl.program_id(0) // tiles).to(tl.int64)  # a movie may have more than 2**31 samples
    pixel = tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)
    inside = pixel < pixels
    poles = ()
    for i in tl.static_range(POLES):
        poles += (tl.load(state + (i * units + unit) * pixels + pixel, inside),)
    for k in tl.range(steps, num_stages=STAGES):
        at = (unit * steps + k) * pixels + pixel
        sample = tl.load(x + at, inside)
        value, moved = sample, ()
        for i in tl.static_range(POLES):
            value = poles[i] + rate * (value - poles[i])
            moved += (value,)
        poles = moved
        tl.store(y + at, sample - weight * value if HIGH_PASS else value, inside)
    for i in tl.static_range(POLES):
        tl.store(end + (i * units + unit) * pixels + pixel, poles[i], inside)
