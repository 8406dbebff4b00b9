"""Tables of NWB files as Datasets: units, trials, electrodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.recordings.forms import LEFT_OUT, sorted_table
from convis_xr.recordings.observed import OBSERVED

#: columns of intervals and what they are called here
_ENDS = {"start_time": "start", "stop_time": "stop"}
#: what a response has itself
_TAKEN = {dims.TIME, dims.REPEAT, dims.EVENT, "outside"}
_RAGGED = "differs in length from row to row"


def table(columns: Any, dim: str, *, skip: tuple[str, ...] = ()) -> xr.Dataset:
    """A ``DynamicTable`` over ``dim``; what has no form as an array is told in the attribute ``left_out``.

    A column that is called as what a response has itself (``time``) ends with an underscore here.
    The labels are those of a column that is called ``dim``, else the rows' numbers (``id``), else 0, 1, ...: the first
    that are unique.
    """
    made: dict[str, xr.Variable] = {}
    left_out: dict[str, str] = {}
    for name in columns.colnames:
        if name in skip:
            continue
        if name in _ENDS.values() and set(_ENDS) <= set(columns.colnames):
            left_out[name] = f"is called as {name}_time is here"
            continue
        column = columns[name]
        values = None if hasattr(column, "target") else _values(column.data)
        if values is None:
            left_out[name] = _RAGGED if hasattr(column, "target") else "holds neither numbers nor texts"
            continue
        attrs = {"long_name": str(column.description)} if column.description else {}
        if name in _ENDS:
            attrs["units"] = "s"
        further = tuple(f"{name}_{axis}" for axis in range(1, values.ndim))
        called = f"{name}_" if name in _TAKEN else _ENDS.get(name, name)
        made[called] = xr.Variable((dim, *further), values, attrs)
    notes = {LEFT_OUT: left_out} if left_out else {}
    return xr.Dataset(made, {dim: _labels(made, columns, dim)}, notes)


def _labels(made: dict[str, xr.Variable], columns: Any, dim: str) -> np.ndarray[Any, Any]:
    """One for each row: two rows of one label would become one cell."""
    if dim in made:
        own = made.pop(dim)
        if own.ndim == 1 and len(np.unique(own.values)) == own.size:
            return own.values
        made[f"{dim}_label"] = xr.Variable(own.dims, own.values, own.attrs)
    labels = np.asarray(columns.id[:])
    return labels if len(np.unique(labels)) == len(labels) else np.arange(len(labels))


def units(found: Any) -> tuple[xr.Dataset | None, xr.Dataset]:
    """Spikes and cells of the table of units."""
    cells = table(found, dims.CELL, skip=("spike_times", OBSERVED))
    if OBSERVED in found.colnames:
        cells[OBSERVED] = _intervals(found)
    cells = cells.set_coords(list(cells.data_vars))
    if "spike_times" not in found.colnames:
        return None, cells
    return sorted_table(_rows(found["spike_times"]), cells[dims.CELL].values), cells


def _rows(ragged: Any) -> list[np.ndarray[Any, Any]]:
    """The rows of a ragged column, all read at once."""
    ends = np.asarray(ragged.data[:], np.int64)
    # of no rows there is no first end
    return np.split(np.asarray(ragged.target.data[:], np.float64), ends[:-1]) if len(ends) else []


def _intervals(found: Any) -> xr.Variable:
    """When each unit was observed: (cell, interval, bound) [s], NaN behind the last one of a unit."""
    rows = [row.reshape(-1, 2) for row in _rows(found[OBSERVED])]
    made = np.full((len(rows), max((len(row) for row in rows), default=0), 2), np.nan)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    attrs = {"units": "s", "long_name": "when the cell was observed"}
    return xr.Variable((dims.CELL, dims.INTERVAL, dims.BOUND), made, attrs)


def _values(data: Any) -> np.ndarray[Any, Any] | None:
    """A column as numbers or texts; objects by their names; None where it is neither."""
    values = np.asarray(data[:])
    if values.dtype.kind in "biufU":
        return values
    parts = [part.decode() if isinstance(part, bytes) else getattr(part, "name", part) for part in values.ravel()]
    texts = all(isinstance(part, str) for part in parts)
    return np.asarray(parts, dtype=np.str_).reshape(values.shape) if texts and parts else None
