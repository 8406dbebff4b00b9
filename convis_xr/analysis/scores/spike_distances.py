"""`van_rossum_distance` and `victor_purpura_distance`: how far spike trains are from each other, by elephant."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.trial_sums import named
from convis_xr.analysis.spike_events import spike_times
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.sampling import dequantified
from convis_xr.units import factor, magnitude

_Matrix = Callable[[list[Any]], np.ndarray[Any, Any]]


def van_rossum_distance(
    spikes: xr.DataArray | xr.Dataset, time_constant: Any, along: str = dims.REPEAT
) -> xr.DataArray:
    r"""Distances of spike trains, each smoothed by a causal exponential (van Rossum 2001, Neural Comput 13:751).

    :math:`\sqrt{\frac{2}{\tau} \int (f - g)^2 dt}` with :math:`f(t) = \sum_i e^{-(t - t_i)/\tau}` from each spike on: 1
    between a single spike and none (the paper's is smaller by the square root of 2). Computed by elephant.

    Parameters
    ----------
    spikes : DataArray (along, time, ...) [count], or Dataset (event)
        Spikes per step (then a spike is at the start of its step), or a table of times with the coordinate ``along``,
        as `spike_times` gives them; a train without a spike does not show in a table.
    time_constant : quantity [s]
        Short ones compare times, long ones counts.
    along : str
        The dimension whose trains are compared with each other: ``"repeat"``, ``"cell"``. Others of the two are gone
        through one by one.

    Returns
    -------
    DataArray (..., along, along_) [1]
        Symmetric, 0 for a train and itself.

    Raises
    ------
    ConvisError
        elephant is not installed.
    ContractError
        No spikes per step, or no dimension ``along``.
    UnitError
        A time constant that is no time.

    Examples
    --------
    >>> time = xr.Variable("time", np.arange(4) * 0.001, {"units": "s"})
    >>> values = [[1, 0, 0, 0], [0, 0, 0, 0]]
    >>> counts = xr.DataArray(values, {"time": time}, ("repeat", "time"), attrs={"units": "count"})
    >>> van_rossum_distance(counts, "10 ms").values
    array([[0., 1.],
           [1., 0.]])
    """
    tau = _above_zero(time_constant, "time", "time_constant", "10 ms")
    measure = needed("elephant.spike_train_dissimilarity", "recordings").van_rossum_distance
    ms = needed("quantities", "recordings").ms

    def matrix(trains: list[Any]) -> np.ndarray[Any, Any]:
        with warnings.catch_warnings():  # of trains that are alike; it then sets these to 0, which is right
            warnings.filterwarnings("ignore", "van_rossum_distance: very small negative", RuntimeWarning)
            return np.asarray(measure(trains, tau * 1e3 * ms))

    return named(_matrices(spikes, along, matrix), "van_rossum_distance", "distance of spike trains")


def victor_purpura_distance(spikes: xr.DataArray | xr.Dataset, cost: Any, along: str = dims.REPEAT) -> xr.DataArray:
    """Distances of spike trains: the least cost of turning one into the other.

    1 to add or remove a spike, ``cost`` times the way to move one (Victor & Purpura 1996, J Neurophysiol 76:1310).
    Computed by elephant.

    Parameters
    ----------
    spikes : DataArray (along, time, ...) [count], or Dataset (event)
        As in `van_rossum_distance`.
    cost : quantity [Hz]
        Of moving a spike by a second; 0 compares counts alone.
    along : str
        The dimension whose trains are compared with each other: ``"repeat"``, ``"cell"``.

    Returns
    -------
    DataArray (..., along, along_) [1]
        Symmetric, 0 for a train and itself.

    Raises
    ------
    ConvisError, ContractError, UnitError
        As `van_rossum_distance`.

    Examples
    --------
    >>> time = xr.Variable("time", np.arange(4) * 0.001, {"units": "s"})
    >>> values = [[1, 0, 0, 0], [0, 0, 1, 0]]
    >>> counts = xr.DataArray(values, {"time": time}, ("repeat", "time"), attrs={"units": "count"})
    >>> victor_purpura_distance(counts, "100 Hz").values.round(6)  # moved by 2 ms
    array([[0. , 0.2],
           [0.2, 0. ]])
    """
    hertz = _above_zero(cost, "rate", "cost", "100 Hz", zero=True)
    measure = needed("elephant.spike_train_dissimilarity", "recordings").victor_purpura_distance
    pq = needed("quantities", "recordings")
    made = _matrices(spikes, along, lambda trains: np.asarray(measure(trains, hertz * pq.Hz), np.float64))
    return named(made, "victor_purpura_distance", "distance of spike trains")


def _above_zero(value: Any, dimension: str, name: str, example: str, *, zero: bool = False) -> float:
    number = magnitude(value, dimension, name)
    if number < 0 or (number == 0 and not zero):
        wanted = "zero or more" if zero else "more than zero"
        raise ContractError(explain(name, wanted=wanted, got=str(value), cure=f'{name}="{example}"'))
    return number


def _matrices(spikes: Any, along: str, matrix: _Matrix) -> xr.DataArray:
    """Distances along one dimension, for each place along the others."""
    table, labels = _table(spikes, along)
    pq = needed("quantities", "recordings")
    times = table[dims.TIME]
    milliseconds = np.asarray(times.values, np.float64) * factor(str(times.attrs.get("units", "s")), "ms", "time")
    others = [dim for dim in labels if dim != along]
    shape = [len(labels[dim]) for dim in others]
    number = len(labels[along])
    place = {dim: _places(table[dim].values, labels[dim].values) for dim in labels}
    found = np.empty((*shape, number, number))
    for index in product(*map(range, shape)):
        here = np.logical_and.reduce([place[dim] == at for dim, at in zip(others, index, strict=True)], axis=0)
        here = np.ones(len(milliseconds), bool) & here
        trains = [np.sort(milliseconds[here & (place[along] == at)]) * pq.ms for at in range(number)]
        found[index] = matrix(trains)
    coords = {dim: label.variable for dim, label in labels.items()}
    coords[f"{along}_"] = xr.Variable(f"{along}_", labels[along].values, labels[along].attrs)
    return xr.DataArray(found, coords, (*others, along, f"{along}_"))


def _table(spikes: Any, along: str) -> tuple[xr.Dataset, dict[str, xr.DataArray]]:
    """A table of spikes, and the labels of each dimension that its trains have."""
    wanted, cure = f"spikes of several trains, over {along!r}", f'along="{dims.CELL}", or counts (repeat, time, cell)'
    if isinstance(spikes, xr.Dataset):
        table = dequantified(spikes)
        if along not in table.coords or dims.TIME not in table:
            got = f"a table with {', '.join(map(str, table.variables)) or 'nothing'}"
            raise ContractError(explain("spikes", wanted=wanted, got=got, cure=cure))
        known = [dim for dim in (dims.REPEAT, dims.CELL) if dim in table.coords]
        return table, {dim: _labels(dim, np.unique(table[dim].values)) for dim in dict.fromkeys([*known, along])}
    counts = dequantified(spikes)
    table = spike_times(counts)
    if along not in counts.dims:
        raise ContractError(explain("spikes", wanted=wanted, got=f"dimensions {counts.dims}", cure=cure))
    names = [str(dim) for dim in counts.dims if dim != dims.TIME]
    labels = {dim: counts[dim] if dim in counts.coords else _labels(dim, np.arange(counts.sizes[dim])) for dim in names}
    return table, labels


def _labels(dim: str, values: np.ndarray[Any, Any]) -> xr.DataArray:
    return xr.DataArray(values, dims=dim, name=dim)


def _places(values: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Index of each value among the labels."""
    order = np.argsort(labels, kind="stable")
    return order[np.searchsorted(labels, values, sorter=order)]
