"""What happens first to cells that may fire in a step: packed side by side, so that a vector takes several at once.

A cell is a candidate when it is at threshold, may have crossed it within the step, or comes out of its refractory
period. `first_span` and `chances` find out which ones fire, `settle` brings these to the front, and `first_spike` takes
them to the end of their first refractory period; what else they do in the step is left to `spans.follow`.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, compiled_inline
from ..exponential import expm1
from ..philox.loops import log_unit, normal_of_cell, uniform_of_cell
from .membrane import BRIDGE, REFRACTORY
from .spans import crossed, crossing_time

_U = np.uint32

#: Candidates that are looked at together, and what is kept of each: where its membrane starts and ends, the length of
#: its span, its current and its noise, how near to threshold is near enough, and for how long it will be refractory.
LANES = 16
_V, _END, _H, _DRIVE, _NOISE, _REACH, _QUIET = (column * LANES for column in range(7))

#: More than what logarithm and exponential are wrong by, for draws as small as 2**-24.
_MARGIN = 1e-5


@compiled
def room_for(n):  # type: ignore[no-untyped-def]
    """Return room for n candidates: the place of each in its run, and its numbers."""
    return np.zeros((n // LANES, LANES), np.int64), np.zeros((n // LANES, 7 * LANES))


@compiled_inline
def chunks_of(many):  # type: ignore[no-untyped-def]
    """Return the number of chunks that hold so many candidates; what fills up the last one is never read."""
    return (many + LANES - 1) // LANES


@compiled
def pick(marks, candidates, n):  # type: ignore[no-untyped-def]
    """Write down the places of the cells that are marked among the first n; return how many there are."""
    places = candidates[0].reshape(candidates[0].size)
    many = np.uint64(0)
    for i in range(n):
        places[many] = i
        many += np.uint64(marks[i])
    return np.int64(many)


@compiled
def pack(candidates, many, before, v, left, drive, noise):  # type: ignore[no-untyped-def]
    """Bring the numbers of the candidates together; for the length of the span, what is left of the refractory time."""
    places, numbers = candidates
    for i in range(many):
        chunk, lane = i // LANES, i % LANES
        j = np.uint64(places[chunk, lane])
        numbers[chunk, _V + lane], numbers[chunk, _END + lane] = before[j], v[j]
        numbers[chunk, _H + lane] = left[j]
        numbers[chunk, _DRIVE + lane], numbers[chunk, _NOISE + lane] = drive[j], noise[j]


@compiled
def first_span(candidates, many, membrane):  # type: ignore[no-untyped-def]
    """Find the span up to the first spike: of those that were refractory it is shorter, and starts at 0."""
    numbers, g_leak, noise, dt = candidates[1], membrane.g_leak, membrane.noise, membrane.dt
    for chunk in range(chunks_of(many)):
        for lane in range(LANES):
            left = numbers[chunk, _H + lane]
            late = left > 0.0
            h = dt - left if late else dt
            lost = -expm1(-g_leak * h)
            variance = lost * (2.0 - lost)  # 1 - exp(-2 x)
            gain = lost / g_leak if g_leak > 0.0 else h
            end = numbers[chunk, _DRIVE + lane] * gain + noise * np.sqrt(variance) * numbers[chunk, _NOISE + lane]
            numbers[chunk, _V + lane] = 0.0 if late else numbers[chunk, _V + lane]
            numbers[chunk, _END + lane] = end if late else numbers[chunk, _END + lane]
            numbers[chunk, _H + lane] = h
            numbers[chunk, _REACH + lane] = noise * noise * (variance / (2.0 - 2.0 * lost))  # noise**2 sinh(x)


@compiled
def chances(candidates, many, cell, draw):  # type: ignore[no-untyped-def]
    """Turn ``u < exp(-odds/bridge)``, whether a span below threshold crossed it, into how small the odds have to be."""
    places, numbers = candidates
    low, high, repeat, k0, k1 = draw
    word = _U(high | _U(BRIDGE << 28))
    for chunk in range(chunks_of(many)):
        for lane in range(LANES):
            u = uniform_of_cell(cell + places[chunk, lane], low, word, repeat, k0, k1)
            numbers[chunk, _REACH + lane] *= _MARGIN - np.float64(log_unit(np.float32(u)))


@compiled
def settle(candidates, many, cell, membrane, draw, v, left):  # type: ignore[no-untyped-def]
    """Write down where cells are that do not fire, bring those that do to the front; return how many these are."""
    places, numbers = candidates
    firing = 0
    for i in range(many):
        chunk, lane = i // LANES, i % LANES
        j, start = places[chunk, lane], numbers[chunk, _V + lane]
        end, h = numbers[chunk, _END + lane], numbers[chunk, _H + lane]
        fires = end == end
        if start < 1.0 and end < 1.0:
            near = (1.0 - start) * (1.0 - end) < numbers[chunk, _REACH + lane]
            fires = near and crossed(start, end, h, cell + j, membrane, 0, draw)
            end = 2.0 - end if fires else end
        if not fires:
            v[j], left[j] = end, 0.0
            continue
        chunk, lane = firing // LANES, firing % LANES
        places[chunk, lane], numbers[chunk, _V + lane] = j, start
        numbers[chunk, _END + lane], numbers[chunk, _H + lane] = end, h
        firing += 1
    return firing


@compiled
def first_spike(candidates, firing, cell, membrane, draw, like):  # type: ignore[no-untyped-def]
    """Find what is left of the step after the first spike, and for how long the cell is refractory then."""
    places, numbers = candidates
    g_leak, mean, spread = membrane.g_leak, membrane.refractory_mean, membrane.refractory_sd
    for chunk in range(chunks_of(firing)):
        for lane in range(LANES):
            h = numbers[chunk, _H + lane]
            numbers[chunk, _H + lane] = h - crossing_time(
                numbers[chunk, _V + lane], numbers[chunk, _END + lane], h, g_leak
            )
            numbers[chunk, _QUIET + lane] = mean
    if spread > 0.0:
        low, high, repeat, k0, k1 = draw
        word = _U(high | _U(REFRACTORY << 28))
        for chunk in range(chunks_of(firing)):
            for lane in range(LANES):
                n = normal_of_cell(cell + places[chunk, lane], low, word, repeat, k0, k1, like)
                numbers[chunk, _QUIET + lane] += spread * n


@compiled_inline
def spike_of(candidates, i):  # type: ignore[no-untyped-def]
    """Return the place of a cell that fires, what is left of the step, and how long it will be refractory."""
    places, numbers = candidates
    chunk, lane = i // LANES, i % LANES
    return places[chunk, lane], numbers[chunk, _H + lane], max(numbers[chunk, _QUIET + lane], 0.0)
