"""Spike times in tables: CSV and parquet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.io.faults import bad_file, needed
from convis_xr.io.guard import DAMAGE
from convis_xr.recordings.forms import check_spikes, recording_tree
from convis_xr.recordings.times import in_seconds
from convis_xr.units import has_dimension, parse_unit

SUFFIXES = (".csv", ".parquet")
_TIME = re.compile(r"(?:spike_)?times?(?:[ _]*[(\[]?([A-Za-zµμ]+)[)\]]?)?", re.IGNORECASE)


def open_table(path: Path, time: str | None, cell: str | None, time_unit: str | None) -> xr.DataTree:
    """Spikes and cells of a table with a row for each spike.

    Parameters
    ----------
    path : Path
    time : str, optional
        The column of times; by default the one that is called ``time``, ``spike_time``, ``time_ms``, ...
    cell : str, optional
        The column of labels, by default ``cell``.
    time_unit : str, optional
        Where the name of the column does not end with it.
    """
    frame = _read(path)
    columns = [str(name) for name in frame.columns]
    time = _time_column(columns, path) if time is None else time
    cell = dims.CELL if cell is None else cell
    for argument, name in (("spikes", time), ("cells", cell)):
        if name not in columns:
            wanted, cure = f"a column of {path.name}", f"{argument}= one of {', '.join(columns)}"
            raise ContractError(explain(argument, wanted=wanted, got=repr(name), cure=cure))
    values = frame[time].to_numpy()
    if not len(values):
        values = values.astype(np.float64)  # pandas knows no type of no rows
    if values.dtype.kind not in "iuf":
        got = f"{values.dtype}, as {values[0]!r}"
        raise ContractError(explain(f"column {time!r}", wanted="numbers", got=got, cure="the times as numbers"))
    nameless = np.flatnonzero(frame[cell].isna())
    if len(nameless):
        got, cure = f"none in row {nameless[0]} ({len(nameless)} such rows)", "drop these rows"
        raise ContractError(explain(f"column {cell!r}", wanted="a label for each spike", got=got, cure=cure))
    seconds = in_seconds(values, _unit(time, time_unit), f"column {time!r}")
    beside = {str(name): _plain(frame[name]) for name in frame.columns if name not in (time, cell)}
    # one that is called as what a table of spikes has itself
    own = (dims.TIME, dims.CELL, dims.EVENT)
    columns_along = {f"{name}_" if name in own else name: (dims.EVENT, column) for name, column in beside.items()}
    labels = _plain(frame[cell])
    coords = {dims.CELL: (dims.EVENT, labels)} | columns_along
    order = np.argsort(seconds, kind="stable")
    attrs = {"units": "s", "long_name": "time of the spike"}
    spikes = xr.Dataset({dims.TIME: (dims.EVENT, seconds, attrs)}, coords).isel({dims.EVENT: order})
    return recording_tree(spikes=spikes, cells=xr.Dataset(coords={dims.CELL: np.unique(labels)}))


def write_table(spikes: Any, path: Path, suffix: str) -> None:
    """A row for each spike: ``time_s``, ``cell``, and ``repeat`` where there are some; floats keep all their bits."""
    checked = check_spikes(spikes)
    columns = {"time_s": checked.times, dims.CELL: checked.cell}
    frame = pd.DataFrame(columns if checked.repeat is None else columns | {dims.REPEAT: checked.repeat})
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        needed("pyarrow", "recordings")
        frame.to_parquet(path, index=False, engine="pyarrow")


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path)
        needed("pyarrow", "recordings")
        return pd.read_parquet(path, engine="pyarrow")
    except DAMAGE as error:
        raise bad_file(path, f"a table ({path.suffix})", str(error) or type(error).__name__) from error


def _time_column(columns: list[str], path: Path) -> str:
    found = [name for name in columns if _TIME.fullmatch(name)]
    if len(found) == 1:
        return found[0]
    got = ", ".join(found or columns)
    cure = 'spikes="name of the column"'
    wanted = f"one column of times in {path.name}"
    raise ContractError(explain("spikes", wanted=wanted, got=got, cure=cure))


def _unit(column: str, told: str | None) -> str:
    """The unit of times: what is told, what the column's name ends with; both must agree."""
    match = _TIME.fullmatch(column)
    own = match.group(1) if match else None
    if own is None and told is None:
        cure = f'time_unit="s", or a column called {column}_ms'
        raise UnitError(explain("time_unit", wanted=f"a unit for the column {column!r}", got="none", cure=cure))
    units = [parse_unit(unit, "time_unit") for unit in (own, told) if unit is not None]
    odd = [unit for unit in units if not has_dimension(unit, "time")]
    if odd or len(set(units)) > 1:
        got = " and ".join(units)
        cure = 'one unit of time, by the name of the column or time_unit="ms"'
        raise UnitError(explain("time_unit", wanted=f"the unit of the column {column!r}", got=got, cure=cure))
    return units[0]


def _plain(column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """A column as numpy has it, texts as such."""
    values = column.to_numpy()
    return values if values.dtype.kind in "biufM" else values.astype(np.str_)
