"""Ganglion cells in one pass over memory: transient, nonlinearity and spikes, tile by tile.

Each number is made by the operations that make it in the single kernels, in their order: the bits are the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..lif.loops import RUN, check, fire, log_of, room, runs_of, step_of, tiles_of
from ..lif.membrane import Membrane, Source
from ..memory import copied
from ..nonlinearity.loops import Nonlinearity, current_of
from ..recycling import empty
from ..threads import parallel, split


class Transient(NamedTuple):
    """Rate and weight of the low-pass that is taken away, and the sign of what is left, in the dtype of the movie."""

    rate: Any
    weight: Any
    sign: Any


def ganglion_spikes(
    x: Tensor,
    state: tuple[Tensor, Tensor, Tensor],
    cells: Tensor,
    transient: tuple[float, float, float],
    nonlinearity: tuple[float, float, float],
    membrane: Membrane,
    source: Source,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Do what `partial_high_pass`, `ganglion_nonlinearity` and `noisy_lif` do one after the other."""
    movie = x.contiguous().flatten(3).flatten(0, 1).numpy()
    low_pass, potential, refractory = (copied(part) for part in state)
    low, v, left = (part.flatten(2).flatten(0, 1).numpy() for part in (low_pass, potential, refractory))
    counts = empty(movie.shape, np.dtype(np.uint8))
    tiles = tiles_of(cells)
    stages = (
        Transient(*map(movie.dtype.type, transient)),
        Nonlinearity.of(movie.dtype, *nonlinearity),
        step_of(membrane, movie.dtype),
        membrane,
    )
    where = (np.int64(source.step), np.uint32(source.repeat), *map(np.uint32, source.key))
    ends = parallel(
        lambda piece: _run(movie, counts, low, v, left, runs_of(tiles[slice(*piece)]), *stages, *where),
        split(len(tiles), torch.get_num_threads()),
    )
    check(ends, cells, membrane, source)
    return torch.from_numpy(counts).view(x.shape), (low_pass, potential, refractory)


@compiled
def _run(  # type: ignore[no-untyped-def]
    x, counts, low, v, left, runs, transient, nonlinearity, step, membrane, first, repeat, k0, k1
):
    scratch, log = room(v), log_of(0)
    currents = np.empty(RUN, v.dtype)
    for run in runs:
        unit, start, stop = run[1], run[2], run[2] + run[3]
        drive = currents[: stop - start]
        for k in range(x.shape[1]):
            _drive(x[unit, k, start:stop], low[unit, start:stop], drive, transient, nonlinearity)
            failed = fire(
                drive, counts[unit, k, start:stop], v[unit, start:stop], left[unit, start:stop],
                run, step, membrane, first + k, repeat, k0, k1, scratch, log,
            )  # fmt: skip
            if failed >= 0:
                return unit, k, start + failed, np.float64(drive[failed])
    return -1, -1, -1, 0.0


@compiled_inline
def _drive(x, low, drive, transient, nonlinearity):  # type: ignore[no-untyped-def]
    """Turn the potentials of a run of cells into their currents."""
    rate, weight, sign = transient.rate, transient.weight, transient.sign
    for j in range(len(x)):
        new = low[j] + rate * (x[j] - low[j])
        new = x[j] if rate == 1 else new
        low[j] = new
        drive[j] = current_of(sign * (x[j] - weight * new), nonlinearity)
