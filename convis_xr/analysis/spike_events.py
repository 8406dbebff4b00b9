"""Spike counts as tables of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import is_spike_count
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import TIMES, is_event_table, owner_of
from convis_xr.sampling import dequantified

#: bytes read at once of counts that are not in chunks
BLOCK_BYTES = 2**25


def spike_times(counts: xr.DataArray) -> xr.Dataset:
    """When and where each spike fell, one row for each.

    Parameters
    ----------
    counts : DataArray (time, and any other dims) [count]
        Spikes per step. Is read in blocks of time: only the spikes are held.

    Returns
    -------
    Dataset (event)
        ``time`` [s], the start of the step that the spike fell into, and of its cell the coordinates ``y`` and ``x``
        (or ``cell``), and ``batch``, ``channel`` and whatever else there is: labels where the dimension has some, else
        indices. Sorted by time; a step of several spikes gives as many rows.

    Raises
    ------
    ContractError
        The values are not whole numbers with the unit ``count``, or there is no time.

    Examples
    --------
    >>> coords = {"time": [0.0, 0.01], "x": [-1.0, 1.0]}
    >>> counts = xr.DataArray([[0, 2], [1, 0]], coords, attrs={"units": "count"})
    >>> table = spike_times(counts)
    >>> table["time"].values, table["x"].values
    (array([0.  , 0.  , 0.01]), array([ 1.,  1., -1.]))
    >>> table["time"].where(table["x"] == 1.0, drop=True).values  # of one cell
    array([0., 0.])
    """
    counts = dequantified(counts)
    _check(counts)
    counts = counts.transpose(dims.TIME, ...)
    found = [_events(counts[block].values, block.start) for block in _time_blocks(counts)]
    index = np.concatenate(found, axis=1)
    events = {str(dim): (dims.EVENT, index[axis]) for axis, dim in enumerate(counts.dims)}
    labels = counts.coords.to_dataset().drop_vars([name for name, c in counts.coords.items() if not c.dims])
    labels = labels.assign({str(dim): np.arange(size) for dim, size in counts.sizes.items() if dim not in labels})
    table = labels.isel({name: xr.Variable(*event) for name, event in events.items()})
    table = table.drop_indexes(list(table.xindexes)).reset_coords(dims.TIME)  # a RangeIndex would stay
    table[dims.TIME].attrs["long_name"] = "start of the step that the spike fell into"
    table.attrs = {"variable": str(counts.name)} if counts.name is not None else {}
    return table


def spike_tables(dataset: xr.Dataset) -> xr.DataTree:
    """When and where each spike fell, by the name of what spikes.

    Where there are exact times (``<name>_times``) these; else `spike_times` of the variable of spike counts. The time
    of each table is ``time``; its coordinates have their plain names (``y``, ``x``, ``cell``, ``repeat``, ...).

    Parameters
    ----------
    dataset : Dataset
        What a run gave.

    Returns
    -------
    DataTree
        A table for each variable that spikes.

    Raises
    ------
    ContractError
        There is neither.

    Examples
    --------
    >>> import convis_xr as cx
    >>> current = cx.as_stimulus(np.full(30, 200.0), dt="1 ms", units="Hz")
    >>> response = cx.run(cx.spiking.NoisyLIF(noise=0.0), current, outputs=["response", "times"])
    >>> spike_tables(response)["response"]["time"].values.round(5)
    array([0.00575, 0.01451, 0.02326])
    """
    plain = dequantified(dataset)
    exact = {_spiking(str(name)): _exact(plain[name]) for name in plain.data_vars if is_event_table(plain[name])}
    spiking: dict[str, Any] = {
        str(name): array for name, array in plain.data_vars.items() if is_spike_count(array) and name not in exact
    }
    if not (spiking or exact):
        found = ", ".join(str(name) for name in dataset.data_vars) or "an empty Dataset"
        cure = 'outputs=["parvo_on"] when you run'
        raise ContractError(explain("spikes", wanted="a variable with the unit count", got=found, cure=cure))
    made = exact | {name: spike_times(array) for name, array in spiking.items()}
    return xr.DataTree.from_dict({str(name): made[str(name)] for name in _in_order(plain, made)})


def _spiking(name: str) -> str:
    """The output of counts that exact times belong to."""
    return "response" if name == TIMES else owner_of(name)


def _exact(times: xr.DataArray) -> xr.Dataset:
    """A table of exact times with plain names."""
    dim = str(times.dims[0])
    plain = {name: str(name).removeprefix(f"{dim}_") for name in times.coords}
    table = times.drop_vars(dims.TIME if dims.TIME in times.coords else f"{dim}_{dims.TIME}")
    made = table.rename({**{name: to for name, to in plain.items() if name in table.coords}, dim: dims.EVENT})
    return made.to_dataset(name=dims.TIME).assign_attrs(variable=str(times.name))


def _in_order(dataset: xr.Dataset, found: dict[str, Any]) -> list[str]:
    names = [_spiking(str(name)) if is_event_table(dataset[name]) else str(name) for name in dataset.data_vars]
    return [name for name in dict.fromkeys(names) if name in found]


def _check(counts: xr.DataArray) -> None:
    if not is_spike_count(counts):
        got = f"{counts.dtype} in {counts.attrs.get('units', 'no unit')} over {counts.dims}"
        cure = "the output of a spiking layer"
        raise ContractError(explain("spikes", wanted="whole counts per time step [count]", got=got, cure=cure))


def _time_blocks(counts: xr.DataArray) -> Iterator[slice]:
    """Parts of time that are read at once: the chunks, where there are some."""
    if counts.chunks is not None:
        lengths = counts.chunks[0]
    else:
        frame = max(1, counts.nbytes // max(1, counts.sizes[dims.TIME]))
        step = max(1, BLOCK_BYTES // frame)
        lengths = tuple(min(step, counts.sizes[dims.TIME] - at) for at in range(0, counts.sizes[dims.TIME], step))
    ends = np.cumsum(lengths)
    yield from (slice(int(end - length), int(end)) for end, length in zip(ends, lengths, strict=True))


def _events(block: npt.NDArray[np.integer], start: int) -> npt.NDArray[np.intp]:
    """Indices (dims, event) of the spikes of a block whose first step is ``start``."""
    if (block < 0).any():
        cure = "a look at what counted them"
        raise ContractError(explain("spikes", wanted="counts of 0 or more", got="some below 0", cure=cure))
    where = np.stack(block.nonzero())
    repeated = np.repeat(where, block[block.nonzero()], axis=1)
    repeated[0] += start
    return repeated
