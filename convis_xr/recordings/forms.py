"""The forms that readers make and the rest of the room takes: spikes, cells, a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.recordings.times import Times, in_seconds
from convis_xr.sampling import dequantified

#: nodes of a recording
STIMULUS, SPIKES, CELLS, TRIALS, ELECTRODES = "stimulus", "spikes", "cells", "trials", "electrodes"
#: attribute of the node ``stimulus``: what the file has, and why it is not there
LEFT_OUT = "left_out"
_TIME = {"units": "s", "long_name": "time of the spike"}


@dataclass(frozen=True)
class Spikes:
    """A checked table of spikes: times [s] sorted, and of each its cell, and its repeat where there are several."""

    times: Times
    cell: np.ndarray[Any, Any]
    repeat: np.ndarray[Any, Any] | None = None


def spike_table(trains: Mapping[Any, Any], *, units: str = "s") -> xr.Dataset:
    """Spike times of each cell as one table, sorted by time.

    Parameters
    ----------
    trains : mapping of label to array_like (spike) [units]
        Times of each cell's spikes, in any order.
    units : str
        Unit of the times.

    Returns
    -------
    Dataset (event)
        ``time`` [s], and the coordinate ``cell``. A cell without spikes is not in it: keep the labels for
        `bin_spikes`.

    Raises
    ------
    ContractError
        NaN or infinity among the times, or more than one dimension.

    Examples
    --------
    >>> table = spike_table({"a": [0.3, 0.1], "b": [0.2]})
    >>> table["time"].values, table["cell"].values
    (array([0.1, 0.2, 0.3]), array(['a', 'b', 'a'], dtype='<U1'))
    """
    if not isinstance(trains, Mapping):
        cure = 'spike_table({"cell 1": times, ...})'
        raise ContractError(explain("trains", wanted="times by label", got=type(trains).__name__, cure=cure))
    rows = [_row(train, units, f"spike times of {cell}") for cell, train in trains.items()]
    labels = np.asarray(list(trains)) if trains else np.empty(0, np.int64)
    return sorted_table(rows, labels)


def _row(train: Any, units: str, name: str) -> Times:
    """The times of one cell, s."""
    times = np.asarray(train)
    if times.ndim != 1 or (times.size and times.dtype.kind not in "iuf"):
        got = f"{times.dtype} of shape {times.shape}"
        raise ContractError(explain(name, wanted="one row of numbers", got=got, cure="np.ravel(times)"))
    return in_seconds(times, units, name)


def sorted_table(
    trains: Sequence[Times], cell: np.ndarray[Any, Any], repeat: np.ndarray[Any, Any] | None = None
) -> xr.Dataset:
    """The table of spikes in s, one row of times for each label; equal times stay in the order of the trains."""
    times = np.concatenate([np.empty(0), *trains])
    order = np.argsort(times, kind="stable")
    lengths = [len(train) for train in trains]
    coords = {dims.CELL: (dims.EVENT, np.repeat(cell, lengths)[order])}
    if repeat is not None:
        coords[dims.REPEAT] = (dims.EVENT, np.repeat(repeat, lengths)[order])
    return xr.Dataset({dims.TIME: (dims.EVENT, times[order], _TIME)}, coords)


def check_spikes(spikes: Any) -> Spikes:
    """The parts of a table of spikes, sorted by time.

    Raises
    ------
    ContractError
        It is no such table.
    """
    if isinstance(spikes, xr.DataTree):
        if SPIKES in spikes.children:
            cure = 'recording["spikes"]'
            raise ContractError(explain("spikes", wanted="a table of spikes", got="a whole recording", cure=cure))
        spikes = spikes.to_dataset()
    if not isinstance(spikes, xr.Dataset):
        cure = 'recording["spikes"], or cx.recordings.spike_table({"cell 1": times, ...})'
        raise ContractError(explain("spikes", wanted="a table of spikes", got=type(spikes).__name__, cure=cure))
    plain = dequantified(spikes)
    if dims.TIME not in plain or plain[dims.TIME].dims != (dims.EVENT,):
        got = ", ".join(map(str, plain.variables)) or "an empty Dataset"
        cure = 'cx.analysis.spike_tables(response)["parvo_on"], or cx.recordings.spike_table'
        raise ContractError(explain("spikes", wanted="a variable time over event", got=got, cure=cure))
    if dims.CELL not in plain or plain[dims.CELL].dims != (dims.EVENT,):
        got = f"coordinates {', '.join(map(str, plain.coords)) or 'none'}"
        cure = 'spikes.assign_coords(cell=("event", labels)), one label for each spike'
        raise ContractError(explain("spikes", wanted="a coordinate cell over event", got=got, cure=cure))
    units = plain[dims.TIME].attrs.get("units", "no unit")
    times = in_seconds(plain[dims.TIME].values, units, "time of spikes")
    cell = plain[dims.CELL].values
    repeat = plain[dims.REPEAT].values if dims.REPEAT in plain and plain[dims.REPEAT].dims == (dims.EVENT,) else None
    if (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        times, cell, repeat = times[order], cell[order], None if repeat is None else repeat[order]
    return Spikes(times, cell, repeat)


def cell_table(cells: Any, spikes: Spikes) -> xr.Dataset:
    """Which cells, in which order, and what is known of them: a Dataset over ``cell``.

    Parameters
    ----------
    cells : None, sequence of labels, or Dataset (cell)
        All that spike; some of these; those of a table, silent ones too.
    spikes : Spikes

    Raises
    ------
    ContractError
        A label twice, or one that never spikes and stands in no table.
    """
    if isinstance(cells, xr.DataTree):
        cells = cells.to_dataset()
    if isinstance(cells, xr.Dataset | xr.DataArray):
        if dims.CELL not in cells.coords:
            got = f"coordinates {', '.join(map(str, cells.coords)) or 'none'}"
            cure = 'recording["cells"], or a list of labels'
            raise ContractError(explain("cells", wanted="a table with the labels cell", got=got, cure=cure))
        table = cells.coords.to_dataset() if isinstance(cells, xr.DataArray) else cells
        table = table.drop_vars([name for name, value in table.variables.items() if dims.CELL not in value.dims])
    else:
        labels = np.unique(spikes.cell) if cells is None else np.atleast_1d(np.asarray(cells))
        table = xr.Dataset(coords={dims.CELL: labels})
        missing = [] if cells is None else labels[~np.isin(labels, spikes.cell)].tolist()
        if missing:
            cure = 'a table of the cells, cells=recording["cells"], where some may be silent'
            got = f"{missing[0]!r}, which never spikes"
            raise ContractError(explain("cells", wanted="labels of cells that spike", got=got, cure=cure))
    if not table.indexes[dims.CELL].is_unique:
        twice = table.indexes[dims.CELL][table.indexes[dims.CELL].duplicated()].tolist()[0]
        raise ContractError(explain("cells", wanted="each label once", got=f"{twice!r} twice", cure="unique labels"))
    if not table.sizes[dims.CELL]:
        cure = 'cells=recording["cells"], which knows silent cells too'
        raise ContractError(explain("cells", wanted="at least one cell", got="none", cure=cure))
    return table


def check_all_known(spikes: Spikes, table: xr.Dataset) -> None:
    """Raise where spikes are of cells that a table of a recording does not have: they would be lost."""
    unknown = np.unique(spikes.cell[codes(spikes.cell, table) < 0]).tolist()
    if unknown:
        known = ", ".join(map(str, table[dims.CELL].values[:10]))
        cure = "a table with all cells that spike, or a selection of the spikes"
        raise ContractError(explain("cells", wanted=f"{unknown[0]!r} among the cells", got=known, cure=cure))


def columns_of(cells: xr.Dataset) -> xr.Coordinates:
    """What a table knows of its cells, one value for each, as coordinates of a response."""
    several = [name for name, value in cells.variables.items() if value.dims != (dims.CELL,)]
    plain = cells.drop_vars(several)
    return plain.set_coords(list(plain.data_vars)).coords


def codes(labels: np.ndarray[Any, Any], table: xr.Dataset) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Place of each label in a table of cells, -1 for others."""
    return table.indexes[dims.CELL].get_indexer(pd.Index(labels)).astype(np.int32)


