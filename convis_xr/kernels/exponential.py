"""Exponential and logarithm in float64 for compiled loops, of plain arithmetic, so that these become vectors."""

from __future__ import annotations

import numpy as np

from .compiled import compiled_inline

_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # the high part's multiples are exact
_ROUND = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to a whole number
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_FARTHEST = 708.0  # 2**k stays a normal number


@compiled_inline
def expm1(x):  # type: ignore[no-untyped-def]
    """Return exp(x) - 1 to two units in the last place, and exp(-708) - 1 or exp(708) - 1 beyond; NaN stays NaN."""
    x = -_FARTHEST if x < -_FARTHEST else x
    x = _FARTHEST if x > _FARTHEST else x
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    # the low bits of the shifted number are k: moved up by 52, with the bias, they are the exponent of 2**k
    scale = np.int64((np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52)).view(np.float64)
    return scale * (p * r * r + r) + (scale - 1.0)


@compiled_inline
def log1p(x):  # type: ignore[no-untyped-def]
    """Return log(1 + x), x of 0 or more and below 1e308, to two units in the last place."""
    u = 1.0 + x
    bits = np.float64(u).view(np.int64)
    k = np.int64(bits - np.int64(_SQRT_HALF_BITS)) >> np.int64(52)
    f = np.int64(bits - np.int64(k << np.int64(52))).view(np.float64) - 1.0  # u = (1 + f) 2**k, f in (-0.3, 0.42)
    s = f / (2.0 + f)  # log(1 + f) = 2 artanh(s)
    z = s * s
    p = 2.0 / 21.0
    p = p * z + 2.0 / 19.0
    p = p * z + 2.0 / 17.0
    p = p * z + 2.0 / 15.0
    p = p * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    rounded = (x - (u - 1.0)) / u  # what the sum 1 + x lost
    return k * _LN2_HIGH + (f - s * (f - p * z) + (k * _LN2_LOW + rounded))
