"""`EventTable`: how spikes one by one get their labels: a time for each, and where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.events import Events
from convis_xr.tensors import Labels
from convis_xr.units import DIMENSIONS, factor

#: ending of the name of an output that is a table of exact times; the rest is the name of what spikes
TIMES = "times"

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class EventTable:
    """The labels of the events of one output.

    The variable (event) [s] holds exact times on the stimulus' time axis: the label of the step, and the time since
    its beginning; where the axis is made of dates, the time since the stimulus' first sample. The coordinates along it
    are ``time`` (the same), ``y`` and ``x`` [degree], ``cell`` where the output is one over cells, and ``batch``,
    ``channel``, ``repeat`` where there are some: labels where they are numbers, else indices. Rows are sorted by time.

    In a Dataset of several outputs the dimension is called ``<name>_event``, and a coordinate
    ``<name>_event_<coordinate>``.

    Parameters
    ----------
    name : str
        Of the output.
    labels : Labels
        Those that spike counts of the same cells have.
    time : DataArray (time)
        The time coordinate of what is shown.
    zero : float, s
        Label of its first sample where it is made of dates.
    repeated : bool
        Whether there are several trials.
    alone : bool
        Whether the table is all there is in a Dataset.
    """

    name: str
    labels: Labels
    time: xr.DataArray
    zero: float = 0.0
    repeated: bool = False
    alone: bool = True

    @property
    def dim(self) -> str:
        """Name of the dimension."""
        return dims.EVENT if self.alone else f"{owner_of(self.name)}_{dims.EVENT}"

    @property
    def coordinates(self) -> dict[str, str]:
        """What lies along the dimension, and what it is called."""
        sizes, coords = self.labels.sizes, self.labels.coords
        along = [str(name) for name, value in coords.items() if value.dims == (dims.CELL,) and name in dims.SPACE]
        wanted = [dims.TIME, *(name for name in (dims.Y, dims.X, dims.CELL) if name in sizes or name in along)]
        wanted += [name for name in (dims.BATCH, dims.CHANNEL) if name in sizes]
        wanted += [dims.REPEAT] * self.repeated
        return {name: name if self.alone else f"{self.dim}_{name}" for name in wanted}

    @property
    def dtypes(self) -> dict[str, str]:
        """Dtype of the variable and of each coordinate, by the name that it is called."""
        kinds = {self.name: "float64"}
        for name, called in self.coordinates.items():
            values = self._values(name)
            kinds[called] = "float64" if name == dims.TIME else "int64" if values is None else str(values.dtype)
        return kinds

    @property
    def attrs(self) -> dict[str, dict[str, Any]]:
        """Attributes of the variable and of each coordinate."""
        made: dict[str, dict[str, Any]] = {self.name: {"units": "s", "long_name": self.name.replace("_", " ")}}
        for name, called in self.coordinates.items():
            own = self.labels.coords[name].attrs if name in self.labels.coords and name != dims.TIME else {}
            made[called] = {key: value for key, value in own.items() if key not in ("step", "axis")}
        made[self.coordinates[dims.TIME]] = {"units": "s", "long_name": "exact time of the spike"}
        return made

    def rows(self, trials: Sequence[Events], first: int) -> Columns:
        """The variable and its coordinates, for what the trials gave in a chunk whose first step is ``first``."""
        found = {name: np.concatenate([_numpy(getattr(one, name)) for one in trials]) for name in ("step", "offset")}
        cell = np.concatenate([_numpy(one.cell) for one in trials])
        repeat = np.repeat(np.arange(len(trials)), [len(one.cell) for one in trials])
        order = np.lexsort((cell, repeat, found["offset"], found["step"]))
        cell, repeat, step, offset = (part[order] for part in (cell, repeat, found["step"], found["offset"]))
        exact = _seconds(self.time, step + first, self.zero) + offset
        shape = trials[0].shape
        axes = (*self.labels.axes[:2], *self.labels.axes[3:])
        index = dict(zip(axes, np.unravel_index(cell, shape), strict=True)) | {dims.REPEAT: repeat}
        columns = {self.name: exact}
        for name, called in self.coordinates.items():
            columns[called] = exact if name == dims.TIME else self._column(name, index)
        return {name: values.astype(self.dtypes[name]) for name, values in columns.items()}

    def dataset(self, columns: Columns) -> xr.Dataset:
        """The table, labelled."""
        attrs = self.attrs
        made = xr.Dataset({self.name: (self.dim, columns[self.name], attrs[self.name])})
        called = self.coordinates.values()
        return made.assign_coords({name: (self.dim, columns[name], attrs[name]) for name in called})

    def empty(self) -> Columns:
        """No rows at all."""
        return {name: np.empty(0, dtype) for name, dtype in self.dtypes.items()}

    def _column(self, name: str, index: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        values = self._values(name)
        place = index[name] if name in index else index[dims.CELL]
        if name in dims.SPACE and dims.CELL in index:
            place = index[dims.CELL]
        return place if values is None else values[place]

    def _values(self, name: str) -> np.ndarray[Any, Any] | None:
        """The labels along ``name`` where they are numbers; None where the index must do."""
        if name not in self.labels.coords or self.labels.coords[name].dtype.kind not in "iuf":
            return None
        values = self.labels.coords[name].values
        return np.asarray(values, np.float64 if values.dtype.kind == "f" else np.int64)


def is_event_table(array: xr.DataArray | xr.Variable) -> bool:
    """Whether a variable of a result is a table of exact times.

    Examples
    --------
    >>> is_event_table(xr.DataArray([0.5], dims="parvo_on_event")), is_event_table(xr.DataArray([0.5], dims="time"))
    (True, False)
    """
    return len(array.dims) == 1 and str(array.dims[0]).rpartition("_")[2] == dims.EVENT


def owner_of(name: str) -> str:
    """What spikes in an output of exact times.

    Examples
    --------
    >>> owner_of("parvo_on_times"), owner_of("times")
    ('parvo_on', 'times')
    """
    return name.removesuffix(f"_{TIMES}")


def _numpy(values: Any) -> np.ndarray[Any, Any]:
    made: np.ndarray[Any, Any] = values.detach().cpu().numpy()
    return made


def _seconds(time: xr.DataArray, step: np.ndarray[Any, Any], zero: float) -> np.ndarray[Any, Any]:
    """Labels of time steps, s; dates count from ``zero`` on."""
    found = time.isel({dims.TIME: xr.Variable(dims.EVENT, step)}).values
    if time.dtype.kind == "M":
        found, zero = found - time[:1].values[0], zero
        return np.asarray(found / np.timedelta64(1, "ns") * 1e-9 + zero, np.float64)
    if time.dtype.kind == "m":
        return np.asarray(found / np.timedelta64(1, "ns") * 1e-9, np.float64)
    return np.asarray(found, np.float64) * factor(time.attrs["units"], DIMENSIONS["time"].unit, dims.TIME)
