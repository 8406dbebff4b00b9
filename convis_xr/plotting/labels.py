"""Names, units, limits and colours of what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import valid_range

_SHORT_UNITS = {"degree": "deg", "1": None, "": None}
#: the ends that are cut off the colour scale, in percent of the values shown
CUT = 0.5
#: what curves stand for
LEGEND = RANGE, CELLS, MEAN = "range", "cells", "mean"
TIME = hv.Dimension(dims.TIME, label="time", unit="s")


@dataclass(frozen=True)
class Scale:
    """Limits and colour map of one row of pictures."""

    limits: tuple[float, float]
    cmap: str


def value_dimension(array: xr.DataArray) -> hv.Dimension:
    """The name and the unit of an array's values."""
    name = str(array.name or array.attrs.get("long_name", "value"))
    units = str(array.attrs.get("units", "1"))
    if name in LEGEND:  # holoviews takes a curve's label for a column where a dimension has that name
        name = f"{name} (values)"
    return hv.Dimension(name, unit=_SHORT_UNITS.get(units, units))


def axis_dimension(array: xr.DataArray, dim: str) -> hv.Dimension:
    """The name and the unit of an axis."""
    if dim not in array.coords:
        return hv.Dimension(dim, label=f"{dim} index")
    units = str(array[dim].attrs.get("units", "1"))
    return hv.Dimension(dim, unit=_SHORT_UNITS.get(units, units))


def scale_of(values: npt.NDArray[Any], range_: tuple[float, float] | None = None) -> Scale:
    """Grey where the range of luminance is known, diverging about 0 where values have both signs, else ascending.

    The limits leave out the outermost values, so that a single one cannot take the contrast of all others.

    Examples
    --------
    >>> scale_of(np.array([-1.0, 2.0])).cmap, scale_of(np.array([0.0, 2.0])).cmap
    ('coolwarm', 'inferno')
    """
    if range_ is not None:
        return Scale(range_, "gray")
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Scale((0.0, 1.0), "viridis")
    low, high = (float(value) for value in np.percentile(finite, [CUT, 100 - CUT]))
    if low < 0 < high:
        most = max(-low, high)
        return Scale((-most, most), "coolwarm")
    if 0 <= low < 0.5 * high:
        low = 0.0
    if not low < high:  # all the same
        low, high = (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)
    return Scale((low, high), "inferno" if low == 0 else "viridis")


def scale_of_array(array: xr.DataArray, shown: xr.DataArray) -> Scale:
    """`scale_of` what is shown of ``array``."""
    return scale_of(shown.values, valid_range(array))


def extent(array: xr.DataArray, dim: str) -> tuple[float, float]:
    """Where the first sample begins and the last one ends, smaller one first."""
    if dim not in array.coords:
        return -0.5, array.sizes[dim] - 0.5
    size, coordinate = array.sizes[dim], array[dim]
    ends = sorted(float(coordinate[at]) for at in (0, -1))  # a very long one is not written out
    step = (ends[1] - ends[0]) / (size - 1) if size > 1 else abs(float(coordinate.attrs.get("step", 1.0)))
    return ends[0] - step / 2, ends[1] + step / 2


def frame_bounds(array: xr.DataArray) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a frame, edges of pixels included."""
    (left, right), (bottom, top) = extent(array, dims.X), extent(array, dims.Y)
    return left, bottom, right, top


def upright(array: xr.DataArray, dim: str) -> xr.DataArray:
    """With ``dim`` descending, so that row 0 is the top of a picture."""
    if dim in array.coords and array.sizes[dim] > 1 and array[dim][0] < array[dim][-1]:
        return array.isel({dim: slice(None, None, -1)})
    return array
