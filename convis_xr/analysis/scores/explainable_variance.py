"""`explainable_variance` and `noise_variance`: what trials have in common, and by how much they differ."""

from __future__ import annotations

import xarray as xr

from convis_xr.analysis.scores.pairs import trials, unit
from convis_xr.analysis.scores.trial_sums import named, noise_power, signal_power, squared, within


def explainable_variance(response: xr.DataArray) -> xr.DataArray:
    r"""Variance over time of what the trials have in common, for each cell: the signal power.

    The mean covariance over time of two different trials (Sahani & Linden 2003, NIPS 15:109, eq. 1): for N whole trials
    :math:`(\mathrm{Var}(\sum_r y_r) - \sum_r \mathrm{Var}(y_r)) / (N (N-1))`. Unbiased however many trials there are,
    since the noise of two trials is independent. Where trials miss steps, each trial is taken with the mean of the
    others, every step weighted by the number of these; the variance then is that over steps weighted so.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) [any unit]
        Two repeats or more; NaN stands for what was not recorded. May be lazy; then the result is.

    Returns
    -------
    DataArray (cell) [squared unit of the response]
        As an unbiased estimate of something small it may be below 0. NaN where no two trials share two steps.

    Raises
    ------
    ContractError
        There are no repeats.

    Examples
    --------
    >>> trials = xr.DataArray([[0.0, 1, 2, 3], [2.0, 3, 4, 5]], dims=("repeat", "time"), attrs={"units": "mV"})
    >>> float(explainable_variance(trials))  # their offset is no signal
    1.6666666666666667
    """
    seen = trials(response, repeated=True)
    units = squared(unit(seen, "response"))
    return named(signal_power(seen), "explainable_variance", "variance that trials have in common", units)


def noise_variance(response: xr.DataArray) -> xr.DataArray:
    r"""Variance of trials about their mean in each step, for each cell.

    :math:`\sum_t \sum_r (y_{rt} - m_t)^2 / \sum_t (n_t - 1)`, n_t being the number of trials that have a value.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) [any unit]
        Two repeats or more; NaN stands for what was not recorded. May be lazy; then the result is.

    Returns
    -------
    DataArray (cell) [squared unit of the response]
        NaN where no step has two trials.

    Raises
    ------
    ContractError
        There are no repeats.

    Examples
    --------
    >>> trials = xr.DataArray([[0.0, 1, 2, 3], [2.0, 3, 4, 5]], dims=("repeat", "time"), attrs={"units": "mV"})
    >>> float(noise_variance(trials))
    2.0
    """
    seen = trials(response, repeated=True)
    units = squared(unit(seen, "response"))
    return named(noise_power(within(seen)), "noise_variance", "variance of trials about their mean", units)
