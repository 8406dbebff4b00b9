"""The gain control as compiled loops: one movie after the other, its state and all between in the cache.

A step has three passes over a frame: V and what enters the adaptation; its blur, along x and along y; the adaptation.
Threads share out the movies (batch entries and channels).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..gaussian.rows import VECTOR_BYTES, combine
from ..gaussian.weights import gaussian_weights
from ..memory import copied, empty_like
from ..recursion.rate import rate_of
from ..scalars import number
from ..threads import parallel
from .parameters import GainControl

_F, _I = np.float32, np.int32
_ROUND = _F(1.5 * 2**23)  # added to a small float32, it rounds it to a whole number and leaves that in the last bits


class Constants(NamedTuple):
    """What a step needs, in the dtype of the movie."""

    amplification: Any
    leak: Any
    gain: Any
    rate: Any
    dt: Any


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference.gain_control`` defines."""
    x = x.detach().contiguous()
    new_v, new_a = (copied(part) for part in state)
    out = empty_like(x)
    adaptation = empty_like(x if with_adaptation else x[:, :, :0])
    movies, vs, adaptations = (t.flatten(0, 1).numpy() for t in (x, out, adaptation))
    v, a = (t.flatten(0, 1).numpy() for t in (new_v, new_a))
    scalars = (p.input_amplification, p.g_leak, p.gain, rate_of(p.tau, p.dt), p.dt)
    constants = Constants(*(movies.dtype.type(number(value)) for value in scalars))
    weights_y, weights_x = (gaussian_weights(sigma).numpy().astype(movies.dtype) for sigma in p.sigma_px)

    def run(unit: int) -> None:
        _run(movies[unit], v[unit], a[unit], vs[unit], adaptations[unit], weights_y, weights_x, constants)

    parallel(run, range(len(movies)))
    return out, adaptation if with_adaptation else None, (new_v, new_a)


@compiled
def _run(x, v, a, vs, adaptations, weights_y, weights_x, c):  # type: ignore[no-untyped-def]
    height, width = v.shape
    lanes = VECTOR_BYTES // v.itemsize
    # An odd number of vectors in a row: rows do not compete for the same places in the cache.
    pitch = (-(-width // lanes) | 1) * lanes
    beyond_y, beyond_x = len(weights_y) // 2, len(weights_x) // 2
    drive = np.zeros((height, pitch + 2 * beyond_x), v.dtype)
    along_x = np.zeros((height + 2 * beyond_y, pitch), v.dtype)
    blurred = np.zeros((height, pitch), v.dtype)
    # Every pixel begins a row of its own: so the blur along x is the sum of rows that the blur along y is.
    shifted = drive.reshape(drive.size, 1)
    first_x, first_y = np.arange(height) * drive.shape[1], np.arange(height)
    each_x, each_y = _repeat(weights_x, height), _repeat(weights_y, height)
    for k in range(len(x)):
        for i in range(height):
            _move(x[k, i], v[i], a[i], vs[k, i], drive[i, beyond_x : beyond_x + width], c)
        if c.gain > 0:
            _replicate(drive.T, beyond_x, width)
            combine(shifted, first_x, each_x, along_x[beyond_y : beyond_y + height], width)
            _replicate(along_x, beyond_y, height)
            combine(along_x, first_y, each_y, blurred, width)
        for i in range(height):
            _adapt(a[i], blurred[i], c.rate)
        if len(adaptations):
            for i in range(height):
                _copy(a[i], adaptations[k, i])


@compiled
def _repeat(weights, n):  # type: ignore[no-untyped-def]
    rows = np.empty((n, len(weights)), weights.dtype)
    for i in range(n):
        _copy(weights, rows[i])
    return rows


@compiled
def _replicate(rows, before, n):  # type: ignore[no-untyped-def]
    """Fill the rows around the n that begin at `before` with the first and the last of them."""
    for i in range(before):
        _copy(rows[before], rows[i])
        _copy(rows[before + n - 1], rows[before + n + i])


@compiled_inline
def _copy(source, target):  # type: ignore[no-untyped-def]
    # Assigning to a slice would do, but takes seconds to compile.
    for i in range(len(source)):
        target[i] = source[i]


@compiled_inline
def _move(x, v, a, out, drive, c):  # type: ignore[no-untyped-def]
    """Move the membranes of a row by one step; ``drive`` is what will enter their adaptation."""
    for j in range(len(v)):
        g = c.leak + a[j]
        fall = -expm1(-g * c.dt) / g
        fall = fall if g != 0 else c.dt
        new = v[j] + (c.amplification * x[j] - g * v[j]) * fall
        v[j] = new
        out[j] = new
        drive[j] = c.gain * new * new


@compiled_inline
def _adapt(a, blurred, rate):  # type: ignore[no-untyped-def]
    for j in range(len(a)):
        a[j] += rate * (blurred[j] - a[j])


def expm1(x):  # type: ignore[no-untyped-def]
    """Return ``exp(x) - 1`` for x below 88. Only compiled code can call it; in float32 it fills whole vectors."""
    raise NotImplementedError("expm1 is compiled code's; see math.expm1")


@overload(expm1)
def _expm1(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        return lambda x: _expm1_float32(x)
    return lambda x: math.expm1(x)


@compiled_inline
def _expm1_float32(x):  # type: ignore[no-untyped-def]
    """See `expm1`; the polynomial has the smallest largest error, 1.3e-8, before rounding."""
    x = _F(-87) if x < _F(-87) else x
    shifted = x * _F(1.4426950408889634) + _ROUND
    n = shifted - _ROUND
    r = (x - n * _F(0.693359375)) - n * _F(-2.12194440e-4)
    p = _F(1.3946412585e-03)
    p = p * r + _F(8.3665648835e-03)
    p = p * r + _F(4.1666282655e-02)
    p = p * r + _F(1.6666543171e-01)
    p = p * r + _F(5.0000000617e-01)
    scale = _I((_F(shifted).view(np.int32) << _I(23)) + _I(0x3F800000)).view(np.float32)  # 2**n
    return scale * (r + p * r * r) + (scale - _F(1))
