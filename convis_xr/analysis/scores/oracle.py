"""`oracle`: how well the other trials predict one of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.comoments import COMOMENTS, merged
from convis_xr.analysis.scores.pairs import trials
from convis_xr.analysis.scores.trial_sums import above_rounding, beside_others, named


def oracle(response: xr.DataArray) -> xr.DataArray:
    """Correlation of each trial with the mean of all others, over all steps and trials, for each cell.

    Leave-one-out (Sinz et al. 2018, NeurIPS 31): what a model with the true rate can hardly exceed for single trials.
    Where trials miss steps, each pair of a value and the mean of the others is weighted by the number of these.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) [any unit]
        Two repeats or more; NaN stands for what was not recorded. May be lazy; then the result is.

    Returns
    -------
    DataArray (cell) [1]
        NaN where the trials are constant.

    Raises
    ------
    ContractError
        There are no repeats.

    Examples
    --------
    >>> trials = xr.DataArray([[0.0, 1, 2, 3], [0.0, 1, 2, 3]], dims=("repeat", "time"), attrs={"units": "mV"})
    >>> float(oracle(trials).round(6))
    1.0
    """
    each = beside_others(trials(response, repeated=True)).transpose(..., dims.REPEAT)
    first = each.isel({dims.REPEAT: 0}, drop=True)
    pooled = merged({name: each[name].data for name in COMOMENTS})
    sums = first.copy(data={name: pooled[name] for name in COMOMENTS})
    weight = sums.weight.where(sums.weight > 0)
    xx, yy = (above_rounding(sums[f"{one}{one}"] / weight, sums[f"mean_{one}"]) for one in "xy")
    return named((sums.xy / weight / np.sqrt(xx * yy)).clip(-1.0, 1.0), "oracle", "correlation of a trial with others")
