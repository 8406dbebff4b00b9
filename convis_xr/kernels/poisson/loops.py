"""Poisson counts as compiled loops. Threads share out the cells."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..philox.counters import MASK
from ..philox.loops import uniform_of_cell
from ..threads import parallel, split
from .streams import COARSE, FINE, MOST, NEVER, Source, overflow

_U = np.uint32


def poisson(rate: Tensor, cells: Tensor, dt: float, source: Source, bernoulli: bool) -> Tensor:
    """Compute what ``reference.poisson`` defines, for a rate (batch, channel, time, y, x)."""
    rates = rate.contiguous().flatten(3).flatten(0, 1).numpy()
    index = cells.contiguous().flatten(2).flatten(0, 1).numpy()
    counts = np.empty(rates.shape, np.uint8)
    units, pixels = index.shape
    words = (np.int64(source.step), _U(source.repeat), *map(_U, source.key))
    most = 1 if bernoulli else MOST + 1

    def run(piece: tuple[int, int, int]) -> tuple[int, int, int]:
        unit, start, stop = piece
        here = (unit, slice(None), slice(start, stop))
        k, i = _run(rates[here], index[unit, start:stop], counts[here], dt, most, *words)
        return unit, k, start + i

    threads = torch.get_num_threads()
    pieces = [(unit, *piece) for unit in range(units) for piece in split(pixels, threads)]
    for unit, k, pixel in parallel(run, pieces):
        if k >= 0:
            where = (*divmod(unit, cells.shape[1]), *divmod(pixel, cells.shape[3]))
            raise overflow(where, source.step + k, float(rates[unit, k, pixel]), dt)
    return torch.from_numpy(counts).view(rate.shape)


@compiled
def _run(rate, cells, counts, dt, most, first, repeat, k0, k1):  # type: ignore[no-untyped-def]
    """Draw for some cells; return step and cell where a count overflows, or -1."""
    for k in range(rate.shape[0]):
        now = first + k
        low, high = _U(now & MASK), _U(now >> 32)
        for i in range(len(cells)):
            mean = np.float64(rate[k, i]) * dt
            none = math.exp(-mean)
            u = uniform_of_cell(cells[i], low, _U(high | _U(COARSE << 28)), repeat, k0, k1) - 2.0**-24
            if u + 2.0**-23 <= none:  # whatever the lower bits are
                counts[k, i] = 0
                continue
            u += uniform_of_cell(cells[i], low, _U(high | _U(FINE << 28)), repeat, k0, k1) * 2.0**-23
            count = inverse(u, mean, none, most)
            if count > MOST:
                return k, i
            counts[k, i] = count
    return -1, 0


@compiled
def inverse(u, mean, probability, most):  # type: ignore[no-untyped-def]
    """See ``reference.inverse``; ``probability`` is that of no spike."""
    k, below = 0, probability
    while u >= below and k < most and not (k > mean and probability < NEVER):
        k += 1
        probability *= mean / k
        below += probability
    return k
