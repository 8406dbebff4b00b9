"""`explained_variance`: the part of a response's variance that a prediction accounts for."""

from __future__ import annotations

import xarray as xr

from convis_xr.analysis.scores.pairs import pair
from convis_xr.analysis.scores.trial_sums import above_rounding, beside_mean, named


def squared_error(sums: xr.Dataset) -> xr.DataArray:
    """``sum n_t (m_t - p_t)^2`` from co-moments of both."""
    offset = sums.mean_x - sums.mean_y
    return sums.xx + sums.yy - 2 * sums.xy + sums.weight * offset**2


def explained_variance(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""The part of the variance over time that a prediction accounts for, for each cell.

    :math:`1 - \sum n_t (m_t - p_t)^2 / \sum n_t (m_t - \bar m)^2` with the mean :math:`m_t` of the :math:`n_t`
    trials of a step: the coefficient of determination. An offset and a wrong gain count as errors (unlike in
    `correlation`), and so does the noise of the trials (unlike in `feve`).

    Parameters
    ----------
    prediction : DataArray (time[, cell]) [unit of the response, or one that converts; count per step and Hz do]
        May be lazy; then the result is.
    response : DataArray (time[, cell]) or (repeat, time[, cell])
        On the same labels. NaN stands for what was not recorded; steps without a prediction are left out, too.

    Returns
    -------
    DataArray (cell) [1]
        1 at best, 0 for the mean, below for worse. NaN where the response is constant.

    Raises
    ------
    ContractError
        Other labels, sizes or dimensions.
    UnitError
        Units that do not convert into each other, or are missing.

    Examples
    --------
    >>> response = xr.DataArray([0.0, 1.0, 2.0, 3.0], dims="time", attrs={"units": "mV"})
    >>> float(explained_variance((response + 1).assign_attrs(units="mV"), response))
    0.19999999999999996
    """
    sums = beside_mean(*pair(prediction, response, units="response"))
    weight = sums.weight.where(sums.weight > 0)
    score = 1.0 - squared_error(sums) / weight / above_rounding(sums.yy / weight, sums.mean_y)
    return named(score, "explained_variance", "part of the variance that is explained")