def recording_tree(
    *,
    stimuli: Mapping[str, xr.DataArray] | None = None,
    left_out: Mapping[str, str] | None = None,
    attrs: Mapping[str, Any] | None = None,
    **nodes: xr.Dataset | None,
) -> xr.DataTree:
    """A recording of its parts; those that are None are not there.

    Stimuli on one grid are variables of the node ``stimulus``; where they differ, each is in a child of its own name.
    """
    tree: dict[str, Any] = {"/": xr.Dataset(attrs=dict(attrs or {}))}
    stimuli, notes = dict(stimuli or {}), {LEFT_OUT: dict(left_out)} if left_out else {}
    if stimuli and _on_one_grid(stimuli.values()):
        tree[STIMULUS] = xr.Dataset(stimuli, attrs=notes)
    elif stimuli or notes:
        tree[STIMULUS] = xr.Dataset(attrs=notes)
        tree |= {f"{STIMULUS}/{name}": array.to_dataset(name=name) for name, array in stimuli.items()}
    tree |= {name: node for name, node in nodes.items() if node is not None}
    return xr.DataTree.from_dict(tree)


def stimulus_of(recording: xr.DataTree, name: str | None = None) -> xr.DataArray:
    """One stimulus of a recording.

    Parameters
    ----------
    recording : DataTree
    name : str, optional
        Which one; needed where there are several.

    Returns
    -------
    DataArray (time, ...)
        Lazy, named as in the file.

    Raises
    ------
    ContractError
        There is none of that name, or several and no name.

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.zeros(3), dt="10 ms", units="1")
    >>> stimulus_of(xr.DataTree.from_dict({"stimulus": xr.Dataset({"flicker": film})})).name
    'flicker'
    """
    found = stimuli_of(recording)
    left_out = recording[STIMULUS].attrs.get(LEFT_OUT, {}) if STIMULUS in recording.children else {}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is not None and name in found:
        return found[name]
    known = ", ".join(found) or "none"
    if name is not None and name in left_out:
        raise ContractError(explain("name", wanted="a stimulus that was opened", got=name, cure=left_out[name]))
    cure = f"name={next(iter(found))!r}" if found else "a recording with a stimulus"
    got = known if name is None else f"{name!r}, among {known}"
    raise ContractError(explain("name", wanted="one stimulus of the recording", got=got, cure=cure))


def stimuli_of(recording: xr.DataTree) -> dict[str, xr.DataArray]:
    """All stimuli of a recording by their names."""
    if STIMULUS not in recording.children:
        return {}
    node = recording[STIMULUS]
    datasets = [one.to_dataset() for one in (node, *node.children.values())]
    return {str(name): array for dataset in datasets for name, array in dataset.data_vars.items()}


def _on_one_grid(stimuli: Iterable[xr.DataArray]) -> bool:
    try:
        xr.align(*stimuli, join="exact", copy=False)
    except ValueError:  # xarray's AlignmentError, and sizes of dimensions without labels
        return False
    return True
