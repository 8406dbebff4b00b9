"""The coordinates of a stimulus: time starts its step; y and x are pixel centres, 0 in the middle, y grows upward."""

from __future__ import annotations

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.sampling import Sampling

#: longer time axes are kept as start and step (xarray's RangeIndex, which selects with method="nearest" only)
LONGEST_EXPLICIT = 2**23


def grid(shape: dict[str, int], sampling: Sampling, *, start: float = 0.0) -> xr.Coordinates:
    """Coordinates with units for a regular grid.

    Parameters
    ----------
    shape : dict
        Length of each dimension; ``time``, ``y`` and ``x`` get coordinates, others none.
    sampling : Sampling
        Must know the time step where ``time``, and the pixel pitch where ``y`` or ``x`` is asked for.
    start : float, s
        Label of the first sample.

    Returns
    -------
    xarray.Coordinates

    Examples
    --------
    >>> made = grid({"time": 3, "y": 2, "x": 2}, Sampling(dt="10 ms", pixel_size="0.5 deg"))
    >>> made["time"].values, made["y"].values, made["x"].values
    (array([0.  , 0.01, 0.02]), array([ 0.25, -0.25]), array([-0.25,  0.25]))
    """
    coordinates = xr.Coordinates()
    if dims.TIME in shape:
        coordinates = _time(shape[dims.TIME], sampling.need_dt("time"), start)
    for name, sign, axis in ((dims.Y, -1.0, 0), (dims.X, 1.0, 1)):
        if name in shape:
            pitch = sampling.need_pixel(name)[axis]
            coordinates[name] = space(name, shape[name], sign * pitch)
    return coordinates


def space(name: str, size: int, step: float) -> xr.Variable:
    """Pixel centres, 0 in the middle of the frame [degree]; a negative step descends."""
    values = (np.arange(size) - (size - 1) / 2) * step
    long_name = {dims.Y: "vertical visual angle, upward", dims.X: "horizontal visual angle, rightward"}[name]
    return xr.Variable(name, values, {"units": "degree", "long_name": long_name, "axis": name.upper(), "step": step})


def _time(size: int, dt: float, start: float) -> xr.Coordinates:
    attrs = {"units": "s", "long_name": "time, start of the step", "axis": "T", "step": dt}
    if size <= LONGEST_EXPLICIT:
        variable = xr.Variable(dims.TIME, start + np.arange(size) * dt, attrs)
        return xr.Coordinates({dims.TIME: variable})
    index = RangeIndex.linspace(start, start + dt * size, size, endpoint=False, dim=dims.TIME)
    coordinates = xr.Coordinates.from_xindex(index)
    coordinates[dims.TIME].attrs.update(attrs)
    return coordinates
