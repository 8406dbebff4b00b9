"""The Gaussian blur on a card: one pass over memory along x, one along y; a pixel is one thread's.

The sums run in one order whatever stands beside a frame, so that a frame's bits do not depend on its neighbours.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch
from ..scalars import Scalar
from .weights import gaussian_weights

#: pixels of a program
TILE = 256


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    x = x.detach().contiguous()
    height, width = x.shape[-2:]
    weights_y, weights_x = (gaussian_weights(sigma).detach().to(x) for sigma in sigma_px)
    between, out = torch.empty_like(x), torch.empty_like(x)
    programs, options = triton.cdiv(x.numel(), TILE), {"TILE": TILE, "num_warps": TILE // 32}
    launch(along_x, programs, x, x, between, weights_x, len(weights_x), width, x.numel(), **options)
    launch(along_y, programs, x, between, out, weights_y, len(weights_y), height, width, x.numel(), **options)
    return out


@triton.jit
def pixels_of(width, pixels, total, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the places of a program's pixels in memory, which of them there are, and their rows and columns."""
    first = tl.program_id(0).to(tl.int64) * TILE  # a movie may have more than 2**31 samples
    lanes = tl.arange(0, TILE)
    within = ((first % pixels).to(tl.int32) + lanes) % pixels
    return first + lanes, first + lanes < total, within // width, within % width


@triton.jit
def weighed(source, place, there, weights, taps, at, length, pitch):  # type: ignore[no-untyped-def]
    """Sum what lies along a line around each place, with the line's ends repeated; ``at`` is where on it a place is."""
    total = tl.zeros(place.shape, source.dtype.element_ty)
    for tap in range(taps):
        seen = tl.minimum(tl.maximum(at + tap - taps // 2, 0), length - 1)
        total += tl.load(weights + tap) * tl.load(source + place + (seen - at) * pitch, there, 0)
    return total


@triton.jit(do_not_specialize=["taps", "width", "total"])
def along_x(source, target, weights, taps, width, total, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Blur all frames along x."""
    place, there, _, column = pixels_of(width, width, total, TILE)
    tl.store(target + place, weighed(source, place, there, weights, taps, column, width, 1), there)


@triton.jit(do_not_specialize=["taps", "height", "width", "total"])
def along_y(source, target, weights, taps, height, width, total, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Blur all frames along y."""
    place, there, row, _ = pixels_of(width, height * width, total, TILE)
    tl.store(target + place, weighed(source, place, there, weights, taps, row, height, width), there)
