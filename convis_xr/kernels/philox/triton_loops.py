"""The draws on a graphics card, for use inside kernels: each thread draws for its own cells.

The integers are those of every route. Normal draws in float32 come from the polynomials of the compiled loops, of plain
sums and products, and have the same bits; in float64 they go through the card's own logarithm, sine and cosine.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch
from .counters import BLOCKS, TILE, Key
from .reference import INCREMENTS, MULTIPLIERS, ROUNDS

_TILE, _BLOCKS, _ROUNDS = tl.constexpr(TILE), tl.constexpr(BLOCKS), tl.constexpr(ROUNDS)
_M0, _M1 = (tl.constexpr(word) for word in MULTIPLIERS)
_I0, _I1 = (tl.constexpr(word) for word in INCREMENTS)
_QUADRANT = tl.constexpr(math.pi * 2.0**-25)
_PROGRAM = 256  # cells of a program


def fill(name: str, cells: Tensor, key: Key, words: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """Draw "uniform" or "normal" numbers for cells of any shape; ``words`` are words 1 to 3 of the counter."""
    cells = cells.contiguous()
    out = torch.empty(cells.shape, dtype=dtype, device=cells.device)
    n = cells.numel()
    launch(_fill, triton.cdiv(n, _PROGRAM), cells, cells, out, n, *words, *key, NORMAL=name == "normal", SIZE=_PROGRAM)
    return out


@triton.jit(do_not_specialize=["n", "c1", "c2", "c3", "k0", "k1"])
def _fill(
    cells, out, n, c1: tl.uint32, c2: tl.uint32, c3: tl.uint32, k0: tl.uint32, k1: tl.uint32,
    NORMAL: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    i = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    inside = i < n
    block, lane = place_of(tl.load(cells + i, inside, 0))
    words = (c1.to(tl.uint32), c2.to(tl.uint32), c3.to(tl.uint32), k0.to(tl.uint32), k1.to(tl.uint32))
    draw = normal_of(block, lane, words, out.dtype.element_ty) if NORMAL else uniform_of(block, lane, words)
    tl.store(out + i, draw, inside)


@triton.jit
def place_of(cell):
    """Return block and lane of cells; see `counters`."""
    return (cell // _TILE * _BLOCKS + cell % _BLOCKS).to(tl.uint32), (cell // _BLOCKS % 4).to(tl.int32)


@triton.jit
def philox4x32(c0, c1, c2, c3, k0, k1):
    """See `reference.philox4x32`; all words are uint32."""
    for _ in tl.static_range(_ROUNDS):
        high0, high1 = tl.umulhi(c0, _M0), tl.umulhi(c2, _M1)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, c2 * _M1, high0 ^ c3 ^ k1, c0 * _M0
        k0, k1 = k0 + _I0, k1 + _I1
    return c0, c1, c2, c3


@triton.jit
def uniform_of(block, lane, words):
    """See `reference.uniform`: float32; ``words`` are words 1 to 3 of the counter and the two of the key."""
    w0, w1, w2, w3 = philox4x32(block, *words)
    own = tl.where(lane < 2, tl.where(lane == 0, w0, w1), tl.where(lane == 2, w2, w3))
    return ((own >> 9).to(tl.float32) + 0.5) * 1.1920928955078125e-07  # 2**-23


@triton.jit
def normal_of(block, lane, words, DTYPE: tl.constexpr):
    """See `reference.normal`."""
    w0, w1, w2, w3 = philox4x32(block, *words)
    first, second = tl.where(lane < 2, w0, w2), tl.where(lane < 2, w1, w3)
    u = (first.to(tl.float32) + 0.5) * 2.3283064365386963e-10  # 2**-32
    angle = ((second << 2).to(tl.int32, bitcast=True) >> 8).to(DTYPE) * _QUADRANT
    if DTYPE.primitive_bitwidth == 32:
        radius, cosine, sine = tl.sqrt_rn(-2.0 * _log_unit(u)), _cos(angle), _sin(angle)
    else:
        radius, cosine, sine = tl.sqrt(-2.0 * tl.log(u.to(DTYPE))), tl.cos(angle), tl.sin(angle)
    # The quadrant turns (cos, sin) by whole right angles, which loses no digit; the odd lane is the sine.
    turn = ((second >> 30).to(tl.int32) - (lane & 1)) & 3
    part = tl.where((turn & 1) == 0, cosine, sine)
    return radius * tl.where((turn == 1) | (turn == 2), -part, part)


@triton.jit
def _log_unit(u):
    """Natural logarithm of a float32 in (0, 1]: that of `loops.log_unit`."""
    bits = u.to(tl.int32, bitcast=True)
    exponent = (bits - 0x3F3504F3) >> 23
    f = (bits - (exponent << 23)).to(tl.float32, bitcast=True) - 1.0
    e = exponent.to(tl.float32)
    p = -7.8595457750e-02 * f + 1.2881622364e-01
    p = p * f - 1.3128767652e-01
    p = p * f + 1.4181196119e-01
    p = p * f - 1.6624553143e-01
    p = p * f + 2.0002286084e-01
    p = p * f - 2.5000810428e-01
    p = p * f + 3.3333316727e-01
    square = f * f
    return f + (p * f * square + e * -2.12194440e-4 - 0.5 * square) + e * 0.693359375


@triton.jit
def _sin(angle):
    """Sine of a float32 within an eighth of the circle."""
    z = angle * angle
    return angle + angle * z * (-1.6666654943e-01 + z * (8.3321781362e-03 + z * -1.9517297897e-04))


@triton.jit
def _cos(angle):
    """Cosine of a float32 within an eighth of the circle."""
    z = angle * angle
    return 1.0 - 0.5 * z + z * z * (4.1666646866e-02 + z * (-1.3887367497e-03 + z * 2.4438449679e-05))
