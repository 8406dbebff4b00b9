"""`fano_factor`: the variance of counts by their mean."""

from __future__ import annotations

from typing import Any

import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.bins import binned
from convis_xr.analysis.scores.pairs import trials
from convis_xr.analysis.scores.trial_sums import named


def fano_factor(response: xr.DataArray, window: Any) -> xr.DataArray:
    """Variance of the counts in a window over their mean: 1 for a Poisson process, less where spikes are regular.

    With repeats the counts of the trials are compared, for each window; without, those of all windows, which says the
    same of the process only where its rate does not change.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) or (time[, cell]) [count per step, or Hz]
        Windows with missing values (NaN) are left out. May be lazy; then the result is.
    window : quantity [s] or int
        A whole number of time steps; a bare int is samples. A last part that fills no window is left out.

    Returns
    -------
    DataArray (time[, cell]), or (cell) without repeats [1]
        ``time`` is the start of a window. NaN where there is no spike, or fewer than two counts.

    Raises
    ------
    ContractError
        The window is no whole number of steps, or longer than the response.
    UnitError
        The response is neither counts nor a rate.

    Examples
    --------
    >>> import numpy as np
    >>> time = xr.Variable("time", np.arange(4) * 0.01, {"units": "s"})
    >>> values = [[1, 0, 2, 1], [0, 0, 1, 2]]
    >>> counts = xr.DataArray(values, {"time": time}, ("repeat", "time"), attrs={"units": "count"})
    >>> fano_factor(counts, "20 ms").values
    array([1., 0.])
    """
    rates, seconds = binned(trials(response), window, "window", whole=True)
    counts = rates * seconds
    over = dims.REPEAT
    if dims.REPEAT not in response.dims:
        counts, over = counts.isel({dims.REPEAT: 0}, drop=True), dims.TIME
    number = counts.notnull().sum(over)
    mean = counts.sum(over) / number.where(number > 1)
    variance = ((counts - mean) ** 2).sum(over) / (number - 1).where(number > 1)
    return named(variance / mean.where(mean > 0), "fano_factor", "variance of counts over their mean")
