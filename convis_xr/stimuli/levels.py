"""Mean, contrast and unit of a stimulus that is there already. What comes out is kept within its ``valid_range``."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus, valid_range
from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.frames import BLOCK_BYTES
from convis_xr.stimuli.plane import in_units, nearest_inside
from convis_xr.units import DIMENSIONS, magnitude, parse_unit


def set_contrast(stimulus: xr.DataArray, contrast: Any, *, mean: Any = None) -> xr.DataArray:
    """Scale the deviations from the mean so that the greatest of them is ``contrast``.

    The mean and the contrast that it has are taken from its attributes, as generators write them; a film has none,
    and its whole ``valid_range`` counts as contrast 1 about its middle.

    Parameters
    ----------
    stimulus : DataArray [units]
        With ``valid_range``.
    contrast : float
        From 0.
    mean : float or quantity, optional
        The new mean, in the stimulus' units; by default it stays.

    Returns
    -------
    DataArray [units]
        Floating, lazy, with the same ``valid_range``.

    Raises
    ------
    ContractError
        The result would leave the range.

    Examples
    --------
    >>> import convis_xr as cx
    >>> grating = cx.stimuli.moving_grating(
    ...     8, (1, 4), spatial_frequency="0 cpd", temporal_frequency="125 Hz", dt="1 ms", pixel_size="0.1 deg"
    ... )
    >>> faint = set_contrast(grating, 0.2, mean=0.25)
    >>> round(float(faint.min()), 6), round(float(faint.max()), 6)
    (0.2, 0.3)
    """
    array, _ = check_stimulus(stimulus)
    old_mean, old_contrast = mean_and_contrast(array, "stimulus")
    low, high = _range(array, "stimulus")
    new_mean = old_mean if mean is None else in_units(mean, array.attrs["units"], "mean")
    amount = magnitude(contrast, "dimensionless", "contrast")
    slack = 1e-9 * (high - low)
    if amount < 0 or new_mean * (1 - amount) < low - slack or new_mean * (1 + amount) > high + slack:
        most = min(1 - low / new_mean, high / new_mean - 1) if new_mean > 0 else 0.0
        wanted, got = f"values in ({low:g}, {high:g})", f"{amount:g} at mean {new_mean:g}"
        cure = f"a contrast from 0 to {max(most, 0.0):g}, or another mean"
        raise ContractError(explain("contrast", wanted=wanted, got=got, cure=cure))
    dtype = floating(array.dtype)
    gain = new_mean * amount / (old_mean * old_contrast) if old_contrast else 0.0
    shifted = (lazy_data(array).astype(dtype) - dtype.type(old_mean)) * dtype.type(gain) + dtype.type(new_mean)
    scaled = array.copy(data=within(shifted, (low, high)))
    return scaled.assign_attrs(mean=new_mean, contrast=amount)


def in_luminance(stimulus: xr.DataArray, *, mean: Any, units: str = "cd/m^2") -> xr.DataArray:
    """Turn relative luminance into absolute, by what the mean is on the screen.

    Parameters
    ----------
    stimulus : DataArray [1]
        Relative luminance with ``valid_range``; of a film the middle of the range counts as mean.
    mean : quantity [cd/m^2]
        Luminance of the stimulus' mean.
    units : str
        Unit of the result.

    Returns
    -------
    DataArray [units]
        Lazy, with ``valid_range`` in these units.

    Raises
    ------
    UnitError
        A bare number, or no luminance.
    ContractError
        The stimulus is in luminance already, or has no ``valid_range``.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flash = cx.stimuli.impulse(2, 1, dt="1 ms", pixel_size="0.1 deg")
    >>> in_luminance(flash, mean="100 cd/m^2").values.ravel().tolist()
    [200.0, 100.0]
    """
    array, _ = check_stimulus(stimulus)
    if array.attrs["units"] != "1":
        got = array.attrs["units"]
        raise ContractError(
            explain("stimulus", wanted='relative luminance, units "1"', got=got, cure="leave it as it is")
        )
    unit = parse_unit(units, "units")
    absolute = in_units(mean, unit, "mean") if unit != "1" else 0.0
    if absolute <= 0:
        example = DIMENSIONS["luminance"].example
        raise ContractError(
            explain("mean", wanted="a luminance above zero", got=f"{mean} in {unit}", cure=f'mean="{example}"')
        )
    relative, _ = mean_and_contrast(array, "stimulus")
    scale = absolute / relative
    dtype = floating(array.dtype)
    low, high = (bound * scale for bound in _range(array, "stimulus"))
    scaled = array.copy(data=within(lazy_data(array).astype(dtype) * dtype.type(scale), (low, high)))
    return scaled.assign_attrs(units=unit, valid_range=[low, high], mean=absolute)


def mean_and_contrast(stimulus: xr.DataArray, name: str) -> tuple[float, float]:
    """What a generator wrote down; of other stimuli the middle of the range, and a contrast that reaches its ends."""
    attrs = stimulus.attrs
    if "mean" in attrs and "contrast" in attrs:
        return float(attrs["mean"]), float(attrs["contrast"])
    low, high = _range(stimulus, name)
    middle = (low + high) / 2
    if middle <= 0:
        cure = f'{name}.attrs["mean"] and ["contrast"]'
        raise ContractError(
            explain(name, wanted="a range about a mean above zero", got=f"({low:g}, {high:g})", cure=cure)
        )
    return middle, (high - low) / 2 / middle


def grey_level(stimulus: xr.DataArray, value: Any, name: str) -> float:
    """``value`` in the stimulus' units, by default its mean; within its range, and a number that its dtype can hold."""
    level = (
        mean_and_contrast(stimulus, "stimulus")[0] if value is None else in_units(value, stimulus.attrs["units"], name)
    )
    if stimulus.dtype.kind in "iu" and value is None:
        level = float(np.floor(level))
    bounds = valid_range(stimulus)
    if bounds is not None and not bounds[0] <= level <= bounds[1]:
        wanted = f"a value in ({bounds[0]:g}, {bounds[1]:g})"
        raise ContractError(
            explain(name, wanted=wanted, got=f"{level:g}", cure=f"{name} within the stimulus' valid_range")
        )
    if not _holds(stimulus.dtype, level):
        cure = 'a whole number, or stimulus.astype("float32")'
        raise ContractError(
            explain(name, wanted=f"a value that {stimulus.dtype} can hold", got=f"{level:g}", cure=cure)
        )
    return level


