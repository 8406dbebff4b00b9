"""`plot`: the picture that suits the data."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import is_event_table
from convis_xr.plotting.backend import styled
from convis_xr.plotting.film_strip import frames
from convis_xr.plotting.matrix import matshow
from convis_xr.plotting.spike_raster import raster
from convis_xr.plotting.time_course import lines

_MODES = {"lines": lines, "frames": frames, "matshow": matshow}


def plot(data: xr.DataArray | xr.Dataset, mode: str | None = None, **options: Any) -> Any:
    """Look at a stimulus or a response; only what is shown is read.

    Parameters
    ----------
    data : DataArray or Dataset
        Of a Dataset each variable gets a row.
    mode : {"lines", "frames", "matshow"}, optional
        By default what the shape asks for: a time course and evenly spaced frames of a film, a frame of a picture, a
        time course of anything else; a raster of a table of spikes, whatever the mode.
    **options
        Of `lines`, `frames` or `matshow`; needs a ``mode``.

    Returns
    -------
    holoviews.Layout, or Overlay or Image where it is one picture

    Raises
    ------
    ContractError
        A mode of that name does not exist, or cannot show data of this shape.

    Examples
    --------
    >>> import convis_xr as cx
    >>> import numpy as np
    >>> film = cx.as_stimulus(np.random.rand(50, 8, 8), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> picture = film.convis.plot()  # hv.save(picture, "film.png", backend="matplotlib")
    >>> [type(part).__name__ for part in picture]
    ['Overlay', 'Image', 'Image', 'Image', 'Image']
    """
    if mode is not None and mode not in _MODES:
        raise ContractError(explain("mode", wanted=f"one of {', '.join(_MODES)}", got=repr(mode), cure='mode="lines"'))
    if isinstance(data, xr.DataArray):
        return _one(data, mode, options)
    if not data.data_vars:
        cure = "outputs=[...] when you run"
        raise ContractError(explain("plot", wanted="a variable", got="an empty Dataset", cure=cure))
    rows = [_one(array, mode, options) for array in data.data_vars.values()]
    parts = [list(row) if isinstance(row, hv.Layout) else [row] for row in rows]
    width = max(len(part) for part in parts)
    filled = [panel for part in parts for panel in part + [hv.Empty()] * (width - len(part))]
    return _arranged(hv.Layout(filled).cols(width))


def _one(array: xr.DataArray, mode: str | None, options: dict[str, Any]) -> Any:
    if not array.size:
        empty = ", ".join(str(dim) for dim, size in array.sizes.items() if not size)
        cure = "a part that holds some"
        raise ContractError(explain("plot", wanted="at least one sample", got=f"none along {empty}", cure=cure))
    if is_event_table(array):
        return raster(array)
    if mode is not None:
        show: Any = _MODES[mode]
        return show(array, **options)
    has_time, has_space = dims.TIME in array.dims, set(dims.SPACE) <= set(array.dims)
    if has_space and has_time:
        strip = frames(array)
        return _arranged(hv.Layout([lines(array), *strip]).cols(1 + len(strip)))
    return frames(array) if has_space else lines(array)


def _arranged(layout: hv.Layout) -> hv.Layout:
    return styled(
        layout,
        {"shared_axes": False},
        bokeh={"merge_tools": True},
        matplotlib={"sublabel_format": "", "tight": True, "fig_inches": 3, "hspace": 0.35, "vspace": 0.2},
    )
