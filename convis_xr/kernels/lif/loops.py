"""The integrate-and-fire cell as compiled loops: whole tiles of cells in vectors, the few that may fire one by one.

A tile is the run of cells that `philox` draws for at once. Its first pass moves all membranes by one step and marks the
cells that fire, may have fired within the step, or come out of their refractory period in it; the second pass follows
those through their spikes, in float64. Threads share out the tiles.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..memory import copied
from ..philox.counters import BLOCKS, MASK, TILE
from ..philox.loops import normal_of_cell, tile_of_normals, uniform_of_cell
from ..threads import parallel, split
from .membrane import BRIDGE, CERTAIN, MOST, NOISE, REFRACTORY, Events, Membrane, Source, overflow, span_of

_U = np.uint32
_LONGEST = TILE * MOST  # spikes that a tile can fire in a step
GROUP = 8  # tiles that are taken through time together: their state stays in the nearest cache


#: Where a loop stopped because a count overflows: movie, sample, pixel and its current; -1 if it did not.
End = tuple[int, int, int, float]


class Step(NamedTuple):
    """The whole time step, in the dtype of the current."""

    decay: Any
    gain: Any
    spread: Any
    near: Any
    dt: Any


def noisy_lif(
    current: Tensor,
    potential: Tensor,
    refractory: Tensor,
    cells: Tensor,
    membrane: Membrane,
    source: Source,
    events: list[Events] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute what ``reference.noisy_lif`` defines, for a current (batch, channel, time, y, x)."""
    drive = current.contiguous().flatten(3).flatten(0, 1).numpy()
    potential, refractory = copied(potential), copied(refractory)
    v, left = (t.flatten(2).flatten(0, 1).numpy() for t in (potential, refractory))
    counts = np.empty(drive.shape, np.uint8)
    tiles = tiles_of(cells)
    step, key = step_of(membrane, drive.dtype), tuple(map(_U, source.key))
    where = (np.int64(source.step), _U(source.repeat), *key, events is not None)
    pieces = split(len(tiles), torch.get_num_threads())
    ends = parallel(lambda piece: _run(drive, counts, v, left, tiles[slice(*piece)], step, membrane, *where), pieces)
    check([end for end, _, _ in ends], cells, membrane, source)
    if events is not None:
        pixels = drive.shape[2]
        for _, (unit, pixel, now), at in ((end, spikes.T, at) for end, spikes, at in ends):
            events.append(Events(*map(torch.from_numpy, (unit * pixels + pixel, now.copy(), at))))
    return torch.from_numpy(counts).view(current.shape), potential, refractory


def check(ends: list[End], cells: Tensor, membrane: Membrane, source: Source) -> None:
    """Raise an OverflowError if a loop stopped at a cell."""
    for unit, k, pixel, drive in ends:
        if unit >= 0:
            batch, channel = divmod(unit, cells.shape[1])
            where = batch, channel, *divmod(pixel, cells.shape[3])
            raise overflow(where, source.step + k, drive, membrane)


def step_of(membrane: Membrane, dtype: np.dtype[Any]) -> Step:
    """Return the whole step; ``near`` is where a crossing within it can happen at all, with room for rounding."""
    span = span_of(membrane, membrane.dt)
    return Step(*map(dtype.type, (span.decay, span.gain, span.spread, span.bridge * CERTAIN * 1.001, membrane.dt)))


