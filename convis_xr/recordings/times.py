"""Times that come from outside, as float64 s."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.sampling import dequantified
from convis_xr.units import Quantity, factor, has_dimension, parse_unit

Times = np.ndarray[Any, np.dtype[Any]]

#: a time is taken to lie at an edge if it comes this part of a step before it: what rounding leaves of 0.1 + 0.2
SLACK = 1e-6


def seconds(values: Any, name: str) -> Times:
    """Several times in s; times in s keep their bits.

    Parameters
    ----------
    values : DataArray with units, pint quantity, or timedelta64, of one dimension
    name : str
        The argument's name, for the message.

    Raises
    ------
    UnitError
        No unit, or another than one of time.
    ContractError
        Not one row of finite numbers.

    Examples
    --------
    >>> seconds(xr.DataArray([0.0, 40.0], attrs={"units": "ms"}), "frame_times")
    array([0.  , 0.04])
    """
    bare, units = _taken_apart(values)
    array = np.asarray(bare)
    if array.dtype.kind == "m":
        array, units = array / np.timedelta64(1, "ns"), "ns"
    if units is None:
        cure = f'{name}=xr.DataArray({name}, dims="event", attrs={{"units": "s"}})'
        raise UnitError(explain(name, wanted="times with a unit", got="bare numbers", cure=cure))
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        got = f"{array.dtype} of shape {array.shape}"
        raise ContractError(explain(name, wanted="one row of numbers", got=got, cure="one dimension"))
    return in_seconds(array, units, name)


def in_seconds(array: np.ndarray[Any, Any], units: str, name: str) -> Times:
    """Numbers in a unit of time as finite float64 s."""
    unit = parse_unit(units, name)
    if not has_dimension(unit, "time"):
        raise UnitError(explain(name, wanted="a unit of time", got=unit, cure='attrs["units"] = "s"'))
    made = np.asarray(array, np.float64)
    scale = factor(unit, "s", name)
    if scale != 1:
        made = made * scale
    bad = np.flatnonzero(~np.isfinite(made))
    if len(bad):
        got = f"{made[bad[0]]} at index {bad[0]} ({len(bad)} such values)"
        raise ContractError(explain(name, wanted="finite times", got=got, cure="drop these, with what belongs to them"))
    return made


def label_seconds(labels: xr.DataArray) -> Times:
    """Labels of time in s; dates count from the first."""
    values = labels.values
    if values.dtype.kind == "M":
        values = values - values[:1]
    if values.dtype.kind == "m":
        return np.asarray(values / np.timedelta64(1, "ns") * 1e-9, np.float64)
    scale = factor(labels.attrs["units"], "s", dims.TIME)
    return np.asarray(values, np.float64) * scale


def _taken_apart(values: Any) -> tuple[Any, str | None]:
    if isinstance(values, xr.DataArray):
        plain = dequantified(values)
        return plain.values, plain.attrs.get("units")
    if isinstance(values, Quantity) or (hasattr(values, "magnitude") and hasattr(values, "units")):
        return values.magnitude, f"{values.units:C}"
    return values, None
