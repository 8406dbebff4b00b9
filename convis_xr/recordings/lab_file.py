"""HDF5 files as retina labs write them: frames, spike times of each cell, trials; arguments say where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import AXES
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.io.faults import bad_file, needed
from convis_xr.io.guard import DAMAGE
from convis_xr.recordings.forms import recording_tree, sorted_table
from convis_xr.recordings.hdf5 import Hdf5Array
from convis_xr.recordings.series import Clocked, Said, labelled
from convis_xr.recordings.times import Times, in_seconds

#: how many datasets an error lists
MOST_LISTED = 30
_PLACES = (dims.CELL, dims.REPEAT)


class LabFile:
    """An open HDF5 file whose datasets are asked for by name.

    Parameters
    ----------
    path : Path
    time_unit : str, optional
        Unit of times of datasets that have no attribute ``units``.
    """

    def __init__(self, path: Path, file: Any, time_unit: str | None) -> None:
        self.path, self._time_unit = path, time_unit
        self.datasets: dict[str, Any] = {}
        file.visititems(lambda name, one: self.datasets.update({name: one}) if hasattr(one, "shape") else None)

    def dataset(self, name: str, argument: str) -> Any:
        """The dataset of this name."""
        found = self.datasets.get(name.strip("/"))
        if found is None:
            raise ContractError(self.refusal(argument, f"a dataset of {self.path.name}", repr(name)))
        return found

    def times(self, name: str, argument: str) -> Times:
        """A dataset of times, s."""
        found = self.dataset(name, argument)
        values = np.asarray(found[()])
        if values.dtype.kind not in "iuf":
            raise ContractError(self.refusal(argument, "times", f"{values.dtype} in {name!r}"))
        return in_seconds(values, self._unit(found, name), argument)

    def refusal(self, argument: str, wanted: str, got: str) -> str:
        """An error message that lists what is in the file."""
        rows = [f"{name} {one.shape} {one.dtype}" for name, one in self.datasets.items()]
        more = f", and {len(rows) - MOST_LISTED} more" if len(rows) > MOST_LISTED else ""
        listed = ", ".join(rows[:MOST_LISTED]) or "nothing"
        cure = f'names of datasets, as stimulus="stim/frames", spikes="spikes/{{cell}}". The file has: {listed}{more}'
        return explain(argument, wanted=wanted, got=got, cure=cure)

    def _unit(self, dataset: Any, name: str) -> str:
        own = next((dataset.attrs[key] for key in ("units", "unit") if key in dataset.attrs), None)
        own = own.decode() if isinstance(own, bytes) else own
        if own is None and self._time_unit is None:
            cure = 'time_unit="s", or an attribute units of the dataset'
            raise UnitError(explain("time_unit", wanted=f"a unit for the times in {name!r}", got="none", cure=cure))
        if own is not None and self._time_unit is not None and own != self._time_unit:
            cure = "drop time_unit"
            raise UnitError(explain("time_unit", wanted=f"{own}, as {name!r} says", got=self._time_unit, cure=cure))
        return str(own if own is not None else self._time_unit)


def open_lab_file(
    path: Path,
    stimuli: tuple[str, ...] | None,
    spikes: str | None,
    *,
    said: Said,
    cells: str | None = None,
    frame_times: str | None = None,
    trials: Any = None,
    time_unit: str | None = None,
) -> xr.DataTree:
    """The parts of a file that the arguments name; see `convis_xr.recordings.open_recording`."""
    try:
        file = needed("h5py", "nwb").File(path, "r")
    except DAMAGE as error:
        raise bad_file(path, "an HDF5 file", str(error) or type(error).__name__) from error
    with file:
        lab = LabFile(path, file, time_unit)
        if stimuli is None and spikes is None:
            raise ContractError(lab.refusal("open_recording", f"what is what in {path.name}", "no names"))
        clock = Clocked(step=said.step())
        if frame_times is not None:
            clock = Clocked(times=lab.times(frame_times, "frame_times").ravel())
        shown = {name: _stimulus(lab, name, clock, said) for name in stimuli or ()}
        table, known = (None, None) if spikes is None else _spikes(lab, spikes, cells)
        rows = None if trials is None else _trials(lab, trials)
        shown = {name.strip("/").replace("/", "_"): film for name, film in shown.items()}
        return recording_tree(stimuli=shown, spikes=table, cells=known, trials=rows)


def _stimulus(lab: LabFile, name: str, clock: Clocked, said: Said) -> xr.DataArray:
    dataset = lab.dataset(name, "stimulus")
    if dataset.dtype.kind not in "biuf" or not dataset.size:
        raise ContractError(lab.refusal("stimulus", "numbers", f"{dataset.dtype} of shape {dataset.shape}"))
    names = said.names(len(dataset.shape), AXES | {2: (dims.TIME, dims.CHANNEL)}, name)
    if dims.TIME not in names:
        raise ContractError(explain("axes", wanted="time among them", got=str(names), cure='axes=("time", "y", "x")'))
    own = dataset.attrs.get("units")
    units = said.units or (own.decode() if isinstance(own, bytes) else own)
    called = name.strip("/").replace("/", "_")
    return labelled(Hdf5Array.of(dataset), names, clock, said.pixel(), name=called, units=units)


def _spikes(lab: LabFile, spikes: str, cells: str | None) -> tuple[xr.Dataset, xr.Dataset]:
    """The table of spikes, and that of cells, of a dataset for each cell or of one with a label for each spike."""
    if "{" not in spikes:
        if cells is None:
            wanted = 'a place for the cell, as "spikes/{cell}", or a dataset of labels, cells='
            raise ContractError(lab.refusal("spikes", wanted, repr(spikes)))
        times, labels = lab.times(spikes, "spikes").ravel(), np.asarray(lab.dataset(cells, "cells")[()]).ravel()
        if len(times) != len(labels):
            raise ContractError(lab.refusal("cells", f"a label for each of {len(times)} spikes", str(len(labels))))
        labels = labels.astype(np.str_) if labels.dtype.kind in "SO" else labels
        order = np.argsort(times, kind="stable")
        rows = sorted_table([times[order]], np.zeros(1))
        known, place = np.unique(labels, return_inverse=True)
        return rows.assign_coords(cell=(dims.EVENT, known[place][order])), xr.Dataset(coords={dims.CELL: known})
    found = _matching(lab, spikes)
    trains = [lab.times(name, "spikes").ravel() for name in found]
    cell = _labels([places[dims.CELL] for places in found.values()])
    repeated = all(dims.REPEAT in places for places in found.values())
    repeat = _labels([places[dims.REPEAT] for places in found.values()]) if repeated else None
    return sorted_table(trains, cell, repeat), xr.Dataset(coords={dims.CELL: np.unique(cell)})


def _matching(lab: LabFile, pattern: str) -> dict[str, dict[str, str]]:
    """The datasets whose names are of a pattern, and what stands in its places."""
    places = re.findall(r"{(\w*)}", pattern)
    if dims.CELL not in places or len(set(places)) != len(places) or not set(places) <= set(_PLACES):
        wanted = "the places {cell} and, with repeats, {repeat}, each once"
        raise ContractError(lab.refusal("spikes", wanted, repr(pattern)))
    parts = re.split(r"{\w*}", pattern.strip("/"))
    between = [f"(?P<{name}>[^/]+)" for name in places]
    wanted = "".join(re.escape(part) + place for part, place in zip(parts, [*between, ""], strict=True))
    found = {name: match.groupdict() for name in lab.datasets if (match := re.fullmatch(wanted, name))}
    if not found:
        raise ContractError(lab.refusal("spikes", f"datasets named like {pattern!r}", "none"))
    return found


def _labels(texts: list[str]) -> np.ndarray[Any, Any]:
    """Whole numbers where all are."""
    numbers = all(re.fullmatch(r"0|[1-9]\d{0,17}", text) for text in texts)
    return np.asarray(texts, np.int64 if numbers else np.str_)


def _trials(lab: LabFile, given: Any) -> xr.Dataset:
    """Of a dataset (trial, 2), or of a pair of datasets: start and stop of each trial."""
    if isinstance(given, str):
        both = lab.times(given, "trials")
        if both.ndim != 2 or both.shape[1] != 2:
            wanted = "a dataset (trial, 2) of starts and stops, or a pair of datasets"
            raise ContractError(lab.refusal("trials", wanted, f"{given!r} of shape {both.shape}"))
        ends = [both[:, 0], both[:, 1]]
    else:
        ends = [lab.times(str(name), "trials").ravel() for name in given]
        if len(ends) != 2 or len(ends[0]) != len(ends[1]):
            got = f"{len(ends)} datasets of {[len(one) for one in ends]} times"
            raise ContractError(lab.refusal("trials", "starts and stops, as many of each", got))
    columns = {name: (dims.TRIAL, one, {"units": "s"}) for name, one in zip(("start", "stop"), ends, strict=True)}
    return xr.Dataset(columns, {dims.TRIAL: np.arange(len(ends[0]))})
