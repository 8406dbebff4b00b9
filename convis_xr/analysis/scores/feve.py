"""`feve`: the fraction of explainable variance that a prediction explains."""

from __future__ import annotations

import xarray as xr

from convis_xr.analysis.scores.explained_variance import squared_error
from convis_xr.analysis.scores.pairs import pair, trials
from convis_xr.analysis.scores.trial_sums import (
    above_rounding,
    beside_mean,
    named,
    noise_power,
    signal_power,
    where_predicted,
)


def feve(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""Fraction of explainable variance explained, for each cell: 1 for the true model, however noisy the trials.

    :math:`1 - (\mathrm{MSE} - \sigma^2) / P` (Cadena et al. 2019, PLoS Comput Biol 15:e1006897): the mean squared error
    of single trials without their `noise_variance`, over the `explainable_variance` (which is, but for a part of
    1/T, the paper's total variance less the noise, and is not biased).

    Parameters
    ----------
    prediction : DataArray (time[, cell]) [unit of the response, or one that converts; count per step and Hz do]
        May be lazy; then the result is.
    response : DataArray (repeat, time[, cell])
        On the same labels, two repeats or more. NaN stands for what was not recorded; steps without a prediction are
        left out, too. A step counts as often as it has trials.

    Returns
    -------
    DataArray (cell) [1]
        Above 1 by chance only. NaN where the trials have nothing in common: an `explainable_variance` that is not above
        0, as of silent cells.

    Raises
    ------
    ContractError
        There are no repeats; other labels, sizes or dimensions.
    UnitError
        Units that do not convert into each other, or are missing.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> rate = xr.DataArray(rng.gamma(2.0, size=20000), dims="time", attrs={"units": "count"})
    >>> spikes = xr.DataArray(rng.poisson(rate, (3, 20000)), dims=("repeat", "time"), attrs={"units": "count"})
    >>> bool(abs(feve(rate, spikes) - 1) < 0.02)
    True
    """
    trials(response, repeated=True)
    shown, seen = pair(prediction, response, units="response")
    sums = beside_mean(shown, seen)
    # single trials differ from the prediction as their mean does, and by their scatter about it
    unexplained = (squared_error(sums) - sums.steps * noise_power(sums)) / sums.weight.where(sums.weight > 0)
    power = above_rounding(signal_power(where_predicted(shown, seen)), sums.mean_y)
    return named(1.0 - unexplained / power, "feve", "fraction of explainable variance explained")
