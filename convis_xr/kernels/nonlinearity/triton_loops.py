"""The static nonlinearity on a graphics card: one pass over memory, and a function for kernels that fuse it."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch

#: Values of a program.
SIZE = 1024


def ganglion_nonlinearity(v: Tensor, threshold: float, baseline: float, slope: float) -> Tensor:
    """Compute what ``reference.ganglion_nonlinearity`` defines."""
    v = v.detach().contiguous()
    out = torch.empty_like(v)
    launch(_fill, triton.cdiv(v.numel(), SIZE), v, v, out, v.numel(), threshold, baseline, slope, SIZE=SIZE)
    return out


@triton.jit(do_not_specialize=["n"])
def _fill(v, out, n, threshold: tl.float64, baseline: tl.float64, slope: tl.float64, SIZE: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    current = current_of(tl.load(v + i, i < n), threshold, baseline, slope)
    tl.store(out + i, current, i < n)


@triton.jit
def current_of(v, threshold, baseline, slope):
    """Return N(v), by the operations of `loops.current_of`; parameters are rounded to the dtype of v."""
    threshold, baseline = tl.full((), threshold, v.dtype), tl.full((), baseline, v.dtype)
    rise = tl.full((), slope, v.dtype) * (v - threshold)
    # Without slope and baseline both branches are 0, and the lower one is 0/0.
    low = tl.where(rise == baseline, baseline, divided(baseline * baseline, baseline - rise))
    return tl.where(v >= threshold, baseline + rise, low)


@triton.jit
def divided(a, b):
    """Return a/b, rounded as on the processor: a card's own division of float32 is a bit off."""
    return tl.div_rn(a, b) if b.dtype == tl.float32 else a / b
