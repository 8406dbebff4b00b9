"""Bases of cubic B-splines over the lag: few weights for a long smooth kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling

_DEGREE = 3


def linear_splines(length: Any, knots: int, *, remove_last: bool = False, dt: Any = None) -> xr.DataArray:
    """Cubic B-splines whose knots are evenly spaced over the lags (de Boor 1978, A Practical Guide to Splines).

    They are 0 before lag 0 and after the last one, and everywhere not negative; at each lag their sum is 1.

    Parameters
    ----------
    length : int or quantity [time]
        How many lags; a bare int is samples.
    knots : int
        Break points, the first and the last lag among them; at least 2. There are ``knots + 2`` components.
    remove_last : bool
        Leave out the last component, so that what is built of them ends at 0; the sum is then 1 only before the
        last but one knot.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (component, time) [1]
        ``time`` is the lag.

    Raises
    ------
    ContractError
        More components than the samples can tell apart.

    Examples
    --------
    >>> basis = linear_splines("100 ms", 5, dt="1 ms")
    >>> basis.sizes["component"], bool(np.allclose(basis.sum("component"), 1))
    (7, True)
    """
    count, sampling = _lags(length, dt), Sampling(dt)
    breaks = np.linspace(0.0, count - 1.0, _checked(knots))
    return _basis(count, breaks, remove_last, sampling, "evenly spaced")


def log_splines(length: Any, knots: int, *, remove_last: bool = False, dt: Any = None) -> xr.DataArray:
    """Cubic B-splines whose knots are dense at short lags: ``1 + lag`` in samples grows by the same factor.

    Parameters
    ----------
    length, knots, remove_last, dt
        As in `linear_splines`.

    Returns
    -------
    DataArray (component, time) [1]
        ``time`` is the lag.

    Raises
    ------
    ContractError
        More components than the samples can tell apart, which comes about early at short lags: take fewer knots.

    Examples
    --------
    >>> basis = log_splines(200, 6, dt="1 ms")
    >>> (basis.idxmax("time").values * 1000).round()
    array([  0.,   1.,   4.,  14.,  42.,  91., 149., 199.])
    >>> bool(np.allclose(basis.sum("component"), 1))
    True
    """
    count, sampling = _lags(length, dt), Sampling(dt)
    breaks = np.geomspace(1.0, count, _checked(knots)) - 1
    return _basis(count, breaks, remove_last, sampling, "logarithmically spaced")


def _lags(length: Any, dt: Any) -> int:
    sampling = Sampling(dt)
    sampling.need_dt("splines")
    count = sampling.steps(length, "length")
    if count < 2:
        raise ContractError(explain("length", wanted="at least 2 lags", got=str(length), cure='length="200 ms"'))
    return count


def _checked(knots: Any) -> int:
    if isinstance(knots, bool) or not isinstance(knots, int | np.integer) or knots < 2:
        raise ContractError(explain("knots", wanted="a whole number from 2", got=repr(knots), cure="knots=6"))
    return int(knots)


def _basis(count: int, breaks: np.ndarray[Any, Any], remove_last: bool, sampling: Sampling, name: str) -> xr.DataArray:
    from scipy.interpolate import BSpline

    breaks[-1] = count - 1  # exactly: rounding must not leave the last lag outside
    padded = np.concatenate([[breaks[0]] * _DEGREE, breaks, [breaks[-1]] * _DEGREE])
    values = BSpline.design_matrix(np.arange(count, dtype=np.float64), padded, _DEGREE).toarray().T
    if np.linalg.matrix_rank(values) < len(values):
        wanted = f"fewer components than {len(values)} for {count} lags"
        got, cure = f"{len(breaks)} knots, {name}", "fewer knots, a longer length, or a smaller dt"
        raise ContractError(explain("knots", wanted=wanted, got=got, cure=cure))
    coordinates = grid({dims.TIME: count}, sampling)
    coordinates[dims.TIME].attrs["long_name"] = "lag"
    attrs = {"long_name": f"cubic B-splines, {name}", "units": "1"}
    basis = xr.DataArray(values, coordinates, (dims.COMPONENT, dims.TIME), "basis", attrs)
    basis = basis.assign_coords({dims.COMPONENT: np.arange(len(values))})
    return basis.isel({dims.COMPONENT: slice(None, -1)}) if remove_last else basis
