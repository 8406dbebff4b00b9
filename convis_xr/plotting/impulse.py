"""`impulse_time` and `impulse_space`: the response to an impulse over time and over space."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.plotting.backend import BLUE, COLORS, FONT_SIZES, FRAME_HEIGHT, styled
from convis_xr.plotting.labels import TIME, axis_dimension, extent, frame_bounds, upright, value_dimension
from convis_xr.sampling import dequantified

#: distances from the impulse that get a curve, as parts of the frame's half width
_DISTANCES = (0.0, 0.25, 0.5)


def impulse_time(response: xr.DataArray | xr.Dataset) -> Any:
    """The response over time: at the impulse and at some distances from it, rightward.

    Parameters
    ----------
    response : DataArray (time, and others), or Dataset of such
        As `convis_xr.analysis.impulse_response` gives it.

    Returns
    -------
    holoviews.Overlay of Curves, or holoviews.Layout of them where there are several outputs

    Raises
    ------
    ContractError
        There is no time.

    Examples
    --------
    >>> import convis_xr as cx
    >>> layer = cx.filters.SpaceTimeLowPass("0.2 deg", "10 ms", 1)
    >>> response = layer.impulse_response("50 ms", 9, dt="1 ms", pixel_size="0.1 deg")
    >>> [curve.label for curve in impulse_time(response)]
    ['at the impulse', '0.1 deg away', '0.2 deg away']
    """
    return _each(response, _over_time)


def impulse_space(response: xr.DataArray | xr.Dataset) -> hv.Layout:
    """The response over space when it is strongest, and over time along the row of the impulse.

    Where a background alone gives a response, what is shown is the change from that.

    Parameters
    ----------
    response : DataArray (time, y, x), or Dataset of such
        As `convis_xr.analysis.impulse_response` gives it.

    Returns
    -------
    holoviews.Layout of holoviews.Image
        A second one (x against time) where there are several time steps.

    Raises
    ------
    ContractError
        There is no time or no space.

    Examples
    --------
    >>> import convis_xr as cx
    >>> layer = cx.filters.Gaussian("0.2 deg")
    >>> picture = impulse_space(layer.impulse_response(1, 20, dt="1 ms", pixel_size="0.1 deg"))
    >>> [type(part).__name__ for part in picture]
    ['Image']
    """
    made = _each(response, _over_space)
    return made if isinstance(made, hv.Layout) else hv.Layout([made])


def _each(response: Any, show: Callable[[xr.DataArray], Any]) -> Any:
    if isinstance(response, xr.DataArray):
        return show(response)
    rows = [show(array) for array in response.data_vars.values()]
    if not rows:
        cure = "layer.impulse_response(outputs=[...])"
        raise ContractError(explain("impulse", wanted="a response", got="an empty Dataset", cure=cure))
    if len(rows) == 1:
        return rows[0]
    parts = [list(row) if isinstance(row, hv.Layout) else [row] for row in rows]
    return _arranged(hv.Layout([part for row in parts for part in row]).cols(len(parts[0])))


def _over_time(array: xr.DataArray) -> hv.Overlay:
    array = _film(array, (dims.TIME,))
    value = value_dimension(array)
    curves = []
    for (label, cell), color in zip(_places(array), cycle((BLUE, *COLORS)), strict=False):
        curve = hv.Curve((array[dims.TIME].values, cell.values), TIME, value, label=label)
        curves.append(styled(curve, {"color": color}, bokeh={"line_width": 1.5}, matplotlib={"linewidth": 1.5}))
    return styled(
        hv.Overlay(curves),
        {
            "show_legend": len(curves) > 1,
            "legend_position": "top_right",
            "fontsize": FONT_SIZES,
            "title": _title(array),
        },
        bokeh={"frame_height": FRAME_HEIGHT, "frame_width": 420},
        matplotlib={"aspect": 1.9, "legend_opts": {"frameon": False, "handlelength": 1.2}},
    )


def _places(array: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    """The time courses to show, with what they are called."""
    if not set(dims.SPACE) <= set(array.dims):
        return [("response", array)]
    middle = {dim: int(np.abs(array[dim].values).argmin()) for dim in dims.SPACE}
    unit = axis_dimension(array, dims.X).unit
    row, pitch = array.isel({dims.Y: middle[dims.Y]}), array[dims.X].values
    found: dict[int, str] = {}
    for part in _DISTANCES:
        at = middle[dims.X] + round(part * (array.sizes[dims.X] - 1 - middle[dims.X]))
        distance = pitch[at] - pitch[middle[dims.X]]
        found.setdefault(at, "at the impulse" if at == middle[dims.X] else f"{distance:.3g} {unit} away")
    return [(label, row.isel({dims.X: at})) for at, label in found.items()]


def _over_space(array: xr.DataArray) -> hv.Layout:
    array = _from_rest(_film(array, (dims.TIME, *dims.SPACE)))
    strongest = int(abs(array).max(dims.SPACE).values.argmax())
    still = upright(array.isel({dims.TIME: strongest}).transpose(*dims.SPACE), dims.Y)
    x, y = axis_dimension(array, dims.X), axis_dimension(array, dims.Y)
    # all of the range, also the single pixel of the impulse
    most = float(abs(array).max()) or 1.0
    title = f"{array.name or 'response'} at {float(array[dims.TIME][strongest]) * 1e3:.4g} ms"
    parts = [_image(still, most, frame_bounds(still), [x, y], title, "equal", array.sizes[dims.TIME] == 1)]
    if array.sizes[dims.TIME] > 1:
        row = array.isel({dims.Y: int(np.abs(array[dims.Y].values).argmin())}).transpose(dims.X, dims.TIME)
        (start, stop), (left, right) = extent(row, dims.TIME), extent(row, dims.X)
        turned = row.isel({dims.X: slice(None, None, -1)})
        parts.append(
            _image(turned, most, (start, left, stop, right), [TIME, x], "along the row of the impulse", 1.3, True)
        )
    return _arranged(hv.Layout(parts).cols(len(parts)))


def _from_rest(array: xr.DataArray) -> xr.DataArray:
    """The change from the response to the background alone, where that is not 0."""
    rest = float(array.attrs.get("rest", 0.0))
    if rest == 0:
        return array
    return (array - rest).assign_attrs(array.attrs).rename(f"change of {array.name or 'response'}")


def _image(
    picture: xr.DataArray,
    most: float,
    bounds: tuple[float, float, float, float],
    kdims: Any,
    title: str,
    aspect: Any,
    bar: bool,
) -> hv.Image:
    value = value_dimension(picture)
    image = hv.Image(picture.values, bounds=bounds, kdims=kdims, vdims=[value])
    common = {"cmap": "coolwarm", "clim": (-most, most), "colorbar": bar, "fontsize": FONT_SIZES, "title": title}
    shape = {"data_aspect": 1} if aspect == "equal" else {"frame_width": 300}
    return styled(
        image,
        common,
        bokeh={"frame_height": 2 * FRAME_HEIGHT, "colorbar_opts": {"title": value.pprint_label}, **shape},
        matplotlib={"aspect": aspect, "clabel": value.pprint_label, "interpolation": "nearest"},
    )


def _arranged(layout: hv.Layout) -> hv.Layout:
    return styled(
        layout,
        {"shared_axes": False},
        bokeh={},
        matplotlib={"sublabel_format": "", "tight": True, "fig_inches": 3, "hspace": 0.5, "vspace": 0.35},
    )


def _film(array: xr.DataArray, needed: tuple[str, ...]) -> xr.DataArray:
    """The values, read; of batch, channel and the like the first."""
    plain: xr.DataArray = dequantified(array)
    missing = [dim for dim in needed if dim not in plain.dims]
    if missing:
        cure = 'layer.impulse_response("0.2 s", 20)'
        wanted = f"a response over {', '.join(needed)}"
        raise ContractError(explain("impulse", wanted=wanted, got=str(plain.dims), cure=cure))
    first = {dim: 0 for dim in plain.dims if dim not in (dims.TIME, *dims.SPACE)}
    film = plain.isel(first).load()
    return film.astype(np.float64) if film.dtype.kind in "biu" else film


def _title(array: xr.DataArray) -> str:
    return f"{array.name or 'response'} to an impulse"
