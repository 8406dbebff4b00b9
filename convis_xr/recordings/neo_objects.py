"""neo's objects to recordings, and spikes to neo's spike trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.recordings.forms import cell_table, check_spikes, codes, recording_tree, sorted_table
from convis_xr.units import magnitude

#: what neo calls the ends of a recording
_ENDS = ("t_start", "t_stop")


def from_neo(given: Any) -> xr.DataTree:
    """A recording of spike trains of neo.

    Parameters
    ----------
    given : neo.Block, neo.Segment, neo.SpikeTrain or a list of these
        Cells are called by the names of their trains where each has one of its own, else 0, 1, .... The segments of a
        block are repeats: train k of each is cell k, on that segment's own time.

    Returns
    -------
    DataTree
        ``spikes`` (with a coordinate ``repeat`` where there are several segments); ``cells`` with ``t_start``,
        ``t_stop`` [s] and the trains' annotations (of the first segment); ``trials`` of the epochs of a single
        segment.

    Raises
    ------
    ContractError
        Something else, no trains, or segments with different numbers of them.

    Examples
    --------
    >>> import neo
    >>> from_neo(neo.SpikeTrain([100.0, 300.0], units="ms", t_stop=1000.0))["spikes"]["time"].values
    array([0.1, 0.3])
    """
    neo = needed("neo", "recordings")
    if isinstance(given, neo.Block):
        segments = [list(segment.spiketrains) for segment in given.segments]
        epochs = list(given.segments[0].epochs) if len(segments) == 1 else []
    elif isinstance(given, neo.Segment):
        segments, epochs = [list(given.spiketrains)], list(given.epochs)
    else:
        segments, epochs = [[given] if isinstance(given, neo.SpikeTrain) else list(given)], []
    _check_segments(segments, neo.SpikeTrain)
    labels = _labels(segments[0])
    trains = [_seconds(train.times) for segment in segments for train in segment]
    cell = np.tile(labels, len(segments))
    repeat = np.repeat(np.arange(len(segments)), len(labels)) if len(segments) > 1 else None
    spikes = sorted_table(trains, cell, repeat)
    return recording_tree(spikes=spikes, cells=_cells(segments[0], labels), trials=_trials(epochs))


def to_neo(spikes: Any, *, cells: Any = None, t_start: Any = None, t_stop: Any = None) -> list[Any]:
    """Spikes as neo's spike trains, one for each cell.

    Parameters
    ----------
    spikes : Dataset (event)
    cells : sequence of labels, or Dataset (cell), optional
        As in `bin_spikes`; what a table knows of the cells becomes annotations.
    t_start, t_stop : quantity, optional
        Ends of the recording [s]; by default 0 (or the first spike, where that is earlier) and the last spike.

    Returns
    -------
    list of neo.SpikeTrain [s]
        Named by the cells' labels.

    Raises
    ------
    ContractError
        No table of spikes, spikes beyond the ends, or repeats.

    Examples
    --------
    >>> import convis_xr as cx
    >>> trains = to_neo(cx.recordings.spike_table({"a": [0.1, 0.2], "b": [0.3]}), t_stop="1 s")
    >>> trains[0].name, trains[0].magnitude, float(trains[0].t_stop)
    ('a', array([0.1, 0.2]), 1.0)
    """
    neo = needed("neo", "recordings")
    checked = check_spikes(spikes)
    if checked.repeat is not None:
        cure = "one repeat: spikes.where(spikes.repeat == 0, drop=True).drop_vars('repeat')"
        raise ContractError(explain("spikes", wanted="one recording", got="repeats", cure=cure))
    table = cell_table(cells, checked)
    first, last = (float(checked.times[0]), float(checked.times[-1])) if len(checked.times) else (0.0, 0.0)
    begin = min(0.0, first) if t_start is None else magnitude(t_start, "time", "t_start")
    end = last if t_stop is None else magnitude(t_stop, "time", "t_stop")
    if len(checked.times) and not begin <= first <= last <= end:
        got = f"spikes from {first:.6g} to {last:.6g} s"
        cure = "wider t_start= and t_stop="
        raise ContractError(explain("spikes", wanted=f"times from {begin:.6g} to {end:.6g} s", got=got, cure=cure))
    place = codes(checked.cell, table)
    along = {str(name): value.values for name, value in table.variables.items() if value.dims == (dims.CELL,)}
    known = {name: values for name, values in along.items() if name not in (dims.CELL, *_ENDS)}
    trains = []
    for at, label in enumerate(table[dims.CELL].values.tolist()):
        train = neo.SpikeTrain(checked.times[place == at], units="s", t_start=begin, t_stop=end, name=str(label))
        train.annotate(**{name: values[at].item() for name, values in known.items()})
        trains.append(train)
    return trains


def _check_segments(segments: list[list[Any]], wanted: Any) -> None:
    cure = "a Block or Segment with spike trains, or a list of them"
    odd = [train for segment in segments for train in segment if not isinstance(train, wanted)]
    if odd:
        got = type(odd[0]).__name__
        raise ContractError(explain("from_neo", wanted="spike trains of neo", got=got, cure=cure))
    counts = {len(segment) for segment in segments}
    if counts in (set(), {0}):
        raise ContractError(explain("from_neo", wanted="at least one spike train", got="none", cure=cure))
    if len(counts) > 1:
        got = f"segments with {', '.join(map(str, sorted(counts)))}"
        cure = "from_neo(segment) for each"
        raise ContractError(explain("from_neo", wanted="as many trains in each segment", got=got, cure=cure))


def _labels(trains: list[Any]) -> np.ndarray[Any, Any]:
    names = [train.name for train in trains]
    if all(names) and len(set(names)) == len(names):
        return np.asarray(names, np.str_)
    return np.arange(len(trains))


def _seconds(times: Any) -> np.ndarray[Any, Any]:
    return np.asarray(times.rescale("s").magnitude, np.float64)


def _cells(trains: list[Any], labels: np.ndarray[Any, Any]) -> xr.Dataset:
    """What neo knows of each train; annotations that all of them have, and that are numbers or texts."""
    columns: dict[str, Any] = {
        name: (dims.CELL, [float(getattr(train, name).rescale("s")) for train in trains], {"units": "s"})
        for name in _ENDS
    }
    for name in trains[0].annotations:
        values = [train.annotations.get(name) for train in trains]
        if all(isinstance(value, bool | int | float | str | np.number | np.bool_) for value in values):
            columns[str(name)] = (dims.CELL, np.asarray(values))
    table = xr.Dataset(columns, {dims.CELL: labels})
    return table.set_coords(list(table.data_vars))


def _trials(epochs: list[Any]) -> xr.Dataset | None:
    if not epochs:
        return None
    start = np.concatenate([_seconds(epoch.times) for epoch in epochs])
    length = np.concatenate([_seconds(epoch.durations) for epoch in epochs])
    label = np.concatenate([np.asarray(epoch.labels, np.str_) for epoch in epochs if len(epoch)])
    columns = {"start": start, "stop": start + length}
    made = {name: (dims.TRIAL, values, {"units": "s"}) for name, values in columns.items()}
    if len(label) == len(start):
        made["label"] = (dims.TRIAL, label, {})
    return xr.Dataset(made, {dims.TRIAL: np.arange(len(start))})
