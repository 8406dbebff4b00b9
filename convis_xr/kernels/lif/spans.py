"""A cell between two spikes, and from spike to spike through what is left of a step, in float64."""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled, compiled_inline
from ..exponential import expm1, log1p
from ..philox.loops import normal_of_cell, uniform_of_cell
from .membrane import BRIDGE, CERTAIN, MOST, NOISE, REFRACTORY

_U = np.uint32
_HUGE = 1e300


@compiled
def follow(h, drive, cell, membrane, draw, times, like):  # type: ignore[no-untyped-def]
    """Follow a cell, awake at 0 after one spike, through the time h that is left of its step.

    Does what ``reference.one_step`` does. ``draw`` holds the step (two words), repeat and key; draws are of the type of
    ``like``. Returns the number of spikes, the membrane, and what is left of the refractory period; fills ``times``.
    """
    low, high, repeat, k0, k1 = draw
    count = 1
    while count <= MOST:
        word = _U(high | _U(count << 16))
        n = 0.0
        if membrane.noise > 0.0:
            n = np.float64(normal_of_cell(cell, low, _U(word | _U(NOISE << 28)), repeat, k0, k1, like))
        end = move(drive, n, h, membrane)
        if end < 1.0:
            if not crossed(0.0, end, h, cell, membrane, count, draw):
                return count, end, 0.0
            end = 2.0 - end
        elif math.isnan(end):
            return count, end, 0.0
        h -= crossing_time(0.0, end, h, membrane.g_leak)
        times[count] = membrane.dt - h
        count += 1
        left = membrane.refractory_mean
        if membrane.refractory_sd > 0.0:
            left += membrane.refractory_sd * normal_of_cell(
                cell, low, _U(word | _U(REFRACTORY << 28)), repeat, k0, k1, like
            )
        left = max(left, 0.0)
        if left >= h:
            return count, 0.0, left - h
        h -= left
    return count, 0.0, 0.0


@compiled_inline
def move(drive, n, h, membrane):  # type: ignore[no-untyped-def]
    """Return where a membrane is that started at 0."""
    lost = -expm1(-membrane.g_leak * h)
    gain = lost / membrane.g_leak if membrane.g_leak > 0.0 else h
    return drive * gain + membrane.noise * math.sqrt(lost * (2.0 - lost)) * n


@compiled
def crossed(v, end, h, cell, membrane, count, draw):  # type: ignore[no-untyped-def]
    """Say whether a membrane that is below threshold at both ends of a span crossed it within."""
    bridge = membrane.noise**2 * math.sinh(min(membrane.g_leak * h, 700.0))
    odds = (1.0 - v) * (1.0 - end)
    if odds >= CERTAIN * bridge:
        return False
    low, high, repeat, k0, k1 = draw
    word = _U(high | _U(count << 16) | _U(BRIDGE << 28))
    return uniform_of_cell(cell, low, word, repeat, k0, k1) < math.exp(-odds / bridge)


@compiled_inline
def crossing_time(v, end, h, g_leak):  # type: ignore[no-untyped-def]
    """See ``reference.crossing_time``; without branches, so that it can be part of a vector."""
    lost = -expm1(-g_leak * h)
    ratio = lost * (1.0 - v) / ((end - 1.0) + (1.0 - lost) * (1.0 - v))
    ratio = ratio if 0.0 <= ratio < _HUGE else _HUGE
    time = log1p(ratio) / g_leak if lost > 0.0 else h * (1.0 - v) / (end - v)
    return 0.0 if v >= 1.0 else min(h, time)
