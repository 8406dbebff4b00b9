"""`frames`: pictures of single moments."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.plotting.backend import FONT_SIZES, FRAME_HEIGHT, styled
from convis_xr.plotting.labels import Scale, axis_dimension, frame_bounds, scale_of_array, upright, value_dimension
from convis_xr.plotting.reading import picked

#: length of a window in which the spikes of one picture are counted [s]
FRAME_WINDOW = 0.05


def frames(array: xr.DataArray, *, count: int = 4) -> hv.Layout:
    """Evenly spaced frames, one colour scale for all of them; of spike counts the rate in windows of 50 ms.

    Parameters
    ----------
    array : DataArray (y, x, and any other dims)
        Only the frames shown are read; of batch, channel and the like the first.
    count : int
        How many frames.

    Returns
    -------
    holoviews.Layout of holoviews.Image

    Raises
    ------
    ContractError
        There is no space.
    """
    if not set(dims.SPACE) <= set(array.dims):
        cure = 'mode="lines" or "matshow"'
        raise ContractError(explain("frames", wanted="data over y and x", got=str(array.dims), cure=cure))
    first = {dim: 0 for dim in array.dims if dim not in (dims.TIME, *dims.SPACE)}
    film = array.isel(first)
    if dims.TIME in film.dims:
        film = picked(film, count, FRAME_WINDOW)
    film = upright(film.transpose(..., *dims.SPACE), dims.Y).compute()
    scale = scale_of_array(array, film)
    stills = [film.isel({dims.TIME: at}) for at in range(film.sizes[dims.TIME])] if dims.TIME in film.dims else [film]
    return hv.Layout([_image(still, scale, bar=still is stills[-1]) for still in stills]).cols(len(stills))


def _image(still: xr.DataArray, scale: Scale, *, bar: bool) -> hv.Image:
    value = value_dimension(still)
    kdims = [axis_dimension(still, dims.X), axis_dimension(still, dims.Y)]
    image = hv.Image(still.values, bounds=frame_bounds(still), kdims=kdims, vdims=[value])
    common: dict[str, Any] = {"cmap": scale.cmap, "clim": scale.limits, "colorbar": bar, "title": _title(still)}
    common["fontsize"] = FONT_SIZES
    label = value.pprint_label
    return styled(
        image,
        common,
        bokeh={"frame_height": FRAME_HEIGHT, "data_aspect": 1, "colorbar_opts": {"title": label}, "tools": ["hover"]},
        matplotlib={"aspect": "equal", "clabel": label, "interpolation": "nearest"},
    )


def _title(still: xr.DataArray) -> str:
    name = str(still.name or "")
    if dims.TIME not in still.coords:
        return name
    return f"{name} at {still.coords[dims.TIME].item():.3g} s".strip()
