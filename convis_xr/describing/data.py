"""Descriptions of stimuli and responses: from what they say of themselves, without computing a value."""

from __future__ import annotations

import json
from typing import Any

import xarray as xr
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.contract import check_stimulus, is_spike_count
from convis_xr.describing.description import Description, Table
from convis_xr.engine.memory import shown_bytes
from convis_xr.errors import ConvisError
from convis_xr.sampling import Sampling, dequantified
from convis_xr.streams import Stream

_DIM_COLUMNS = ("name", "size", "unit", "from", "to", "step", "in blocks of")
_VARIABLE_COLUMNS = ("name", "dims", "unit", "dtype", "size", "held", "meaning")


def describe_array(array: xr.DataArray) -> Description:
    """A stimulus or one output."""
    plain = dequantified(array)
    facts = [("values", f"{_unit(plain)}, {plain.dtype}"), *_range(plain), ("held", held(plain))]
    facts += [*_sampling(plain), ("stimulus", _keeps_contract(plain)), *_told(plain)]
    title = f"DataArray {plain.name}" if plain.name is not None else "DataArray"
    return Description(title, str(plain.attrs.get("long_name", "")), tuple(facts), (_dims(plain),))


def describe_dataset(dataset: xr.Dataset) -> Description:
    """A response, or any other labelled data."""
    plain = dequantified(dataset)
    rows = tuple(_variable_row(str(name), value) for name, value in plain.data_vars.items())
    tables = [_dims(plain), Table("Variables", _VARIABLE_COLUMNS, rows)]
    facts = [("size", shown_bytes(sum(value.nbytes for value in plain.data_vars.values()))), *_sampling(plain)]
    shown = tuple(table for table in tables if table.rows)
    return Description("Dataset", str(plain.attrs.get("title", "")), (*facts, *_made_of(plain)), shown)


def describe_stream(stream: Stream) -> Description:
    """An endless source; no frame is read."""
    like = stream.template
    at = f"frame {stream.position}, {stream.position * stream.sampling.need_dt('stream'):g} s"
    facts = [("values", f"{_unit(like)}, {like.dtype}"), *_range(like), *_sampling(like)]
    facts += [("position", at), ("dropped", str(stream.dropped))]
    frame = _dims(like.isel({dims.TIME: 0}, drop=True))
    table = Table("Dimensions of a frame", frame.columns, frame.rows)
    return Description("Stream", "frames that come one after another", tuple(facts), (table,) if frame.rows else ())


def held(array: xr.DataArray) -> str:
    """Where the values are: in memory, in blocks that are computed when asked for, or on a disk.

    Examples
    --------
    >>> held(xr.DataArray([1.0, 2.0]))
    'in memory, 16 B'
    """
    size = shown_bytes(array.nbytes)
    blocks = array.variable.chunks
    if blocks is not None:
        count = 1
        for lengths in blocks:
            count *= len(lengths)
        return f"lazy, {size} in {count} {'blocks' if count != 1 else 'block'}, computed when asked for"
    return f"in memory, {size}" if array.variable._in_memory else f"lazy, {size}, read when asked for"


def _dims(data: Any) -> Table:
    rows = tuple(_dim_row(data, str(name), size) for name, size in data.sizes.items())
    return Table("Dimensions", _DIM_COLUMNS, rows)


def _dim_row(data: Any, name: str, size: int) -> tuple[str, ...]:
    blocks = _blocks(data, name)
    if name not in data.coords:
        return name, str(size), "", "", "", "", blocks
    coordinate, index = data.coords[name], data.xindexes.get(name)
    # a very long axis is not written out for this
    in_memory = isinstance(index, RangeIndex) or coordinate.variable._in_memory
    ends = ["", ""] if not size or not in_memory else [_label(coordinate[at : at + 1]) for at in (0, size - 1)]
    return name, str(size), str(coordinate.attrs.get("units", "")), *ends, _step(coordinate, index), blocks


def _label(coordinate: xr.DataArray) -> str:
    value = coordinate.values[0]
    return f"{value:.6g}" if coordinate.dtype.kind in "iuf" else str(value)


def _step(coordinate: xr.DataArray, index: Any) -> str:
    if isinstance(index, RangeIndex):
        return f"{float(index.transform.step):.6g}"
    size = coordinate.sizes[coordinate.name]
    if size > 1 and coordinate.dtype.kind in "iuf" and coordinate.variable._in_memory:
        first, last = coordinate.values[0], coordinate.values[-1]
        return f"{(float(last) - float(first)) / (size - 1):.6g}"
    return ""


def _blocks(data: Any, name: str) -> str:
    chunks = dict(data.chunksizes).get(name, ()) if not isinstance(data, xr.Dataset) else ()
    lengths = sorted(set(chunks))
    return "" if len(chunks) < 2 else f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"


def _variable_row(name: str, value: xr.DataArray) -> tuple[str, ...]:
    shape = ", ".join(f"{dim}: {size}" for dim, size in value.sizes.items())
    meaning = "spikes per step" if is_spike_count(value) else str(value.attrs.get("long_name", ""))
    where = held(value).partition(",")[0]
    return name, shape, _unit(value), str(value.dtype), shown_bytes(value.nbytes), where, meaning


def _unit(array: xr.DataArray) -> str:
    return str(array.attrs.get("units", "no unit"))


def _range(array: xr.DataArray) -> list[tuple[str, str]]:
    given: Any = array.attrs.get("valid_range")
    try:
        low, high = given
        return [("range", f"{float(low):g} to {float(high):g}")]
    except (TypeError, ValueError):
        return [] if given is None else [("range", repr(given))]


def _sampling(data: Any) -> list[tuple[str, str]]:
    try:
        return [("sampling", repr(Sampling.of(data)))]
    except ConvisError as error:
        return [("sampling", str(error))]


def _keeps_contract(array: xr.DataArray) -> str:
    """Whether a model takes it as its input."""
    try:
        check_stimulus(array, "it")
    except ConvisError as error:
        return f"no: {error}"
    return "yes, a model takes it as it is"


def _told(array: xr.DataArray) -> list[tuple[str, str]]:
    """What a generator or a reader has noted."""
    known = ("units", "valid_range", "long_name", "actual_range")
    return [(str(name), str(value)) for name, value in array.attrs.items() if name not in known]


def _made_of(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """What a run has noted of itself."""
    try:
        facts = json.loads(dataset.attrs["convis_xr_provenance"])
        made = [("model", str(facts["model"]["class"])), ("stimulus", str(facts["stimulus"]["name"]))]
    except (KeyError, TypeError, ValueError):
        return []
    if "complete" in dataset.attrs:
        made.append(("complete", "yes" if dataset.attrs["complete"] else "no"))
    return made