def tiles_of(cells: Tensor) -> NDArray[np.int64]:
    """Cut frames into runs of cells that one tile of draws serves: rows of (block, head, unit, start, count).

    A run starts with every frame, with every tile, and wherever the indices do not go on one by one.
    """
    index = cells.contiguous().flatten(2).flatten(0, 1).cpu().numpy()
    units, pixels = index.shape
    cut = np.ones(index.shape, bool)
    cut[:, 1:] = (index[:, 1:] != index[:, :-1] + 1) | (index[:, 1:] % TILE == 0)
    start = np.flatnonzero(cut)
    first = index.reshape(-1)[start]
    count = np.diff(start, append=units * pixels)
    return np.stack([first // TILE * BLOCKS, first % TILE, start // max(pixels, 1), start % max(pixels, 1), count], 1)


@compiled
def _run(current, counts, v, left, tiles, step, membrane, first, repeat, k0, k1, recording):  # type: ignore[no-untyped-def]
    scratch, log = room(v), log_of(_LONGEST if recording else 0)
    end = (-1, -1, -1, 0.0)
    for group in range(0, len(tiles), GROUP):
        for k in range(current.shape[1]):
            for tile in tiles[group : group + GROUP]:
                if recording:
                    log = _with_room(log)
                unit, start, stop = tile[2], tile[3], tile[3] + tile[4]
                drive = current[unit, k, start:stop]
                failed = fire(
                    drive, counts[unit, k, start:stop], v[unit, start:stop], left[unit, start:stop],
                    tile, step, membrane, first + k, repeat, k0, k1, scratch, log,
                )  # fmt: skip
                if failed >= 0:
                    end = (unit, k, start + failed, np.float64(drive[failed]))
                    return end, log[0][:0], log[1][:0]
    spikes, at, n = log
    return end, spikes[: n[0]], at[: n[0]]


@compiled
def room(like):  # type: ignore[no-untyped-def]
    """Return room for what a tile needs: words, normals, membranes before the step, marks, and times of one cell."""
    words, normals = np.empty((4, BLOCKS), np.uint32), np.zeros((4, BLOCKS), like.dtype)
    return words, normals, np.empty(TILE, like.dtype), np.empty(TILE, np.uint8), np.empty(MOST + 1)


@compiled
def log_of(n):  # type: ignore[no-untyped-def]
    """Return room for n spikes: (movie, pixel, step) and time of each, and how many there are; for 0 none is logged."""
    return np.empty((n, 3), np.int64), np.empty(n), np.zeros(1, np.int64)


@compiled
def _with_room(log):  # type: ignore[no-untyped-def]
    """Return the log, or a longer copy, so that it has room for all that one tile can fire in a step."""
    spikes, at, n = log
    if n[0] + _LONGEST <= len(at):
        return log
    longer = log_of(2 * len(at) + _LONGEST)
    for i in range(n[0]):
        longer[1][i] = at[i]
        for j in range(3):
            longer[0][i, j] = spikes[i, j]
    longer[2][0] = n[0]
    return longer


@compiled
def fire(drive, counts, v, left, tile, step, membrane, now, repeat, k0, k1, scratch, log):  # type: ignore[no-untyped-def]
    """Take one run of cells through one step; return the one whose count overflows, or -1.

    ``tile`` is a row of `tiles_of`, ``scratch`` comes from `room`, and ``log`` from `log_of`.
    """
    words, normals, before, marks, times = scratch
    block, head = tile[0], tile[1]
    low, high = _U(now & MASK), _U(now >> 32)
    if membrane.noise > 0:
        tile_of_normals(words, normals, _U(block), low, high, repeat, k0, k1)
    noise = normals.reshape(TILE)[head : head + len(drive)]
    if not _advance(drive, noise, counts, v, left, before, marks, step):
        return -1
    cell = block * 4 + head
    for i in range(len(drive)):
        if marks[i]:
            n, end, rest = _follow(
                np.float64(before[i]), np.float64(v[i]), np.float64(left[i]), np.float64(drive[i]), noise[i],
                cell + i, membrane, low, high, repeat, k0, k1, times,
            )  # fmt: skip
            if n > MOST:
                return i
            counts[i], v[i], left[i] = n, end, rest
            if len(log[1]) > 0:
                _note(log, n, tile[2], tile[3] + i, now, times)
    return -1


@compiled
def _note(log, count, unit, pixel, now, times):  # type: ignore[no-untyped-def]
    spikes, at, n = log
    for i in range(count):
        spikes[n[0], 0], spikes[n[0], 1], spikes[n[0], 2] = unit, pixel, now
        at[n[0]] = times[i]
        n[0] += 1


@compiled_inline
def _advance(drive, noise, counts, v, left, before, marks, step):  # type: ignore[no-untyped-def]
    """Move all cells by one step and mark those that need a closer look; say whether there are any."""
    one, zero = v.dtype.type(1), v.dtype.type(0)
    some = np.uint8(0)
    for i in range(len(drive)):
        old, rest = v[i], left[i]
        new = old * step.decay + drive[i] * step.gain + step.spread * noise[i]
        near = (one - old) * (one - new) < step.near
        asleep = rest >= step.dt
        mark = np.uint8((not asleep) & (near | (new >= one) | (old >= one) | (rest > zero)))
        before[i] = old
        marks[i] = mark
        v[i] = zero if asleep else new
        left[i] = rest - step.dt if asleep else rest
        counts[i] = 0
        some |= mark
    return some != 0


@compiled
def _follow(v, end, left, drive, noise, cell, membrane, low, high, repeat, k0, k1, times):  # type: ignore[no-untyped-def]
    """Follow one cell through one step and its spikes, as ``reference.one_step`` does."""
    h = membrane.dt
    if left > 0.0:
        v, h = 0.0, h - left
        end = _move(v, drive, np.float64(noise), h, membrane)
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
            left += membrane.refractory_sd * normal_of_cell(cell, low, stream, repeat, k0, k1, noise)
        left = max(left, 0.0)
        count += 1
        if left >= h:
            return count, 0.0, left - h
        v, h = 0.0, h - left
        n = 0.0
        if membrane.noise > 0.0:
            stream = _U(high | _U(count << 16) | _U(NOISE << 28))
            n = np.float64(normal_of_cell(cell, low, stream, repeat, k0, k1, noise))
        end = _move(v, drive, n, h, membrane)
    return count, v, 0.0


@compiled_inline
def _move(v, drive, n, h, membrane):  # type: ignore[no-untyped-def]
    x = membrane.g_leak * h
    gain = -math.expm1(-x) / membrane.g_leak if x > 0.0 else h
    return v * math.exp(-x) + drive * gain + membrane.noise * math.sqrt(-math.expm1(-2.0 * x)) * n


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
    x = g_leak * h
    if x == 0.0:
        return h * (1.0 - v) / (end - v)
    return min(h, math.log1p(-math.expm1(-x) * (1.0 - v) / ((end - 1.0) + math.exp(-x) * (1.0 - v))) / g_leak)
