"""Time series of NWB files as stimuli."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.recordings.hdf5 import Hdf5Array, IndexedFrames
from convis_xr.recordings.series import Clocked, Said, labelled

#: NWB's schema has x before y (nwb.image.yaml: [frame][x][y])
AXES = {
    1: (dims.TIME,),
    2: (dims.TIME, dims.CHANNEL),
    3: (dims.TIME, dims.X, dims.Y),
    4: (dims.TIME, dims.X, dims.Y, dims.CHANNEL),
}
#: key of the note in a series' comments that keeps what NWB has no place for
NOTE = "convis_xr"


class NotAStimulus(Exception):
    """Why a series is left out."""


def stimulus(series: Any, said: Said) -> xr.DataArray:
    """A series of numbers or pictures as (time, ...), lazy.

    Raises
    ------
    NotAStimulus
        Its data are not in this file, or it is something else.
    """
    if type(series).__name__ == "IndexSeries":
        return _shown(series, said)
    data = _data(series)
    note = _note(series)
    names = said.names(len(data.shape), AXES, series.name) if said.axes or "axes" not in note else tuple(note["axes"])
    film = labelled(
        data,
        names,
        _clock(series, said),
        _pixel(series, names, data.shape, said, note),
        name=series.name,
        units=said.units or series.unit,
        attrs=note.get("attrs"),
    )
    return _converted(film, series)


def _data(series: Any) -> Any:
    """Where the numbers of a series lie."""
    if getattr(series, "external_file", None) is not None:
        files = ", ".join(str(name) for name in series.external_file)
        raise NotAStimulus(f"its frames are in {files}: cx.open_stimulus(...), and these times for on_clock")
    if not hasattr(series, "data") or not hasattr(series.data, "shape"):
        raise NotAStimulus(f"a {type(series).__name__}, which holds no series of numbers")
    if series.data.dtype.kind not in "biuf" or not all(series.data.shape):
        raise NotAStimulus(f"{series.data.dtype} of shape {series.data.shape}, no numbers")
    return lazy(series.data)


def lazy(data: Any) -> Any:
    """A dataset of the file as a lazy array; what is in memory stays there."""
    return Hdf5Array.of(data) if hasattr(data, "file") else np.asarray(data)


def _shown(series: Any, said: Said) -> xr.DataArray:
    """The pictures that an ``IndexSeries`` numbers, in their order."""
    index = np.asarray(series.data[:]).astype(np.int64)
    pictures, units, number = _pictures(series)
    if len(index) == 0 or index.min() < 0 or index.max() >= number:
        raise NotAStimulus(f"numbers pictures up to {index.max(initial=0)}, of which there are {number}")
    frames = IndexedFrames(index, pictures)
    names = said.names(len(frames.shape), AXES, series.name)
    pixel = said.pixel()
    return labelled(frames, names, _clock(series, said), pixel, name=series.name, units=said.units or units)


def _pictures(series: Any) -> tuple[Any, str | None, int]:
    """What an ``IndexSeries`` numbers: the pictures, their unit, how many."""
    if series.indexed_timeseries is not None:
        source = _data(series.indexed_timeseries)
        if not isinstance(source, Hdf5Array):
            raise NotAStimulus("numbers pictures that are not in a file")
        return source, series.indexed_timeseries.unit, source.shape[0]
    images = series.indexed_images
    if images is None:
        raise NotAStimulus("numbers pictures of which the file says nothing")
    if images.order_of_images is None:
        raise NotAStimulus(f"numbers the pictures of {images.name!r}, which have no order (order_of_images)")
    found = [lazy(image.data) for image in images.order_of_images]
    if len({(one.shape, one.dtype) for one in found}) > 1:
        raise NotAStimulus(f"numbers the pictures of {images.name!r}, which are not all of one size and type")
    return found, None, len(found)


def _clock(series: Any, said: Said) -> Clocked:
    if series.timestamps is not None:
        return Clocked(times=np.asarray(series.timestamps[:], np.float64))
    if series.rate:
        return Clocked(step=1 / float(series.rate), start=float(series.starting_time or 0.0))
    return Clocked(step=said.step())


def _note(series: Any) -> dict[str, Any]:
    """What `convis_xr.recordings.save` wrote into the comments."""
    try:
        found = json.loads(series.comments or "")
    except json.JSONDecodeError:
        return {}
    note = found.get(NOTE, {}) if isinstance(found, dict) else {}
    return note if isinstance(note, dict) else {}


def write_note(film: xr.DataArray, pixel: tuple[float, float] | None, names: tuple[str, ...]) -> str:
    """The comments of a series that keep pixel pitch, axes and attributes.

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.zeros(3), dt="10 ms", units="1", valid_range=(0, 1))
    >>> write_note(film, None, ("time",))
    '{"convis_xr": {"axes": ["time"], "attrs": {"valid_range": [0.0, 1.0]}}}'
    """
    check_stimulus(film)
    note: dict[str, Any] = {"axes": list(names)}
    if pixel is not None:
        note["pixel_size"] = list(pixel)
    kept = {key: value for key, value in film.attrs.items() if key != "units" and _plain(value)}
    return json.dumps({NOTE: note | ({"attrs": kept} if kept else {})})


def _plain(value: Any) -> bool:
    """Whether JSON gives a value back as it was."""
    several = isinstance(value, list) and all(isinstance(one, int | float | str | bool) for one in value)
    return several or isinstance(value, int | float | str | bool)


def _pixel(
    series: Any, names: tuple[str, ...], shape: tuple[int, ...], said: Said, note: dict[str, Any]
) -> tuple[float, float] | None:
    """Pixel pitch (y, x), degree: as noted, or of the screen's size and distance where an ``OpticalSeries`` says so."""
    if not set(dims.SPACE) <= set(names):
        return None
    if "pixel_size" in note:
        y, x = note["pixel_size"]
        return said.pixel((float(y), float(x)))
    view, distance = getattr(series, "field_of_view", None), getattr(series, "distance", None)
    if view is None or not distance:
        return said.pixel()
    width, height = (float(length) for length in np.asarray(view[:2]))
    angle = {dims.X: width, dims.Y: height}
    pitch = {
        name: math.degrees(2 * math.atan(angle[name] / (2 * float(distance)))) / shape[names.index(name)]
        for name in dims.SPACE
    }
    known = all(math.isfinite(value) and value > 0 for value in pitch.values())
    return said.pixel((pitch[dims.Y], pitch[dims.X]) if known else None)


def _converted(film: xr.DataArray, series: Any) -> xr.DataArray:
    """In the unit that the series names."""
    scale, zero = float(series.conversion), float(getattr(series, "offset", 0.0))
    if (scale, zero) == (1.0, 0.0):
        return film
    made = (film.astype(np.float64) * scale + zero).assign_attrs(film.attrs)
    made.attrs.pop("valid_range", None)
    return made.rename(film.name)
