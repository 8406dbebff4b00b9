"""`bits_per_spike` and `log_likelihood_ratio`: how probable a response is under a predicted rate, as Poisson counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import xlogy

from convis_xr.analysis.scores.pairs import pair
from convis_xr.analysis.scores.reduction import Floats, Sums, reduced
from convis_xr.analysis.scores.trial_sums import named

#: sum of the counts n, of n log(rate), of the rate, and number of values
_SUMS = ("counts", "logs", "rates", "values")


def bits_per_spike(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""Information that a predicted rate gives of each spike, beside the mean rate, for each cell.

    :math:`(\ell(\lambda) - \ell(\bar n)) / (N_\mathrm{spikes} \ln 2)` with the Poisson log-likelihood
    :math:`\ell(\lambda) = \sum_t n_t \log \lambda_t - \lambda_t` of the counts, over all trials, and their own mean
    :math:`\bar n` (Paninski, Pillow & Lewi 2007, Prog Brain Res 165:493; Brenner et al. 2000, Neural Comput 12:1531).

    Parameters
    ----------
    prediction : DataArray (time[, cell]) [Hz, or count per step]
        Expected rate. May be lazy; then the result is.
    response : DataArray (time[, cell]) or (repeat, time[, cell]) [count, or Hz]
        On the same labels. NaN stands for what was not recorded; steps without a prediction are left out, too.

    Returns
    -------
    DataArray (cell) [bit/count]
        0 for the mean rate, minus infinity where a spike has a rate of 0. NaN without any spike, and where a rate or a
        count is negative.

    Raises
    ------
    ContractError
        Other labels, sizes or dimensions, or no time step where a rate must be turned into counts.
    UnitError
        No counts or rates.

    Examples
    --------
    >>> response = xr.DataArray([0, 2, 0, 2], dims="time", attrs={"units": "count"})
    >>> round(float(bits_per_spike(response.assign_attrs(units="count"), response)), 6)  # one bit: in which half
    1.0
    """
    sums = reduced(_poisson, _added, _SUMS, *pair(prediction, response, units="count"))
    spikes = sums.counts.where(sums.counts > 0)
    mean = spikes * np.log(spikes / sums["values"]) - spikes
    score = (sums.logs - sums.rates - mean) / (spikes * np.log(2.0))
    return named(score, "bits_per_spike", "information beside the mean rate", "bit/count")


def log_likelihood_ratio(prediction: xr.DataArray, baseline: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""Logarithm of how much more probable a response is under one predicted rate than under another, for each cell.

    :math:`\sum_t n_t \log(\lambda_t / \mu_t) - (\lambda_t - \mu_t)`, for Poisson counts, over all trials.

    Parameters
    ----------
    prediction, baseline : DataArray (time[, cell]) [Hz, or count per step]
        Expected rates :math:`\lambda` and :math:`\mu`. May be lazy; then the result is.
    response : DataArray (time[, cell]) or (repeat, time[, cell]) [count, or Hz]
        On the same labels. NaN stands for what was not recorded; steps without one of the predictions are left out of
        both.

    Returns
    -------
    DataArray (cell) [1]
        Natural logarithm, 0 where both are as good. Infinite where a spike has a rate of 0 in one of them. NaN where
        spikes have a rate of 0 in both, and where a rate or a count is negative.

    Raises
    ------
    ContractError, UnitError
        As `bits_per_spike`.

    Examples
    --------
    >>> response = xr.DataArray([0, 2, 0, 2], dims="time", attrs={"units": "count"})
    >>> baseline = xr.DataArray([1.0, 1, 1, 1], dims="time", attrs={"units": "count"})
    >>> round(float(log_likelihood_ratio(response, baseline, response)), 6)  # 4 ln 2
    2.772589
    """
    one, seen = pair(prediction, response, units="count")
    other, _ = pair(baseline, response, units="count", name="baseline")
    both = one.notnull() & other.notnull()
    first, second = (reduced(_poisson, _added, _SUMS, rate.where(both), seen) for rate in (one, other))
    # where both are minus infinity nothing can be told, and computing lazy ones later would warn
    known = (first.logs > -np.inf) | (second.logs > -np.inf)
    ratio = (first.logs - first.rates) - (second.logs.where(known) - second.rates)
    return named(ratio, "log_likelihood_ratio", "logarithm of the ratio of likelihoods")


def _poisson(rate: Floats, counts: Floats) -> dict[str, Floats]:
    there = ~np.isnan(counts) & ~np.isnan(rate)
    allowed = np.where((rate < 0) | np.isnan(rate), np.nan, rate)
    kept = np.where(there, counts, 0.0)
    of_trials = np.where((kept < 0).any(0), np.nan, kept.sum(0))
    number = there.sum(0).astype(np.float64)
    used = number > 0
    logs = np.where(used, xlogy(of_trials, allowed), 0.0)
    sums = {"counts": of_trials, "logs": logs, "rates": np.where(used, number * allowed, 0.0), "values": number}
    return {name: value.sum(0) for name, value in sums.items()}


def _added(parts: Sums) -> dict[str, Any]:
    return {name: parts[name].sum(-1) for name in _SUMS}
