"""`matshow`: cells against time."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.plotting.backend import FONT_SIZES, FRAME_HEIGHT, styled
from convis_xr.plotting.labels import TIME, axis_dimension, extent, scale_of_array, upright, value_dimension
from convis_xr.plotting.reading import picked
from convis_xr.sampling import dequantified

#: cells that are told apart on a screen
MOST_CELLS = 400


def matshow(array: xr.DataArray, *, samples: int = 400) -> hv.Image:
    """Cells (upward) against time (rightward): of a film its middle row, of spike counts the rate.

    Parameters
    ----------
    array : DataArray (time, and any other dims)
        Only what is shown is read.
    samples : int
        Most time samples.

    Returns
    -------
    holoviews.Image

    Raises
    ------
    ContractError
        There is no time, or nothing but time.

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("50 ms", 3, dt="1 ms", pixel_size="0.1 deg", seed=0)
    >>> type(matshow(noise)).__name__
    'Image'
    """
    array = dequantified(array)
    others = [str(dim) for dim in array.dims if dim != dims.TIME]
    if dims.TIME not in array.dims or not others:
        got, cure = str(array.dims), 'mode="lines" or "frames"'
        raise ContractError(explain("matshow", wanted="time and one more dimension", got=got, cure=cure))
    across = next((dim for dim in (dims.X, dims.CELL) if dim in others), others[-1])
    middle = {dim: array.sizes[dim] // 2 if dim == dims.Y else 0 for dim in others if dim != across}
    row = array.isel(middle)
    size = row.sizes[across]
    row = row.isel({across: np.linspace(0, size - 1, min(size, MOST_CELLS)).round().astype(int)})
    shown = picked(row, samples, overlap=True).transpose(across, dims.TIME).compute()
    scale = scale_of_array(array, shown)
    value = value_dimension(shown)
    (start, stop), (bottom, top) = extent(array, dims.TIME), extent(array, across)
    cells = shown.isel({across: slice(None, None, -1)}) if across not in shown.coords else upright(shown, across)
    image = hv.Image(
        cells.values, bounds=(start, bottom, stop, top), kdims=[TIME, axis_dimension(row, across)], vdims=[value]
    )
    return styled(
        image,
        {
            "cmap": scale.cmap,
            "clim": scale.limits,
            "colorbar": True,
            "title": str(array.name or ""),
            "fontsize": FONT_SIZES,
        },
        bokeh={"frame_height": FRAME_HEIGHT, "frame_width": 420, "colorbar_opts": {"title": value.pprint_label}},
        matplotlib={"aspect": 2.5, "clabel": value.pprint_label, "interpolation": "nearest"},
    )
