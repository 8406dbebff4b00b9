"""Whether two stimuli can be put together: unit, range, sampling, coordinates. Every fault is reported at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import valid_range
from convis_xr.errors import ContractError, explain, explain_all
from convis_xr.sampling import Sampling
from convis_xr.units import factor


def start_of(array: xr.DataArray) -> float:
    """The first time label [s]; dates count from 0."""
    label = array[dims.TIME].isel({dims.TIME: 0})
    return 0.0 if label.dtype.kind in "mM" else float(label) * factor(str(array[dims.TIME].attrs["units"]), "s", "time")


def need_space(array: xr.DataArray) -> None:
    """Raise where ``array`` has no y and x."""
    if not set(dims.SPACE) <= set(array.dims):
        raise ContractError(explain("stimulus", wanted="dimensions y and x", got=str(array.dims), cure=".expand_dims"))


def raise_unless_alike(a: xr.DataArray, b: xr.DataArray, names: tuple[str, str], *, same_time: bool = True) -> None:
    """Raise, with every fault, where two stimuli differ in unit, range, dimensions, sampling or coordinates."""
    faults = []
    if a.attrs["units"] != b.attrs["units"]:
        cure = "in_luminance(...) of the relative one"
        faults.append(explain("units", wanted=a.attrs["units"], got=b.attrs["units"], cure=cure))
    ours, theirs = valid_range(a), valid_range(b)
    if (ours is None) != (theirs is None) or (ours and theirs and not np.allclose(ours, theirs, rtol=1e-6, atol=0)):
        cure = 'the same mean and units, or one attrs["valid_range"]'
        faults.append(explain("valid_range", wanted=str(ours), got=str(theirs), cure=cure))
    if a.dims != b.dims:
        faults.append(explain("dims", wanted=str(a.dims), got=str(b.dims), cure=".expand_dims or .squeeze"))
    else:
        faults += _time_faults(a, b, same_time) + space_faults(a, b)
        for dim in set(a.dims) - {dims.TIME, *dims.SPACE}:
            if a.sizes[dim] != b.sizes[dim]:
                faults.append(explain(str(dim), wanted=f"size {a.sizes[dim]}", got=str(b.sizes[dim]), cure="one size"))
    if faults:
        raise ContractError(explain_all(f"{names[1]} (put together with {names[0]})", faults))


def _time_faults(a: xr.DataArray, b: xr.DataArray, same_time: bool) -> list[str]:
    ours, theirs = Sampling.of(a).need_dt("time"), Sampling.of(b).need_dt("time")
    if not np.isclose(ours, theirs, rtol=1e-6, atol=0):
        return [
            explain("time", wanted=f"steps of {ours:g} s", got=f"{theirs:g} s", cure="one dt, or convis_xr.io.resample")
        ]
    if not same_time:
        return []
    wanted = f"{a.sizes[dims.TIME]} steps from {start_of(a):g} s"
    got = f"{b.sizes[dims.TIME]} steps from {start_of(b):g} s"
    alike = a.sizes[dims.TIME] == b.sizes[dims.TIME] and abs(start_of(a) - start_of(b)) < 1e-3 * ours
    return [] if alike else [explain("time", wanted=wanted, got=got, cure="lead_in, lead_out or .isel(time=...)")]


def space_faults(a: xr.DataArray, b: xr.DataArray) -> list[str]:
    """Where the coordinates of two frames differ."""
    faults = []
    for dim in set(dims.SPACE) & set(a.dims):
        ours, theirs = _degrees(a, dim), _degrees(b, dim)
        if len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=0, atol=1e-6 * max(1e-3, np.abs(ours).max())):
            continue
        cure = "one size and pixel_size, or border(...) and .sel(...)"
        faults.append(explain(dim, wanted=_span(ours), got=_span(theirs), cure=cure))
    return faults


def _degrees(array: xr.DataArray, dim: str) -> np.ndarray[Any, Any]:
    if dim not in array.coords or "units" not in array[dim].attrs:
        cure = "one of stimuli.masks, or as_stimulus(...)"
        raise ContractError(explain(dim, wanted="a coordinate with units", got="none", cure=cure))
    return array[dim].values.astype(np.float64) * factor(str(array[dim].attrs["units"]), "degree", dim)


def _span(values: np.ndarray[Any, Any]) -> str:
    return f"{len(values)} pixels from {values[0]:g} to {values[-1]:g} deg"
