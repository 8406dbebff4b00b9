"""The integrate-and-fire cell as compiled loops: long runs of cells in vectors, the few that fire one by one.

The first pass moves all membranes of a run by one step and marks the candidates; these are looked at in vectors of
their own (`candidates`), and those that fire are followed through their spikes (`spans`). Threads share out the runs,
cut where tiles of `philox` begin: the cells of a tile are drawn for at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..exponential import expm1
from ..memory import copied
from ..philox.counters import BLOCKS, MASK, TILE
from ..philox.loops import tiles_of_normals
from ..threads import parallel, split
from .candidates import chances, first_span, first_spike, pack, pick, room_for, settle, spike_of
from .membrane import CERTAIN, MOST, Events, Membrane, Source, overflow, span_of
from .spans import follow, move

_U = np.uint32
_LONGEST = TILE * MOST  # spikes that a tile can fire in a step
GROUP = 32  # tiles that are taken through time together: memory is read in long runs, their state stays in caches
RUN = GROUP * TILE


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
    trace: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute what ``reference.noisy_lif`` defines, for a current (batch, channel, time, y, x).

    ``trace``, two tensors as ``current``, takes what `surrogate.Trace` keeps of the membranes.
    """
    drive = current.contiguous().flatten(3).flatten(0, 1).numpy()
    potential, refractory = copied(potential), copied(refractory)
    v, left = (t.flatten(2).flatten(0, 1).numpy() for t in (potential, refractory))
    counts = np.empty(drive.shape, np.uint8)
    # For no sample, as when arguments are checked, nothing is looked up and nothing compiled.
    tiles = tiles_of(cells if drive.shape[1] else cells[:0])
    step, key = step_of(membrane, drive.dtype), tuple(map(_U, source.key))
    where = (np.int64(source.step), _U(source.repeat), *key, events is not None)
    reached, gains = (part.flatten(3).flatten(0, 1).numpy() for part in trace or (current[:, :, :0],) * 2)
    pieces = split(len(tiles), torch.get_num_threads())
    most = GROUP if events is None else 1
    ends = parallel(
        lambda piece: _run(
            drive, counts, v, left, runs_of(tiles[slice(*piece)], most), step, membrane, *where, reached, gains
        ),
        pieces,
    )
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
    """Cut frames into runs of cells that one tile of draws serves: rows of (cell, unit, start, count).

    A run starts with every frame, with every tile, and wherever the indices do not go on one by one.
    """
    index = cells.contiguous().flatten(2).flatten(0, 1).cpu().numpy()
    units, pixels = index.shape
    cut = np.ones(index.shape, bool)
    cut[:, 1:] = (index[:, 1:] != index[:, :-1] + 1) | (index[:, 1:] % TILE == 0)
    start = np.flatnonzero(cut)
    first = index.reshape(-1)[start]
    count = np.diff(start, append=units * pixels)
    return np.stack([first, start // max(pixels, 1), start % max(pixels, 1), count], 1)


def runs_of(tiles: NDArray[np.int64], most: int = GROUP) -> NDArray[np.int64]:
    """Join up to `most` tiles that follow one another: rows as of `tiles_of`."""
    ends = tiles[:-1, [0, 2]] + tiles[:-1, 3:]
    cut = np.ones(len(tiles), bool)
    cut[1:] = (tiles[1:, [0, 2]] != ends).any(1) | (tiles[1:, 1] != tiles[:-1, 1])
    place = np.arange(len(tiles))
    since = place - np.maximum.accumulate(np.where(cut, place, 0))
    first = np.flatnonzero(since % most == 0)
    runs = tiles[first]
    runs[:, 3] = np.add.reduceat(tiles[:, 3], first) if len(first) else 0
    return runs


@compiled
def _run(current, counts, v, left, runs, step, membrane, first, repeat, k0, k1, recording, reached, gains):  # type: ignore[no-untyped-def]
    scratch, log, tracing = room(v), log_of(_LONGEST if recording else 0), reached.shape[1] > 0
    for run in runs:
        unit, start, stop = run[1], run[2], run[2] + run[3]
        for k in range(current.shape[1]):
            if recording:
                log = _with_room(log)
            drive, count = current[unit, k, start:stop], counts[unit, k, start:stop]
            if tracing:
                for i in range(start, stop):
                    gains[unit, k, i] = left[unit, i]
            failed = fire(
                drive, count, v[unit, start:stop], left[unit, start:stop],
                run, step, membrane, first + k, repeat, k0, k1, scratch, log,
            )  # fmt: skip
            if failed >= 0:
                return (unit, k, start + failed, np.float64(drive[failed])), log[0][:0], log[1][:0]
            if tracing:
                there = reached[unit, k, start:stop], gains[unit, k, start:stop]
                _trace(drive, count, v[unit, start:stop], run[0] % TILE, scratch, step, membrane, *there)
    spikes, at, n = log
    return (-1, -1, -1, 0.0), spikes[: n[0]], at[: n[0]]


@compiled
def _trace(drive, counts, v, head, scratch, step, membrane, reached, gains):  # type: ignore[no-untyped-def]
    """Note where membranes would be without a threshold, and turn ``gains``, what was left of silences, into gains."""
    zero, before, normals = v.dtype.type(0), scratch[1], scratch[0].reshape(scratch[0].size)
    for i in range(len(v)):
        rest = gains[i]
        gain = step.gain if rest <= zero else zero
        reached[i] = v[i]
        if counts[i] > 0 or zero < rest < step.dt:
            h = membrane.dt - max(np.float64(rest), 0.0)
            lost = -expm1(-membrane.g_leak * h)
            if rest > zero:
                gain = v.dtype.type(lost / membrane.g_leak if membrane.g_leak > 0.0 else h)
            if counts[i] > 0:
                start = 0.0 if rest > zero else np.float64(before[i]) * (1.0 - lost)
                reached[i] = start + move(np.float64(drive[i]), np.float64(normals[head + i]), h, membrane)
        gains[i] = gain


@compiled
def room(like):  # type: ignore[no-untyped-def]
    """Return room for what a run needs: normals, membranes before the step, marks, candidates, times of one cell."""
    normals, before = np.zeros((GROUP, TILE), like.dtype), np.empty(RUN, like.dtype)
    return normals, before, np.zeros(RUN, np.uint8), room_for(RUN), np.empty(MOST + 1)


@compiled
def log_of(n):  # type: ignore[no-untyped-def]
    """Return room for n spikes: (unit, pixel, step) and time of each, and how many there are; for 0 none is logged."""
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
def fire(drive, counts, v, left, run, step, membrane, now, repeat, k0, k1, scratch, log):  # type: ignore[no-untyped-def]
    """Take one run of cells through one step; return the one whose count overflows, or -1.

    ``run`` is a row of `runs_of`; ``scratch`` comes from `room`, ``log`` from `log_of`.
    """
    normals, before, marks, candidates, times = scratch
    low, high, cell, n = _U(now & MASK), _U(now >> 32), run[0], len(drive)
    head = cell % TILE
    if membrane.noise > 0:
        block = _U(cell // TILE * BLOCKS)
        tiles_of_normals(normals, (head + n + TILE - 1) // TILE, block, low, high, repeat, k0, k1)
    noise = normals.reshape(normals.size)[head : head + n]
    if not _advance(drive, noise, counts, v, left, before, marks, step):
        return -1
    draw = low, high, repeat, k0, k1
    many = pick(marks, candidates, n)
    pack(candidates, many, before, v, left, drive, noise)
    first_span(candidates, many, membrane)
    if membrane.noise > 0:
        chances(candidates, many, cell, draw)
    firing = settle(candidates, many, cell, membrane, draw, v, left)
    first_spike(candidates, firing, cell, membrane, draw, noise[0])
    for i in range(firing):
        j, h, quiet = spike_of(candidates, i)
        times[0] = membrane.dt - h
        count, end, rest = 1, 0.0, quiet - h
        if rest < 0.0:
            count, end, rest = follow(-rest, np.float64(drive[j]), cell + j, membrane, draw, times, noise[0])
        if count > MOST:
            return j
        counts[j], v[j], left[j] = count, end, rest
        if len(log[1]) > 0:
            _note(log, count, run[1], run[2] + j, now, times)
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
