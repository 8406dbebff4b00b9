"""Spikes with a memory as compiled loops: each spike is added to the steps to come, so that silence costs nothing.

What one step gets is added up from the oldest spike to the youngest, wherever a run is cut.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..philox.counters import MASK
from ..philox.loops import uniform_of_cell
from ..poisson.loops import inverse
from ..poisson.streams import COARSE, FINE, MOST, Source
from ..threads import parallel
from .reference import LARGEST, runaway

_U = np.uint32


def glm(drive: Tensor, past: Tensor, weight: Tensor, cells: Tensor, dt: float, source: Source) -> Tensor:
    """Compute what ``reference.glm`` defines."""
    drives, before = drive.contiguous().numpy(), past.contiguous().numpy()
    # (source, lag, cell): what a spike adds lies in one piece
    weights = np.ascontiguousarray(weight.permute(1, 2, 0).numpy(), dtype=np.float64)
    counts, index = np.empty(drives.shape, np.uint8), cells.contiguous().numpy()
    words = (np.int64(source.step), _U(source.repeat), *map(_U, source.key))

    def run(batch: int) -> tuple[int, int, int]:
        return batch, *_run(drives[batch], before[batch], weights, index, counts[batch], dt, *words)

    for batch, k, cell in parallel(run, range(len(drives))):
        if k >= 0:
            raise runaway(batch, cell, source.step + k)
    return torch.from_numpy(counts)


def filtered_counts(counts: Tensor, past: Tensor, basis: Tensor) -> Tensor:
    """Compute what ``reference.filtered_counts`` defines."""
    known = torch.cat([past, counts], 1).double().contiguous().numpy()
    # (lag, component): what a count gives to a step lies in one piece
    values = np.ascontiguousarray(basis.T.numpy(), dtype=np.float64)
    made = np.zeros((*counts.shape, len(basis)))
    parallel(lambda batch: _filter(known[batch], values, made[batch]), range(len(made)))
    return torch.from_numpy(made)


@compiled
def _filter(known, values, made):  # type: ignore[no-untyped-def]
    """Give each count to the steps after it, the oldest first."""
    lags, steps = len(values), len(made)
    for k in range(len(known)):
        for cell in range(known.shape[1]):
            if known[k, cell] != 0:
                for lag in range(max(0, lags - 1 - k), min(lags, steps + lags - 1 - k)):
                    for component in range(values.shape[1]):
                        made[k + lag + 1 - lags, cell, component] += values[lag, component] * known[k, cell]


@compiled
def _run(drive, past, weight, cells, counts, dt, first, repeat, k0, k1):  # type: ignore[no-untyped-def]
    """Draw the steps of one batch entry; return step and cell where a count overflows, or -1."""
    steps, number = drive.shape
    lags = past.shape[0]
    # what spikes so far add to the steps to come, a ring of as many as there are lags
    ahead = np.zeros((max(lags, 1), number))
    for k in range(lags):
        ahead[k % lags] = 0.0
        for j in range(number):
            if past[k, j] > 0:
                _add(ahead, weight, j, k, lags, np.float64(past[k, j]))
    for k in range(steps):
        now = first + k
        low, high = _U(now & MASK), _U(now >> 32)
        at = (lags + k) % max(lags, 1)
        for i in range(number):
            mean = math.exp(min(np.float64(drive[k, i]) + ahead[at, i], LARGEST)) * dt
            u = uniform_of_cell(cells[i], low, _U(high | _U(COARSE << 28)), repeat, k0, k1) - 2.0**-24
            u += uniform_of_cell(cells[i], low, _U(high | _U(FINE << 28)), repeat, k0, k1) * 2.0**-23
            count = inverse(u, mean, math.exp(-mean), MOST + 1)
            if count > MOST:
                return k, i
            counts[k, i] = count
        if lags:
            ahead[at] = 0.0
            for j in range(number):
                if counts[k, j] > 0:
                    _add(ahead, weight, j, lags + k, lags, np.float64(counts[k, j]))
    return -1, 0


@compiled
def _add(ahead, weight, j, k, lags, count):  # type: ignore[no-untyped-def]
    """Add what the spikes of cell j in step k bring to each step to come."""
    for lag in range(1, lags + 1):
        row = ahead[(k + lag) % lags]
        for i in range(len(row)):
            row[i] += weight[j, lag - 1, i] * count
