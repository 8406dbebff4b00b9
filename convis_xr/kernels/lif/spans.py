"""One cell that fires, followed from spike to spike through one step, in float64."""

from __future__ import annotations

import math

import numpy as np

from ..compiled import compiled
from ..exponential import expm1
from ..philox.loops import normal_of_cell, uniform_of_cell
from .membrane import BRIDGE, CERTAIN, MOST, NOISE, REFRACTORY

_U = np.uint32


@compiled
def follow(v, end, h, drive, cell, membrane, draw, times, like):  # type: ignore[no-untyped-def]
    """Follow a cell through what is left of a step and its spikes, as ``reference.one_step`` does.

    Its first span leads from v to end in a time h. ``draw`` holds step (two words), repeat and key; draws are of the
    type of ``like``. Returns the number of spikes, the membrane, and what is left of the refractory period; fills
    ``times``.
    """
    low, high, repeat, k0, k1 = draw
    count = 0
    while count <= MOST:
        word = _U(high | _U(count << 16))
        if v < 1.0 and end < 1.0:
            if not _crossed(v, end, h, cell, membrane, low, word, repeat, k0, k1):
                return count, end, 0.0
            end = 2.0 - end
        elif math.isnan(end):
            return count, end, 0.0
        h -= _crossing_time(v, end, h, membrane.g_leak)
        times[count] = membrane.dt - h
        left = membrane.refractory_mean
        if membrane.refractory_sd > 0.0:
            stream = _U(word | _U(REFRACTORY << 28))
            left += membrane.refractory_sd * normal_of_cell(cell, low, stream, repeat, k0, k1, like)
        left = max(left, 0.0)
        count += 1
        if left >= h:
            return count, 0.0, left - h
        v, h = 0.0, h - left
        n = 0.0
        if membrane.noise > 0.0:
            stream = _U(high | _U(count << 16) | _U(NOISE << 28))
            n = np.float64(normal_of_cell(cell, low, stream, repeat, k0, k1, like))
        end = _move(drive, n, h, membrane)
    return count, v, 0.0


@compiled
def _move(drive, n, h, membrane):  # type: ignore[no-untyped-def]
    """Return where a membrane is that started at 0."""
    lost = -expm1(-membrane.g_leak * h)
    gain = lost / membrane.g_leak if membrane.g_leak > 0.0 else h
    return drive * gain + membrane.noise * math.sqrt(lost * (2.0 - lost)) * n


@compiled
def _crossed(v, end, h, cell, membrane, low, word, repeat, k0, k1):  # type: ignore[no-untyped-def]
    """Say whether a membrane that is below threshold at both ends of a span crossed it within."""
    bridge = membrane.noise**2 * math.sinh(min(membrane.g_leak * h, 700.0))
    odds = (1.0 - v) * (1.0 - end)
    if odds >= CERTAIN * bridge:
        return False
    return uniform_of_cell(cell, low, _U(word | _U(BRIDGE << 28)), repeat, k0, k1) < math.exp(-odds / bridge)


@compiled
def _crossing_time(v, end, h, g_leak):  # type: ignore[no-untyped-def]
    if v >= 1.0:
        return 0.0
    if g_leak * h == 0.0:
        return h * (1.0 - v) / (end - v)
    lost = -expm1(-g_leak * h)
    return min(h, math.log1p(lost * (1.0 - v) / ((end - 1.0) + (1.0 - lost) * (1.0 - v))) / g_leak)
