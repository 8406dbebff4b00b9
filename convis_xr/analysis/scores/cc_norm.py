"""`cc_norm` and `cc_max`: correlation by what the noise of the trials allows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr.analysis.scores.pairs import pair, trials
from convis_xr.analysis.scores.trial_sums import (
    above_rounding,
    beside_mean,
    named,
    normaliser,
    signal_power,
    where_predicted,
    within,
)


def cc_norm(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""Normalised correlation, for each cell: `correlation` over `cc_max`, so that the true model has 1.

    :math:`\mathrm{Cov}(p, m) / \sqrt{\mathrm{Var}(p)\, P}` with the mean m of trials and their signal power P (Schoppe,
    Harper, Willmore, King & Schnupp 2016, Front Comput Neurosci 10:10, eq. 7), see `explainable_variance`.

    Parameters
    ----------
    prediction : DataArray (time[, cell]) [any unit]
        May be lazy; then the result is.
    response : DataArray (repeat, time[, cell]) [any unit]
        On the same labels, two repeats or more. NaN stands for what was not recorded; steps without a prediction are
        left out, too. A step counts as often as it has trials.

    Returns
    -------
    DataArray (cell) [1]
        Beyond 1 by chance only. NaN where the prediction is constant, and where the trials have nothing in common: a
        signal power that is not above 0, as of silent cells.

    Raises
    ------
    ContractError
        There are no repeats; other labels, sizes or dimensions.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rate = xr.DataArray(rng.gamma(2.0, size=20000), dims="time", attrs={"units": "count"})
    >>> spikes = xr.DataArray(rng.poisson(rate, (3, 20000)), dims=("repeat", "time"), attrs={"units": "count"})
    >>> float(cc_norm(rate, spikes).round(2))
    1.0
    """
    trials(response, repeated=True)
    shown, seen = pair(prediction, response)
    sums = beside_mean(shown, seen)
    each = normaliser(sums)
    predicted = above_rounding(sums.xx / each, sums.mean_x)
    power = above_rounding(signal_power(where_predicted(shown, seen)), sums.mean_y)
    return named(sums.xy / each / np.sqrt(predicted * power), "cc_norm", "normalised correlation")


def cc_max(response: xr.DataArray) -> xr.DataArray:
    r"""The greatest correlation with the mean of these trials that any prediction can have, for each cell.

    :math:`\sqrt{P / \mathrm{Var}(m)}` (Schoppe et al. 2016, Front Comput Neurosci 10:10, eq. 8), see
    `explainable_variance` for the signal power P.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) [any unit]
        Two repeats or more; NaN stands for what was not recorded. May be lazy; then the result is.

    Returns
    -------
    DataArray (cell) [1]
        NaN where the trials have nothing in common: a signal power that is not above 0, as of silent cells.

    Raises
    ------
    ContractError
        There are no repeats.

    Examples
    --------
    >>> trials = xr.DataArray([[0.0, 1, 2, 3], [2.0, 3, 4, 5]], dims=("repeat", "time"), attrs={"units": "mV"})
    >>> float(cc_max(trials))
    1.0
    """
    seen = trials(response, repeated=True)
    sums = within(seen)
    power = above_rounding(signal_power(seen), sums.mean_y)
    return named(np.sqrt(power / (sums.yy / normaliser(sums))), "cc_max", "greatest correlation that noise allows")
