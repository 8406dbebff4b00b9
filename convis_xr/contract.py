"""What a stimulus is, and the one checker, which reports every fault at once.

A stimulus is a DataArray with dimensions among ``batch, channel, time, y, x`` in any order; ``time`` is needed. It has
real numbers, ``attrs["units"]``, and uniform coordinates with units: ``time`` [time] ascending, ``y`` and ``x`` [visual
angle]. ``attrs["valid_range"]`` (CF) may tell the range of its values, which a model needs that scales by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, UnitError, explain, explain_all
from convis_xr.sampling import Sampling, dequantified, read_sampling
from convis_xr.units import factor, parse_unit

#: what the axes of a bare array mean, by their number
AXES = {
    1: (dims.TIME,),
    2: dims.SPACE,
    3: (dims.TIME, *dims.SPACE),
    4: (dims.CHANNEL, dims.TIME, *dims.SPACE),
    5: dims.STIMULUS,
}


def as_stimulus(
    array: Any,
    dt: Any = None,
    pixel_size: Any = None,
    units: str | None = None,
    valid_range: tuple[float, float] | None = None,
    dims: tuple[str, ...] | None = None,
) -> xr.DataArray:
    """Make a stimulus of a bare array: the one door for numpy, torch and dask.

    Parameters
    ----------
    array : array_like (any of batch, channel, time, y, x) [units]
        numpy, torch or dask (which stays lazy) array, or a pint quantity of one; row 0 is the top of the picture.
    dt : quantity
        Time step; by default that of `set_options`.
    pixel_size : quantity or pair (y, x)
        Pixel pitch; by default that of `set_options`. Not needed for data without space.
    units : str
        Unit of the values: ``"1"`` for relative luminance, ``"cd/m^2"``, ...; a quantity has its own.
    valid_range : (float, float), optional
        The range that the values may take, as (0, 255) for 8-bit film.
    dims : tuple of str, optional
        Meaning of the axes. By default by their number: (time), (y, x), (time, y, x), (channel, time, y, x),
        (batch, channel, time, y, x); a single frame (y, x) becomes a film of one step.

    Returns
    -------
    DataArray

    Raises
    ------
    ContractError
        With every fault that was found.

    Examples
    --------
    >>> film = as_stimulus(np.zeros((10, 4, 6)), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> film.sizes
    Frozen({'time': 10, 'y': 4, 'x': 6})
    """
    data, units = _plain_array(array, units)
    names = _axis_names(data, dims)
    if "time" not in names and set(names) <= {"y", "x"}:
        names, data = ("time", *names), data[None]
    sampling = Sampling(dt, pixel_size)
    faults = _missing_scales(names, sampling, units)
    if faults:
        raise ContractError(explain_all("array", faults))
    stimulus = xr.DataArray(data, grid(dict(zip(names, data.shape, strict=True)), sampling), names)
    stimulus.attrs["units"] = units
    if valid_range is not None:
        stimulus.attrs["valid_range"] = valid_range
    checked = check_stimulus(stimulus, "array")[0]
    if valid_range is not None:
        checked.attrs["valid_range"] = [float(end) for end in valid_range]
    return checked


def check_stimulus(data: Any, name: str = "stimulus") -> tuple[xr.DataArray, Sampling]:
    """Check ``data`` and bring it into the one form that everything inside relies on.

    Returns
    -------
    stimulus : DataArray
        Not quantified (units in attrs), dimensions in the order batch, channel, time, y, x, y descending and x
        ascending. Still lazy.
    sampling : Sampling

    Raises
    ------
    ContractError
        With every fault that was found.
    """
    array = _as_array(data, name)
    faults = _shape_faults(array)
    units = array.attrs.get("units")
    if units is None:
        faults.append('units: wanted a unit of the values, got none. Cure: .attrs["units"] = "1" (relative luminance).')
    else:
        try:
            array.attrs["units"] = parse_unit(units, "units")
        except UnitError as error:
            faults.append(str(error))
    faults.extend(_range_faults(array))
    sampling = read_sampling(array, faults)
    if faults:
        raise ContractError(explain_all(name, faults))
    array = array.transpose(*dims.ordered(array.dims))
    if dims.Y in array.dims and array.sizes[dims.Y] > 1 and array[dims.Y][0] < array[dims.Y][-1]:
        array = array.isel({dims.Y: slice(None, None, -1)})
    return array, sampling


def like(first: xr.DataArray, data: Any, name: str = "further input") -> np.ndarray[Any, Any]:
    """Values of data that go with a canonical stimulus, in its order of dimensions and in its unit.

    Parameters
    ----------
    first : DataArray
        As `check_stimulus` gives it.
    data : DataArray
        With the same dimensions, coordinates and kind of unit.

    Raises
    ------
    ContractError
        Faults of its own, another size, other coordinates, NaN or infinity.
    UnitError
        A unit that does not convert to that of ``first``.
    """
    array, _ = check_stimulus(data, name)
    cure = "align them first: same dimensions, sizes and coordinates"
    if array.sizes != first.sizes:
        wanted, got = (str(dict(given.sizes)) for given in (first, array))
        raise ContractError(explain(name, wanted=wanted, got=got, cure=cure))
    for dim in first.dims:
        ours, theirs = (
            np.asarray(given[dim].values, "f8") if dim in given.coords else None for given in (first, array)
        )
        step = 1.0 if ours is None or len(ours) < 2 else abs(float(ours[1] - ours[0]))
        if ours is not None and theirs is not None and np.abs(ours - theirs).max() > 1e-3 * step:
            got = f"{dim} from {theirs[0]:.6g} to {theirs[-1]:.6g}"
            wanted = f"{dim} from {ours[0]:.6g} to {ours[-1]:.6g}"
            raise ContractError(explain(name, wanted=wanted, got=got, cure=cure))
    scale = factor(array.attrs["units"], first.attrs["units"], f"units of {name}")
    check_finite(array.values, tuple(str(dim) for dim in array.dims), {}, name)
    return array.values if scale == 1 else array.values * scale


def valid_range(stimulus: xr.DataArray) -> tuple[float, float] | None:
    """The range that the values may take, where the stimulus says it."""
    given = stimulus.attrs.get("valid_range")
    if given is None:
        return None
    low, high = given
    return float(low), float(high)


def is_spike_count(array: xr.DataArray) -> bool:
    """Whether an array says that it holds spikes per time step: whole numbers with the unit ``count``."""
    return array.attrs.get("units") == "count" and array.dtype.kind in "iu" and dims.TIME in array.dims


def check_finite(
    block: np.ndarray[Any, Any], names: tuple[str, ...], first: dict[str, int], name: str = "stimulus"
) -> None:
    """Raise where a block that was just read holds NaN or infinity, and say at which sample.

    Parameters
    ----------
    block : ndarray
        What was read.
    names : tuple of str
        Its dimensions.
    first : dict
        Index of the block's first sample along each dimension, 0 where not given.
    """
    if block.dtype.kind != "f" or np.isfinite(block).all():
        return
    bad = np.argwhere(~np.isfinite(block))
    where = ", ".join(f"{dim}={int(at) + first.get(dim, 0)}" for dim, at in zip(names, bad[0], strict=True))
    value = block[tuple(bad[0])]
    cure = 'fill the gaps (stimulus.fillna(...)) or pass nan="propagate"'
    got = f"{value} at index {where} ({len(bad)} such values in this block)"
    raise ContractError(explain(name, wanted="finite values", got=got, cure=cure))


def _plain_array(array: Any, units: str | None) -> tuple[Any, str | None]:
    """A numpy or dask array, and its unit where it carries one."""
    if isinstance(array, xr.DataArray | xr.Dataset):
        cure = "pass it to the model as it is, or its .data to label it anew"
        raise ContractError(explain("array", wanted="a bare array", got="one that has labels already", cure=cure))
    if hasattr(array, "magnitude") and hasattr(array, "units"):
        own = parse_unit(f"{array.units:C}", "array")
        if units is not None and parse_unit(units, "units") != own:
            raise ContractError(explain("units", wanted=f"{own}, that of the array", got=units, cure="leave it out"))
        array, units = array.magnitude, own
    if hasattr(array, "detach"):
        tensor = array.detach().cpu()
        # numpy knows no bfloat16
        array = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    try:
        return (array if hasattr(array, "dask") else np.asarray(array)), units
    except ValueError as error:
        raise ContractError(explain("array", wanted="numbers on a grid", got=str(error), cure="pad rows")) from error


def _axis_names(data: Any, names: Any) -> tuple[str, ...]:
    axes = AXES.get(data.ndim) if names is None else (names,) if isinstance(names, str) else tuple(names)
    if axes is not None and len(axes) == data.ndim and len(set(axes)) == len(axes):
        return axes
    wanted = "1 to 5 axes" if axes is None else f"as many axes as names, each name once: {axes}"
    raise ContractError(explain("array", wanted=wanted, got=f"shape {data.shape}", cure="name them with dims=(...)"))


def _as_array(data: Any, name: str) -> xr.DataArray:
    if isinstance(data, xr.Dataset):
        variables = list(data.data_vars)
        if len(variables) != 1:
            got = f"a Dataset with variables {variables}"
            raise ContractError(explain(name, wanted="one variable", got=got, cure='pass dataset["name"]'))
        data = data[variables[0]]
    if not isinstance(data, xr.DataArray):
        cure = 'as_stimulus(array, dt="1 ms", pixel_size="0.05 deg", units="1")'
        raise ContractError(explain(name, wanted="a labelled DataArray", got=type(data).__name__, cure=cure))
    plain: xr.DataArray = dequantified(data)
    return plain.copy(deep=False)


def _shape_faults(array: xr.DataArray) -> list[str]:
    faults = []
    odd = [str(dim) for dim in array.dims if dim not in dims.STIMULUS]
    if odd:
        known = ", ".join(dims.STIMULUS)
        faults.append(explain("dims", wanted=f"only {known}", got=", ".join(odd), cure=".rename or .isel these away"))
    if dims.TIME not in array.dims:
        faults.append(explain("dims", wanted="time", got=str(array.dims), cure='.expand_dims("time") or .rename'))
    empty = [str(dim) for dim, size in array.sizes.items() if size == 0]
    if empty:
        got, cure = f"none along {', '.join(empty)}", "a part that holds some (y descends: .sel(y=slice(1, 0)))"
        faults.append(explain("size", wanted="at least one sample", got=got, cure=cure))
    if array.dtype.kind not in "biuf":
        cure = "the real part, .astype(float)"
        faults.append(explain("dtype", wanted="real numbers", got=str(array.dtype), cure=cure))
    return faults


def _range_faults(array: xr.DataArray) -> list[str]:
    given = array.attrs.get("valid_range")
    if given is None:
        return []
    try:
        low, high = (float(value) for value in given) if not isinstance(given, str) else (0.0, 0.0)
    except (TypeError, ValueError):
        low = high = 0.0
    if np.isfinite([low, high]).all() and low < high:
        return []
    return [explain("valid_range", wanted="(low, high), low < high", got=repr(given), cure="(0, 255) for 8-bit film")]


def _missing_scales(names: tuple[str, ...], sampling: Sampling, units: str | None) -> list[str]:
    faults = []
    if dims.TIME in names and sampling.dt_s is None:
        faults.append('dt: wanted a time step, got none. Cure: dt="1 ms".')
    if set(names) & set(dims.SPACE) and sampling.pixel_deg is None:
        faults.append('pixel_size: wanted a pixel pitch, got none. Cure: pixel_size="0.05 deg".')
    if units is None:
        faults.append('units: wanted a unit of the values, got none. Cure: units="1" for relative luminance.')
    return faults
