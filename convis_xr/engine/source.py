"""Reading a stimulus block by block: each of its own blocks once, whatever the length of a run's chunks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from dask.local import get_sync

from convis_xr import dims
from convis_xr.contract import check_finite
from convis_xr.engine.memory import Keeper
from convis_xr.errors import ContractError, explain

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Block:
    """Consecutive samples of a stimulus, in the dtype that it has."""

    first: int
    values: Array

    def stop(self, axis: int) -> int:
        """Index of the sample after the last."""
        return self.first + self.values.shape[axis]


def source_blocks(stimulus: xr.DataArray) -> tuple[int, ...] | None:
    """Lengths in time of the blocks that the stimulus is stored or generated in; None where any part is read alike."""
    chunks = stimulus.variable.chunks
    if chunks is None:
        return None
    lengths: tuple[int, ...] = chunks[stimulus.get_axis_num(dims.TIME)]
    return lengths


def read_blocks(
    stimulus: xr.DataArray, chunk: int, *, first: int = 0, offset: int = 0, nan: str, keeper: Keeper | None = None
) -> Iterator[Block]:
    """Blocks of ``chunk`` samples (the last may be shorter), from sample ``first`` on.

    Parameters
    ----------
    stimulus : DataArray, canonical
    chunk : int
        Samples in a block.
    first : int
        Where to begin.
    offset : int
        Index of the stimulus' first sample in what the user gave, for messages.
    nan : {"raise", "propagate"}
        What to do with NaN and infinity.
    keeper : Keeper, optional
        Looks after each reading what the process holds.

    Raises
    ------
    ContractError
        NaN or infinity was read, and ``nan="raise"``; or the source gives another shape than it says.
    """
    axis = stimulus.get_axis_num(dims.TIME)
    names = tuple(str(name) for name in stimulus.dims)
    pieces: list[Array] = []
    at, held, steps = first, 0, stimulus.sizes[dims.TIME]
    for low, high in segments(source_blocks(stimulus), steps, chunk, first):
        pieces.append(_read(stimulus.variable, low, high))
        if keeper is not None:
            keeper.look()
        held += high - low
        while held >= chunk or (held and high == steps):
            values = _take(pieces, min(chunk, held), axis)
            if nan == "raise":
                check_finite(values, names, {dims.TIME: offset + at})
            made = Block(at, values)
            at, held = made.stop(axis), held - values.shape[axis]
            del values
            yield made
            del made


def read_frame(stimulus: xr.DataArray, index: int) -> Array:
    """One frame, as it is read."""
    axis = stimulus.get_axis_num(dims.TIME)
    return _read(stimulus.variable, index, index + 1).take(0, axis)


def segments(blocks: tuple[int, ...] | None, steps: int, chunk: int, first: int) -> Iterator[tuple[int, int]]:
    """What is read at a time: whole blocks of the source, as many as make up a chunk.

    Examples
    --------
    >>> list(segments((4, 4, 2), steps=10, chunk=8, first=0)), list(segments(None, steps=10, chunk=8, first=3))
    ([(0, 8), (8, 10)], [(3, 10)])
    """
    ends = range(first + chunk, steps + chunk, chunk) if blocks is None else np.cumsum(blocks)
    low, reached = first, first
    for end in ends:
        end = min(int(end), steps)
        if end - low > chunk and reached > low:
            yield low, reached
            low = reached
        reached = max(end, low)
    if reached > low:
        yield low, reached


def _read(variable: xr.Variable, low: int, high: int) -> Array:
    shape = tuple(high - low if name == dims.TIME else size for name, size in variable.sizes.items())
    values = _whole_blocks(variable, low, high)
    if values is None:
        data = variable.isel({dims.TIME: slice(low, high)}).data
        # in this very thread, which is the reader's: no pool of dask's fights with the model for the processor
        values = np.asarray(data.compute(scheduler="synchronous") if hasattr(data, "dask") else data)
    if values.shape != shape:
        cure = "mend the source: the shape of its blocks is not what it says"
        raise ContractError(explain("stimulus", wanted=f"a block {shape}", got=f"{values.shape}", cure=cure))
    return values


def _whole_blocks(variable: xr.Variable, low: int, high: int) -> Array | None:
    """What dask's graph makes of whole blocks; None where there is no graph, or where blocks would have to be cut.

    To cut, and to make a graph better, takes dask several times as long as to read.
    """
    if variable.chunks is None or not hasattr(variable.data, "dask"):  # without chunks, data would be read as a whole
        return None
    data = variable.data
    axis = variable.get_axis_num(dims.TIME)
    edges = np.cumsum((0, *data.chunks[axis]))
    first, last = np.searchsorted(edges, (low, high))
    if (edges[first], edges[last]) != (low, high):
        return None
    spans = [range(first, last) if place == axis else range(count) for place, count in enumerate(data.numblocks)]
    keys = itertools.product(*spans)
    graph = data.dask.cull({(data.name, *key) for key in keys})
    finish, further = data.__dask_postcompute__()
    return np.asarray(finish(get_sync(graph, _nested((data.name,), spans)), *further))


def _nested(key: tuple[Any, ...], spans: Sequence[range]) -> Any:
    """Keys of blocks, in lists as deep as there are dimensions."""
    return [_nested((*key, number), spans[1:]) for number in spans[0]] if spans else key


def _take(pieces: list[Array], length: int, axis: int) -> Array:
    """Take ``length`` samples off the front of ``pieces``: a view where one piece has them."""
    taken, missing = [], length
    while missing:
        head = pieces.pop(0)
        front = head[(slice(None),) * axis + (slice(None, missing),)]
        if head.shape[axis] > missing:
            pieces.insert(0, head[(slice(None),) * axis + (slice(missing, None),)])
        missing -= front.shape[axis]
        taken.append(front)
    return taken[0] if len(taken) == 1 else np.concatenate(taken, axis)
