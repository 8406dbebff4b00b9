"""From the grey levels that a film holds to the light that a monitor gives: a power law or a measured table."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr

from convis_xr.contract import check_stimulus, valid_range
from convis_xr.errors import ContractError, explain
from convis_xr.io.colour import check_gamma, decode
from convis_xr.units import magnitude, parse_unit


def to_luminance(
    stimulus: Any,
    *,
    white: Any = "100 cd/m^2",
    black: Any = "0 cd/m^2",
    gamma: float | Literal["srgb"] = 2.2,
) -> xr.DataArray:
    """What a monitor shows for these levels: ``black + (white - black) * fraction ** gamma``.

    The fraction runs from 0 to 1 over ``valid_range``.

    Parameters
    ----------
    stimulus : DataArray [1]
        Levels with ``valid_range``, such as 8-bit film; for values that are linear in light already ``gamma=1``.
    white, black : quantity
        Luminance of the highest and of the lowest level [cd/m^2].
    gamma : float or "srgb"
        Exponent of the monitor, or the curve of sRGB (IEC 61966-2-1).

    Returns
    -------
    DataArray [cd/m^2]
        float32, as lazy as the stimulus; ``valid_range`` is (black, white). A level out of range raises when it is
        read.

    Raises
    ------
    ContractError
        No ``valid_range``, levels that have a unit, or a wrong gamma.
    UnitError

    Examples
    --------
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.array([0, 128, 255], np.uint8), dt="40 ms", units="1", valid_range=(0, 255))
    >>> to_luminance(film, white="200 cd/m^2", gamma=2).values.round(1)
    array([  0. ,  50.4, 200. ], dtype=float32)
    """
    levels, limits = _levels(stimulus)
    bright, dark = magnitude(white, "luminance", "white"), magnitude(black, "luminance", "black")
    if not 0 <= dark < bright:
        wanted = f"a luminance below white ({bright:.6g} cd/m^2), not negative"
        raise ContractError(explain("black", wanted=wanted, got=str(black), cure='black="0.1 cd/m^2"'))
    if gamma is None:
        raise ContractError(
            explain("gamma", wanted="the monitor's gamma", got="None", cure="gamma=1 for linear values")
        )
    check_gamma(gamma)
    low, high = limits

    def light(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return dark + (bright - dark) * decode((block - low) / (high - low), gamma)

    return _converted(levels, limits, light, "cd/m^2", (dark, bright))


def calibrate(stimulus: Any, table: xr.DataArray) -> xr.DataArray:
    """What a monitor shows for these levels by a measurement: linear between the measured levels.

    Parameters
    ----------
    stimulus : DataArray [1]
        Levels with ``valid_range``, which the measurement must span.
    table : DataArray (level) [luminance]
        Measured luminance, with the levels as the coordinate of its only dimension.

    Returns
    -------
    DataArray
        In the unit of the table, float32, as lazy as the stimulus.

    Raises
    ------
    ContractError
        The table does not span the levels, is not ascending along its coordinate, or has no unit.

    Examples
    --------
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.array([0, 51, 255], np.uint8), dt="40 ms", units="1", valid_range=(0, 255))
    >>> table = xr.DataArray([0.0, 20.0, 120.0], {"level": [0, 102, 255]}, attrs={"units": "cd/m^2"})
    >>> calibrate(film, table).values
    array([  0.,  10., 120.], dtype=float32)
    """
    levels, limits = _levels(stimulus)
    grid, measured, unit = _table(table, limits)

    def light(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.interp(block, grid, measured)

    inside = measured[(grid >= limits[0]) & (grid <= limits[1])]
    ends = np.interp(limits, grid, measured)
    everything = np.concatenate([inside, ends])
    return _converted(levels, limits, light, unit, (float(everything.min()), float(everything.max())))


def _levels(stimulus: Any) -> tuple[xr.DataArray, tuple[float, float]]:
    levels, _ = check_stimulus(stimulus)
    limits = valid_range(levels)
    if limits is None:
        cure = 'stimulus.attrs["valid_range"] = (0, 255)'
        raise ContractError(explain("stimulus", wanted="the range of its levels", got="no valid_range", cure=cure))
    if levels.attrs["units"] != "1":
        cure = "these values are physical already"
        raise ContractError(explain("stimulus", wanted="levels, unit 1", got=levels.attrs["units"], cure=cure))
    return levels, limits


def _table(table: Any, limits: tuple[float, float]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], str]:
    cure = 'DataArray([0.1, 120.0], {"level": [0, 255]}, attrs={"units": "cd/m^2"})'
    if not isinstance(table, xr.DataArray) or table.ndim != 1 or table.dims[0] not in table.coords:
        got = type(table).__name__ if not isinstance(table, xr.DataArray) else f"dims {table.dims}"
        raise ContractError(explain("table", wanted="a DataArray over measured levels", got=got, cure=cure))
    unit = parse_unit(table.attrs.get("units", "none given"), "table")
    grid = table[table.dims[0]].values.astype(np.float64)
    measured = table.values.astype(np.float64)
    if not (np.isfinite(measured).all() and (np.diff(grid) > 0).all()):
        raise ContractError(explain("table", wanted="ascending levels, finite values", got="others", cure="sort it"))
    if not len(grid) or grid[0] > limits[0] or grid[-1] < limits[1]:
        got = f"levels {grid[0]:.6g} to {grid[-1]:.6g}" if len(grid) else "no levels"
        raise ContractError(
            explain("table", wanted=f"levels that span {limits}", got=got, cure="measure black and white too")
        )
    return grid, measured, unit


def _converted(
    levels: xr.DataArray, limits: tuple[float, float], light: Any, unit: str, result: tuple[float, float]
) -> xr.DataArray:
    """Apply ``light`` block by block; 8-bit levels by a table, which gives the same numbers."""
    low, high = limits
    eight_bit = levels.dtype == np.uint8
    steps = light(np.clip(np.arange(256.0), low, high)).astype(np.float32) if eight_bit else None

    def convert(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if block.size and (block.min() < low or block.max() > high):
            got = f"{block.min():.6g} to {block.max():.6g}"
            cure = 'the right stimulus.attrs["valid_range"], or stimulus.clip(low, high)'
            raise ContractError(explain("stimulus", wanted=f"levels in its valid_range {limits}", got=got, cure=cure))
        if steps is not None:
            return steps[block]
        return light(block.astype(np.float64)).astype(np.float32)  # type: ignore[no-any-return]

    data: Any = levels.data
    if hasattr(data, "dask"):
        data = data.map_blocks(convert, dtype=np.float32, meta=np.empty((0,) * data.ndim, np.float32))
    else:
        data = convert(data)
    made = levels.copy(data=data)
    made.attrs.update(units=unit, valid_range=[float(result[0]), float(result[1])])
    return made
