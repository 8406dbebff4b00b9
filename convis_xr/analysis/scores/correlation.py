"""`correlation`: Pearson's, of a prediction and the mean of trials."""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr.analysis.scores.pairs import pair
from convis_xr.analysis.scores.trial_sums import above_rounding, beside_mean, named


def correlation(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    r"""Pearson's correlation over time of a prediction and the response, for each cell.

    Of trials their mean :math:`m_t` is taken, and each step counts as often as it has trials, :math:`n_t`:
    :math:`\sum n_t (p_t - \bar p)(m_t - \bar m) / \sqrt{\sum n_t (p_t - \bar p)^2 \sum n_t (m_t - \bar m)^2}`, with
    means weighted alike. The noise of the trials lowers it, see `cc_norm`.

    Parameters
    ----------
    prediction : DataArray (time[, cell]) [any unit]
        May be lazy; then the result is.
    response : DataArray (time[, cell]) or (repeat, time[, cell]) [any unit]
        On the same labels. NaN stands for what was not recorded; steps without a prediction are left out, too.

    Returns
    -------
    DataArray (cell) [1]
        NaN where either is constant (all zero, too) or fewer than two steps are left.

    Raises
    ------
    ContractError
        Other labels, sizes or dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> response = xr.DataArray([0.0, 1.0, np.nan, 3.0], dims="time", attrs={"units": "count"})
    >>> prediction = xr.DataArray([1.0, 2.0, 0.0, 4.0], dims="time", attrs={"units": "Hz"})
    >>> float(correlation(prediction, response).round(6))
    1.0
    """
    sums = beside_mean(*pair(prediction, response))
    xx, yy = (
        above_rounding(sums[f"{one}{one}"] / sums.weight.where(sums.weight > 0), sums[f"mean_{one}"]) for one in "xy"
    )
    score = sums.xy / sums.weight.where(sums.weight > 0) / np.sqrt(xx * yy)
    return named(score.clip(-1.0, 1.0), "correlation", "correlation of prediction and response")
