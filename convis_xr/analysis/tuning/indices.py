"""What is read off a tuning curve: the best value, selectivity for direction and orientation, bandwidth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain

#: directions may be off their even places by this, degree
_SLACK = 1e-6


def preferred(curve: xr.DataArray, dim: str) -> xr.DataArray:
    """Where along ``dim`` a curve is highest.

    Parameters
    ----------
    curve : DataArray (dim, ...)
    dim : str
        With a coordinate.

    Returns
    -------
    DataArray (...) [unit of the coordinate]
        NaN where the curve is constant or missing.

    Examples
    --------
    >>> curve = xr.DataArray([1.0, 3.0, 2.0], {"contrast": [0.1, 0.5, 1.0]})
    >>> float(preferred(curve, "contrast"))
    0.5
    """
    _check(curve, dim)
    best = curve.idxmax(dim).where(curve.max(dim) > curve.min(dim))
    attrs = {"units": str(curve[dim].attrs.get("units", "1")), "long_name": f"preferred {dim.replace('_', ' ')}"}
    return best.rename(f"preferred_{dim}").assign_attrs(attrs)


def direction_selectivity(curve: xr.DataArray, dim: str = "direction") -> xr.DataArray:
    r"""Direction selectivity index: :math:`|\sum_k r_k e^{i\theta_k}| / \sum_k r_k`.

    One less the circular variance of direction (Mazurek, Kager & Van Hooser 2014, Front Neural Circuits 8:92, eq. 5): 1
    for a response to a single direction, 0 where opposite directions are answered alike.

    Parameters
    ----------
    curve : DataArray (direction, ...)
        Responses of 0 or more, to directions that divide the circle evenly.
    dim : str
        Its coordinate is in degree.

    Returns
    -------
    DataArray (...) [1]
        NaN where there is no response, or one below 0.

    Raises
    ------
    ContractError
        The directions do not divide the circle evenly.

    Examples
    --------
    >>> curve = xr.DataArray([2.0, 1.0, 0.0, 1.0], {"direction": [0.0, 90.0, 180.0, 270.0]})
    >>> round(float(direction_selectivity(curve)), 6)
    0.5
    """
    return _vector(curve, dim, 1).rename("DSI").assign_attrs(units="1", long_name="direction selectivity index")


def orientation_selectivity(curve: xr.DataArray, dim: str = "direction") -> xr.DataArray:
    r"""Orientation selectivity index: :math:`|\sum_k r_k e^{2 i\theta_k}| / \sum_k r_k`.

    One less the circular variance (Ringach, Shapley & Hawken 2002, J Neurosci 22:5639; Mazurek et al. 2014, eq. 3).

    Parameters
    ----------
    curve : DataArray (direction, ...)
        Responses of 0 or more, to directions that divide the circle evenly.
    dim : str
        Its coordinate is in degree.

    Returns
    -------
    DataArray (...) [1]
        NaN where there is no response, or one below 0.

    Raises
    ------
    ContractError
        The directions do not divide the circle evenly.

    Examples
    --------
    >>> curve = xr.DataArray([1.0, 0.0, 1.0, 0.0], {"direction": [0.0, 90.0, 180.0, 270.0]})
    >>> float(orientation_selectivity(curve))
    1.0
    """
    return _vector(curve, dim, 2).rename("OSI").assign_attrs(units="1", long_name="orientation selectivity index")


def half_width(curve: xr.DataArray, dim: str, level: float = 0.5) -> xr.Dataset:
    """Where a curve falls to a part of its maximum, on both sides of it, by straight lines between its points.

    Parameters
    ----------
    curve : DataArray (dim, ...)
    dim : str
        With an ascending coordinate. Directions go round: for them there is `direction_bandwidth`.
    level : float
        Part of the maximum, between 0 and 1.

    Returns
    -------
    Dataset (...)
        ``low``, ``high`` [unit of the coordinate], NaN on a side where the curve does not fall so far; ``octaves`` [1],
        the binary logarithm of their ratio, for frequencies and sizes.

    Raises
    ------
    ContractError
        No ascending coordinate of that name, or a level outside 0 to 1.

    Examples
    --------
    >>> curve = xr.DataArray([0.0, 2.0, 0.0], {"spatial_frequency": [1.0, 2.0, 5.0]})
    >>> found = half_width(curve, "spatial_frequency")
    >>> float(found.low), float(found.high)
    (1.5, 3.5)
    """
    _check(curve, dim)
    if not 0 < level < 1:
        raise ContractError(explain("level", wanted="a part between 0 and 1", got=repr(level), cure="level=0.5"))
    if curve[dim].dtype.kind not in "biuf" or (np.diff(curve[dim].values) < 0).any():
        wanted, got, cure = "ascending numbers", f"{curve[dim].values[:4].tolist()}...", f"curve.sortby({dim!r})"
        raise ContractError(explain(dim, wanted=wanted, got=got, cure=cure))
    places = curve[dim].values.astype(np.float64)
    low, high = xr.apply_ufunc(
        lambda values: _crossings(places, values, level), curve.astype(np.float64), input_core_dims=[[dim]],
        output_core_dims=[[], []], vectorize=True, dask="parallelized", output_dtypes=[np.float64, np.float64],
        dask_gufunc_kwargs={"allow_rechunk": True},
    )  # fmt: skip
    units = {"units": str(curve[dim].attrs.get("units", "1"))}
    octaves = np.log2((high / low).where((low > 0) & (high > 0)))
    made = {"low": low.assign_attrs(units), "high": high.assign_attrs(units)}
    return xr.Dataset(made | {"octaves": octaves.assign_attrs(units="1", long_name="bandwidth in octaves")})


def direction_bandwidth(curve: xr.DataArray, dim: str = "direction", level: float = 0.5) -> xr.DataArray:
    """Half the width of a curve of directions about its maximum, where it has fallen to a part of this.

    Parameters
    ----------
    curve : DataArray (direction, ...)
        Responses to directions that divide the circle evenly; between them the curve is taken to be straight.
    dim : str
        Its coordinate is in degree.
    level : float
        Part of the maximum, between 0 and 1.

    Returns
    -------
    DataArray (...) [degree]
        NaN where the curve does not fall so far on both sides within half a circle.

    Raises
    ------
    ContractError
        The directions do not divide the circle evenly, or a level outside 0 to 1.

    Examples
    --------
    >>> curve = xr.DataArray([4.0, 2.0, 0.0, 0.0, 0.0, 2.0], {"direction": np.arange(0.0, 360.0, 60.0)})
    >>> float(direction_bandwidth(curve))
    60.0
    """
    _check_circle(curve, dim, least=2)
    size = curve.sizes[dim]
    offset = 360.0 / size * (np.arange(size + 1 - size % 2) - size // 2)

    def centred(values: Any) -> Any:
        rolled = np.roll(values, size // 2 - int(np.argmax(values)))
        return np.append(rolled, rolled[:1])[: len(offset)]  # opposite is as far to the left as to the right

    about = xr.apply_ufunc(
        centred, curve.drop_vars(dim), input_core_dims=[[dim]], output_core_dims=[["offset"]], vectorize=True,
        exclude_dims={dim}, dask="parallelized", output_dtypes=[curve.dtype],
        dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": {"offset": len(offset)}},
    )  # fmt: skip
    found = half_width(about.assign_coords(offset=("offset", offset)), "offset", level)
    width = (found.high - found.low) / 2
    return width.rename("bandwidth").assign_attrs(units="degree", long_name="half the width at half of the maximum")


def _check(curve: xr.DataArray, dim: str) -> None:
    if not isinstance(curve, xr.DataArray):
        got, cure = type(curve).__name__, f'xr.DataArray(values, {{"{dim}": labels}})'
        raise ContractError(explain("curve", wanted="a DataArray", got=got, cure=cure))
    if dim not in curve.dims or dim not in curve.coords:
        got = f"coordinates {', '.join(map(str, curve.coords)) or 'none'}"
        raise ContractError(explain("curve", wanted=f"values along {dim}, with labels", got=got, cure=f'dim="{dim}"'))
    if not curve.size or curve.dtype.kind not in "biuf":
        got = f"sizes {dict(curve.sizes)} of {curve.dtype}"
        raise ContractError(explain("curve", wanted="real numbers", got=got, cure="a curve that holds some"))


def _vector(curve: xr.DataArray, dim: str, times: int) -> xr.DataArray:
    _check_circle(curve, dim, least=2 * times)
    angle = np.deg2rad(times * curve[dim])
    total, lowest = curve.sum(dim, skipna=False), curve.min(dim, skipna=False)
    length: Any = np.hypot((curve * np.cos(angle)).sum(dim), (curve * np.sin(angle)).sum(dim))
    index: xr.DataArray = length / total.where((total > 0) & (lowest >= 0))
    return index


def _check_circle(curve: xr.DataArray, dim: str, least: int) -> None:
    _check(curve, dim)
    degrees = curve[dim].values.astype(np.float64)
    even = degrees[0] + 360.0 * np.arange(len(degrees)) / len(degrees)
    if len(degrees) < least or np.abs(degrees - even).max() > _SLACK:
        got = f"{', '.join(f'{value:g}' for value in degrees)} degree"
        wanted, cure = f"{least} directions or more that divide the circle evenly", "np.arange(0, 360, 30)"
        raise ContractError(explain(dim, wanted=wanted, got=got, cure=f"directions={cure} in degree"))


def _crossings(places: Any, values: Any, level: float) -> tuple[float, float]:
    """Where the values fall below a part of their maximum, before and after it."""
    if not np.isfinite(values).all() or not values.max() > 0:
        return np.nan, np.nan
    top, wanted = int(values.argmax()), level * values.max()
    return (
        _crossing(places[top::-1], values[top::-1], wanted),
        _crossing(places[top:], values[top:], wanted),
    )


def _crossing(places: Any, values: Any, wanted: float) -> float:
    below = np.flatnonzero(values < wanted)
    if not below.size:
        return np.nan
    after = below[0]
    part = (values[after - 1] - wanted) / (values[after - 1] - values[after])
    return float(places[after - 1] + part * (places[after] - places[after - 1]))
