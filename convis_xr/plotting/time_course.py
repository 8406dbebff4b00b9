"""`lines`: values over time."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import cycle
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from dask.base import compute

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.plotting.backend import BLUE, COLORS, FONT_SIZES, FRAME_HEIGHT, SKY, styled
from convis_xr.plotting.labels import CELLS, MEAN, RANGE, TIME, value_dimension
from convis_xr.plotting.reading import example_cells, picked
from convis_xr.sampling import dequantified


def lines(array: xr.DataArray, *, samples: int = 400, examples: int = 3) -> hv.Overlay:
    """The range over all cells, their mean, and a few cells, over time; of spike counts the rate.

    Parameters
    ----------
    array : DataArray (time, and any other dims)
        At most ``samples`` of its steps are read; of spike counts, 100 ms around each.
    samples : int
        Points of a curve.
    examples : int
        Single cells, along the diagonal of the frame.

    Returns
    -------
    holoviews.Overlay
        An Area of least and greatest value and a Curve of the mean (where there are several cells), and a Curve for
        each example.

    Raises
    ------
    ContractError
        There is no time.

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("50 ms", 3, dt="1 ms", pixel_size="0.1 deg", seed=0)
    >>> type(lines(noise)).__name__
    'Overlay'
    """
    array = dequantified(array)
    if dims.TIME not in array.dims:
        cure = 'mode="frames" or "matshow"'
        raise ContractError(explain("lines", wanted="data over time", got=str(array.dims), cure=cure))
    shown = picked(array, samples, overlap=True)
    others = [dim for dim in shown.dims if dim != dims.TIME]
    cells = [shown.isel(place) for place in example_cells(shown, examples)] if others else [shown]
    low, mean, high, *cells = compute(*_summary(shown, others), *cells)
    value = value_dimension(shown)
    time = low[dims.TIME].values
    parts: list[Any] = []
    if others and any(shown.sizes[dim] > 1 for dim in others):
        parts.append(_band(time, low.values, high.values, value))
    label = CELLS if parts else ""
    parts += [_curve(time, cell, value, label, color) for cell, color in zip(cells, cycle(COLORS), strict=False)]
    if len(parts) > 1:
        parts.append(_curve(time, mean, value, MEAN, BLUE, width=2.0))
    return styled(
        hv.Overlay(parts),
        {"show_legend": len(parts) > 1, "legend_position": "top", "legend_cols": 3, "fontsize": FONT_SIZES},
        bokeh={"frame_height": FRAME_HEIGHT, "frame_width": 420},
        matplotlib={"aspect": 1.9, "legend_opts": {"frameon": False, "handlelength": 1.2}},
    )


def _summary(shown: xr.DataArray, others: list[Hashable]) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Least, mean and greatest of the values that are known; NaN, without a warning, where none is."""
    known = shown.count(others)
    some = known > 0
    low, high = shown.fillna(np.inf).min(others), shown.fillna(-np.inf).max(others)
    return low.where(some), shown.sum(others) / known.where(some), high.where(some)


def _band(time: Any, low: Any, high: Any, value: hv.Dimension) -> hv.Area:
    top = hv.Dimension(f"{value.name}, greatest", unit=value.unit)
    area = hv.Area((time, low, high), TIME, [value, top], label=RANGE)
    return styled(
        area,
        {"alpha": 0.35},
        bokeh={"color": SKY, "line_alpha": 0.0},
        matplotlib={"facecolor": SKY, "linewidth": 0, "show_legend": True},
    )


def _curve(time: Any, cell: xr.DataArray, value: hv.Dimension, label: str, color: str, width: float = 0.8) -> hv.Curve:
    curve = hv.Curve((time, cell.values), TIME, value, label=label)
    return styled(curve, {"color": color}, bokeh={"line_width": width}, matplotlib={"linewidth": width})
