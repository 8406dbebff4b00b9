"""`frames`: pictures of single moments."""

from __future__ import annotations

import math
from typing import Any

import holoviews as hv
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.plotting.backend import FONT_SIZES, FRAME_HEIGHT, styled
from convis_xr.plotting.labels import (
    Scale,
    axis_dimension,
    extent,
    frame_bounds,
    scale_of_array,
    upright,
    value_dimension,
)
from convis_xr.plotting.reading import picked
from convis_xr.sampling import dequantified


def frames(array: xr.DataArray, *, count: int = 4) -> hv.Layout:
    """Evenly spaced frames, one colour scale for all of them; of spike counts the rate over 100 ms around each.

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

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("50 ms", 3, dt="1 ms", pixel_size="0.1 deg", seed=0)
    >>> type(frames(noise, count=2)).__name__
    'Layout'
    """
    array = dequantified(array)
    if not set(dims.SPACE) <= set(array.dims):
        cure = 'mode="lines" or "matshow"'
        raise ContractError(explain("frames", wanted="data over y and x", got=str(array.dims), cure=cure))
    first = {dim: 0 for dim in array.dims if dim not in (dims.TIME, *dims.SPACE)}
    film = array.isel(first)
    if dims.TIME in film.dims:
        film = picked(film, count)
    film = upright(film.transpose(..., *dims.SPACE), dims.Y).compute()
    scale = scale_of_array(array, film)
    digits = _digits(array)
    stills = [film.isel({dims.TIME: at}) for at in range(film.sizes[dims.TIME])] if dims.TIME in film.dims else [film]
    return hv.Layout([_image(still, scale, digits, bar=still is stills[-1]) for still in stills]).cols(len(stills))


def _image(still: xr.DataArray, scale: Scale, digits: int, *, bar: bool) -> hv.Image:
    value = value_dimension(still)
    kdims = [axis_dimension(still, dims.X), axis_dimension(still, dims.Y)]
    image = hv.Image(still.values, bounds=frame_bounds(still), kdims=kdims, vdims=[value])
    common: dict[str, Any] = {"cmap": scale.cmap, "clim": scale.limits, "colorbar": bar, "title": _title(still, digits)}
    common["fontsize"] = FONT_SIZES
    label = value.pprint_label
    return styled(
        image,
        common,
        bokeh={"frame_height": FRAME_HEIGHT, "data_aspect": 1, "colorbar_opts": {"title": label}, "tools": ["hover"]},
        matplotlib={"aspect": "equal", "clabel": label, "interpolation": "nearest"},
    )


def _title(still: xr.DataArray, digits: int) -> str:
    name = str(still.name or "")
    if dims.TIME not in still.coords:
        return name
    return f"{name} at {still.coords[dims.TIME].item():.{digits}f} s".strip()


def _digits(array: xr.DataArray) -> int:
    """Decimals that tell times of a recording apart."""
    if dims.TIME not in array.dims:
        return 0
    start, stop = extent(array, dims.TIME)
    return max(0, 2 - math.floor(math.log10(stop - start)))
