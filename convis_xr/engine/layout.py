"""How a result lies in a zarr store: arrays, coordinates, attributes, and the final state in a group of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from convis_xr.engine.facts import OutputFacts, TableFacts
from convis_xr.engine.plan import Plan
from convis_xr.engine.state import GROUP, Arrays
from convis_xr.event_table import EventTable
from convis_xr.io.zarr_files import METADATA, PARTIAL, ChunkedArray, declare

#: samples of a very long axis of time that are written at a time
_AXIS_CHUNK = 2**20
#: rows in a chunk of a table of events; the last one is written anew whenever rows are added
EVENT_CHUNK = 2**16
_ALL_CHUNKS: Any = {"write_empty_chunks": True}


def create(folder: Path, coords: xr.Dataset, plan: Plan, tables: Sequence[EventTable]) -> None:
    """Lay out a store: coordinates are written, variables are declared, tables of events are empty."""
    axes = _axes(coords)
    for name in axes:
        _write_axis(folder, coords[name])
    # the encoding is that of the files which the stimulus came from
    written = coords.drop_vars(axes).drop_encoding()
    # zarr 3 has a specification for texts of any length, none for those of a fixed length
    texts = {name: value.astype(object) for name, value in written.coords.items() if value.dtype.kind == "U"}
    _write_at_once(folder, written.assign_coords(texts))
    for output in plan.outputs:
        chunks, dtype = plan.stored[output.name], np.dtype(output.dtype)
        declare(folder / output.name, output.shape, chunks, dtype, dims=output.dims, attrs=output.attrs)
    for table in tables:
        _declare_table(folder, table)


def open_arrays(folder: Path, outputs: tuple[OutputFacts, ...]) -> dict[str, ChunkedArray]:
    """The arrays to write to, by output."""
    return {output.name: ChunkedArray(folder / output.name) for output in outputs}


def lost_chunks(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """How many chunks have no file, by array, of those arrays that lack some."""
    lost = {name: ChunkedArray(folder / name).lost for name in names}
    return {name: count for name, count in lost.items() if count}


def open_columns(folder: Path, tables: Sequence[TableFacts]) -> dict[str, Any]:
    """The columns of tables of events, by their own names."""
    group: Any = zarr.open_group(folder, mode="r+", use_consolidated=False)
    return {name: group[name].with_config(_ALL_CHUNKS) for table in tables for name, _ in table.columns}


def open_tables(folder: Path, tables: Sequence[TableFacts], lengths: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """The columns of each table of events, by output; rows beyond the lengths are cut off: they come again."""
    made = {}
    for table in tables:
        columns = open_columns(folder, [table])
        for column in columns.values():
            if column.shape[0] != lengths.get(table.name, 0):
                column.resize((lengths.get(table.name, 0),))
        made[table.name] = columns
    return made


def append(columns: Mapping[str, Any], rows: Arrays, at: int) -> int:
    """Add rows to a table that has ``at`` of them; returns how many it has then."""
    stop = at
    for name, values in rows.items():
        stop = at + len(values)
        if len(values):
            columns[name].resize((stop,))
            columns[name][at:stop] = values
    return stop


def write_state(folder: Path, state: Arrays) -> None:
    """Keep the final state; what an interrupted attempt has left is replaced."""
    for path, values in state.items():
        place = folder / GROUP / path
        if place.exists():
            shutil.rmtree(place)
        declare(place, values.shape, tuple(max(1, size) for size in values.shape), values.dtype, compressed=False)
        ChunkedArray(place).write(values, (0,) * values.ndim)


def write_root(folder: Path, attrs: Mapping[str, Any]) -> None:
    """Set attributes of the store, and gather the metadata of its arrays in one file, which is replaced as a whole."""
    path = folder / METADATA
    root = json.loads(path.read_text())
    members = sorted(place.parent for place in folder.glob(f"*/{METADATA}"))
    members += sorted(place.parent for place in folder.glob(f"{GROUP}/*/{METADATA}"))
    gathered = {str(place.relative_to(folder)): json.loads((place / METADATA).read_text()) for place in members}
    root["attributes"] = {**root["attributes"], **attrs}
    root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": gathered}
    half = folder / (METADATA + PARTIAL)
    half.write_text(json.dumps(root))
    os.replace(half, path)


def read_root(folder: Path) -> dict[str, Any]:
    """The attributes of a store; none where there is no store."""
    path = folder / METADATA
    if not path.is_file():
        return {}
    attrs: dict[str, Any] = json.loads(path.read_text()).get("attributes", {})
    return attrs


def remove_partial(folder: Path) -> None:
    """Remove the half-written files that a process leaves behind which is killed."""
    for path in folder.rglob(f"*{PARTIAL}"):
        path.unlink()


def open_result(folder: Path, coords: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Open a store lazily, variables in the order of ``names``; axes of numbers are taken from ``coords``."""
    axes = _axes(coords)
    opened = xr.open_zarr(folder, chunks={}, drop_variables=axes)
    encoding = opened.encoding
    opened = opened.assign_coords(coords[axes].coords)[names]  # zarr lists variables by the alphabet
    opened.encoding = encoding
    return opened


def _write_at_once(folder: Path, coords: xr.Dataset) -> None:
    """What xarray makes of coordinates, in as many files but fewer steps than it takes on a disk."""
    if not coords.variables:
        (folder / METADATA).write_text(json.dumps({"attributes": {}, "zarr_format": 3, "node_type": "group"}))
        return
    files: dict[str, Any] = {}
    coords.to_zarr(MemoryStore(files), mode="a", consolidated=False, zarr_format=3)
    for key, content in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content.to_bytes())


def _declare_table(folder: Path, table: EventTable) -> None:
    attrs, along = table.attrs, list(table.coordinates.values())
    for name, dtype in table.dtypes.items():
        # what xarray writes, and reads, for coordinates that are no dimensions
        listed = {"coordinates": " ".join(along)} if name == table.name else {}
        declare(
            folder / name, (0,), (EVENT_CHUNK,), np.dtype(dtype), dims=(table.dim,), attrs={**attrs[name], **listed}
        )


def _axes(coords: xr.Dataset) -> list[Hashable]:
    """The coordinates that are numbers along the dimension of their name."""
    return [name for name in coords.dims if name in coords.coords and coords[name].dtype.kind in "fiu"]


def _write_axis(folder: Path, axis: xr.DataArray) -> None:
    """Write an axis, which may be too long to be held."""
    place, size = folder / str(axis.name), axis.size
    declare(place, (size,), (max(1, min(size, _AXIS_CHUNK)),), axis.dtype, dims=[str(axis.name)], attrs=axis.attrs)
    array = ChunkedArray(place)
    for first in range(0, size, _AXIS_CHUNK):
        array.write(axis[first : first + _AXIS_CHUNK].values, (first,))