def _holds(dtype: np.dtype[Any], level: float) -> bool:
    if dtype.kind == "f":
        return True
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return level.is_integer() and low <= level <= high


def floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The floating dtype in which values of ``dtype`` are reckoned."""
    return np.result_type(dtype, np.float32) if dtype.kind == "f" else np.dtype(np.float32)


def lazy_data(stimulus: xr.DataArray) -> Any:
    """The stimulus' data as a dask array; nothing is read."""
    if stimulus.chunks is not None:
        return stimulus.data
    steps = stimulus.sizes[dims.TIME]
    return stimulus.chunk({dims.TIME: max(1, min(steps, BLOCK_BYTES * steps // stimulus.nbytes))}).data


def within(data: Any, bounds: tuple[float, float] | None) -> Any:
    """Lazy data kept in the range: rounding shall not carry them out of it."""
    if bounds is None:
        return data
    low, high = (data.dtype.type(nearest_inside(bound, data.dtype, bounds)) for bound in bounds)
    return da.clip(data, low, high)


def _range(stimulus: xr.DataArray, name: str) -> tuple[float, float]:
    bounds = valid_range(stimulus)
    if bounds is None:
        cure = f'{name}.attrs["valid_range"] = [0.0, 1.0]'
        raise ContractError(explain(name, wanted="a valid_range, to scale by it", got="none", cure=cure))
    return bounds
