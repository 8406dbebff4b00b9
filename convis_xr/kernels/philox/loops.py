"""The draws for use inside compiled loops.

Nothing here branches and nothing calls into a library in float32, so that whole tiles are drawn in vectors: logarithm,
sine and cosine are polynomials, fitted for the smallest largest error (below one unit in the last place).
Only plain sums and products: a draw has the same bits at every place in a vector.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from ..compiled import compiled, compiled_inline
from .counters import BLOCKS, MASK, TILE
from .reference import INCREMENTS, MULTIPLIERS

_F, _I, _U, _W = np.float32, np.int32, np.uint32, np.uint64
_M0, _M1 = _W(MULTIPLIERS[0]), _W(MULTIPLIERS[1])
_I0, _I1 = _W(INCREMENTS[0]), _W(INCREMENTS[1])
_SHIFT, _LOW = _W(32), _W(MASK)
_SQRT_HALF_BITS = _I(0x3F3504F3)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)  # the high part has few digits: its multiples are exact


@compiled_inline
def _round(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    p0, p1 = _M0 * c0, _M1 * c2
    return (
        (p1 >> _SHIFT) ^ c1 ^ k0,
        p1 & _LOW,
        (p0 >> _SHIFT) ^ c3 ^ k1,
        p0 & _LOW,
        (k0 + _I0) & _LOW,
        (k1 + _I1) & _LOW,
    )


@compiled_inline
def philox4x32(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """See `reference.philox4x32`; all words are uint32. Written out: a loop would keep callers from vectors.

    Inside, words lie in 64 bits: a vector's product of 32 by 32 bits fills them, and no halves have to be sorted.
    """
    c0, c1, c2, c3, k0, k1 = _W(c0), _W(c1), _W(c2), _W(c3), _W(k0), _W(k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, _, _ = _round(c0, c1, c2, c3, k0, k1)
    return _U(c0), _U(c1), _U(c2), _U(c3)


@compiled_inline
def log_unit(u):  # type: ignore[no-untyped-def]
    """Natural logarithm of a float32 in (0, 1]."""
    bits = _F(u).view(np.int32)
    exponent = _I((bits - _SQRT_HALF_BITS) >> _I(23))
    f = _I(bits - _I(exponent << _I(23))).view(np.float32) - _F(1)  # u = (1 + f) 2**exponent, f in (-0.3, 0.42)
    e = _F(exponent)
    p = _F(-7.8595457750e-02)
    p = p * f + _F(1.2881622364e-01)
    p = p * f + _F(-1.3128767652e-01)
    p = p * f + _F(1.4181196119e-01)
    p = p * f + _F(-1.6624553143e-01)
    p = p * f + _F(2.0002286084e-01)
    p = p * f + _F(-2.5000810428e-01)
    p = p * f + _F(3.3333316727e-01)
    square = f * f
    return f + (p * f * square + e * _LN2_LOW - _F(0.5) * square) + e * _LN2_HIGH


@compiled_inline
def _place(second):  # type: ignore[no-untyped-def]
    """Return the signed 24-bit place within the quadrant."""
    return _I(_I(_U(second << _U(2))) >> _I(8))


@compiled_inline
def _pair_float32(first, second):  # type: ignore[no-untyped-def]
    radius = np.sqrt(_F(-2) * log_unit((_F(first) + _F(0.5)) * _F(2.0**-32)))
    angle = _F(_place(second)) * _F(math.pi * 2.0**-25)
    z = angle * angle
    sine = angle + angle * z * (_F(-1.6666654943e-01) + z * (_F(8.3321781362e-03) + z * _F(-1.9517297897e-04)))
    tail = _F(4.1666646866e-02) + z * (_F(-1.3887367497e-03) + z * _F(2.4438449679e-05))
    cosine = _F(1) - _F(0.5) * z + z * z * tail
    quadrant = _U(second >> _U(30))
    odd = (quadrant & _U(1)) != _U(0)
    a, b = (sine, cosine) if odd else (cosine, sine)
    a = -a if (quadrant == _U(1)) | (quadrant == _U(2)) else a
    b = -b if quadrant >= _U(2) else b
    return radius * a, radius * b


@compiled
def _pair_float64(first, second):  # type: ignore[no-untyped-def]
    radius = math.sqrt(-2.0 * math.log(np.float64((_F(first) + _F(0.5)) * _F(2.0**-32))))
    angle = _place(second) * (math.pi * 2.0**-25)
    sine, cosine = math.sin(angle), math.cos(angle)
    quadrant = second >> _U(30)
    if quadrant == 0:
        return radius * cosine, radius * sine
    if quadrant == 1:
        return -radius * sine, radius * cosine
    if quadrant == 2:
        return -radius * cosine, -radius * sine
    return radius * sine, -radius * cosine


def normal_pair(first, second, like):  # type: ignore[no-untyped-def]
    """Make two normal draws of the type of `like` from two words. Only compiled code can call it."""
    raise NotImplementedError("normal_pair is compiled code's; see reference.normal")


@overload(normal_pair)
def _normal_pair(first, second, like):  # type: ignore[no-untyped-def]
    if like == types.float32:
        return lambda first, second, like: _pair_float32(first, second)
    return lambda first, second, like: _pair_float64(first, second)


@compiled
def tiles_of_normals(out, n, block, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Draw for n whole tiles of cells, one after the other: fills out[:n] of (tile, TILE)."""
    for tile in range(n):
        for j in range(BLOCKS):
            w0, w1, w2, w3 = philox4x32(_U(block + _U(tile * BLOCKS + j)), c1, c2, c3, k0, k1)
            out[tile, j], out[tile, BLOCKS + j] = normal_pair(w0, w1, out[0, 0])
            out[tile, 2 * BLOCKS + j], out[tile, 3 * BLOCKS + j] = normal_pair(w2, w3, out[0, 0])


@compiled_inline
def words_of_cell(cell, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Return lane and block words of one cell."""
    cell = _W(cell)  # the powers of two become shifts
    block = _U((cell // _W(TILE)) * _W(BLOCKS) + cell % _W(BLOCKS))
    return cell // _W(BLOCKS) % _W(4), philox4x32(block, c1, c2, c3, k0, k1)


@compiled_inline
def uniform_of_cell(cell, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """See `reference.uniform`: float64, but every value is one of float32."""
    lane, (w0, w1, w2, w3) = words_of_cell(cell, c1, c2, c3, k0, k1)
    word = (w0 if lane == _W(0) else w1) if lane < _W(2) else (w2 if lane == _W(2) else w3)
    return (np.float64(word >> _U(9)) + 0.5) * 2.0**-23


@compiled_inline
def normal_of_cell(cell, c1, c2, c3, k0, k1, like):  # type: ignore[no-untyped-def]
    """See `reference.normal`: of the type of `like`, with the bits that `tile_of_normals` gives the cell."""
    lane, (w0, w1, w2, w3) = words_of_cell(cell, c1, c2, c3, k0, k1)
    first, second = (w0, w1) if lane < _W(2) else (w2, w3)
    a, b = normal_pair(first, second, like)
    return a if lane % _W(2) == _W(0) else b


@compiled
def uniforms(cells, out, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Fill out (n,) with the draws of cells (n,)."""
    for i in range(cells.size):
        out[i] = uniform_of_cell(cells[i], c1, c2, c3, k0, k1)


@compiled
def normals(cells, out, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Fill out (n,) with the draws of cells (n,)."""
    for i in range(cells.size):
        out[i] = normal_of_cell(cells[i], c1, c2, c3, k0, k1, out[i])
