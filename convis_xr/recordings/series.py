"""Arrays of a file as stimuli: axes, time, pixels and units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.base import tokenize
from xarray.core import indexing

from convis_xr import dims
from convis_xr.contract import AXES
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.io.open import chunked
from convis_xr.options import get_option
from convis_xr.recordings.times import Times
from convis_xr.sampling import Sampling
from convis_xr.scales import pixel_degrees, step_seconds
from convis_xr.units import Quantity, parse_unit


@dataclass(frozen=True)
class Said:
    """What the caller says of the stimuli in a file, which goes before what the file says."""

    dt: Any = None
    pixel_size: Any = None
    units: str | None = None
    axes: tuple[str, ...] | None = None

    def pixel(self, own: tuple[float, float] | None = None) -> tuple[float, float] | None:
        """Pixel pitch (y, x) in degree: that of the caller, the file, `set_options`."""
        if self.pixel_size is None and own is not None:
            return own
        given = get_option("pixel_size") if self.pixel_size is None else self.pixel_size
        return None if given is None else pixel_degrees(given)

    def step(self) -> float | None:
        """Time step in s of the caller or `set_options`."""
        given = get_option("dt") if self.dt is None else self.dt
        return None if given is None else step_seconds(given)

    def names(self, ndim: int, usual: dict[int, tuple[str, ...]], of: str) -> tuple[str, ...]:
        """Meaning of the axes, where the caller does not tell the usual one for so many."""
        names = tuple(self.axes) if self.axes is not None else usual.get(ndim, ())
        if len(names) != ndim or len(set(names)) != ndim or not set(names) <= set(dims.STIMULUS):
            wanted = f"names for {ndim} axes, among {', '.join(dims.STIMULUS)}"
            cure = f"axes={AXES.get(ndim, dims.STIMULUS)}"
            raise ContractError(explain("axes", wanted=f"{wanted}, for {of}", got=str(names), cure=cure))
        return names


@dataclass(frozen=True)
class Clocked:
    """When the frames came on: at ``times`` [s], or every ``step`` [s] from ``start`` on; nothing where not known."""

    times: Times | None = None
    step: float | None = None
    start: float = 0.0

    def coordinates(self, count: int, of: str) -> xr.Coordinates:
        """The labels of ``count`` frames."""
        if self.times is None:
            known = {} if self.step is None else {dims.TIME: count}
            sampling = Sampling(None if self.step is None else Quantity(self.step, "s"))
            return grid(known, sampling, start=self.start)
        if len(self.times) != count:
            got, cure = f"{len(self.times)} for {count} frames", "a look at what was written"
            raise ContractError(explain(f"times of {of}", wanted="one for each frame", got=got, cure=cure))
        attrs = {"units": "s", "long_name": "time, start of the frame", "axis": "T"}
        last = {"step": float(np.median(np.diff(self.times)))} if count > 1 else {}
        return xr.Coordinates({dims.TIME: xr.Variable(dims.TIME, self.times, attrs | last)})


def labelled(
    data: Any,
    names: tuple[str, ...],
    clock: Clocked,
    pixel: tuple[float, float] | None,
    *,
    name: str,
    units: str | None,
    attrs: dict[str, Any] | None = None,
) -> xr.DataArray:
    """A stimulus in the usual order of dimensions, in blocks; scales that nobody knows are not there.

    Parameters
    ----------
    data : BackendArray or ndarray, axes ``names``
    clock : Clocked
    pixel : (float, float), degree, optional
    name : str
    units : str, optional
        As the file has it. One that pint does not know is kept in the attribute ``unit_in_file``.
    attrs : dict, optional
        Further attributes.
    """
    lazy = data if isinstance(data, np.ndarray) else indexing.LazilyIndexedArray(data)
    chunks = getattr(data, "chunks", None)
    encoding = {"preferred_chunks": dict(zip(names, chunks, strict=True))} if chunks else {}
    variable = xr.Variable(names, lazy, _with_units(units, np.dtype(data.dtype)) | dict(attrs or {}), encoding)
    film = xr.DataArray(variable, name=name)
    film = film.assign_coords(clock.coordinates(film.sizes[dims.TIME], name))
    if pixel is not None:
        space = {str(axis): film.sizes[axis] for axis in dims.SPACE if axis in film.dims}
        film = film.assign_coords(grid(space, Sampling(None, Quantity(np.array(pixel), "degree"))))
    where = getattr(data, "path", None)
    stamp = Path(where).stat().st_mtime_ns if where else None
    token = tokenize(where, stamp, getattr(data, "name", None), name, names) if where else tokenize(data, name)
    # axes change their places only once blocks are made: of files xarray transposes element by element
    return chunked(film, None, token).transpose(*dims.ordered(film.dims))


def _with_units(units: str | None, dtype: np.dtype[Any]) -> dict[str, Any]:
    try:
        return {"units": parse_unit(units, "units")} if units is not None else _levels(dtype)
    except UnitError:
        return _levels(dtype) | {"unit_in_file": units}


def _levels(dtype: np.dtype[Any]) -> dict[str, Any]:
    """8-bit levels have a range, as everywhere in `convis_xr.io`."""
    return {"units": "1", "valid_range": [0.0, 255.0]} if dtype == np.uint8 else {}
