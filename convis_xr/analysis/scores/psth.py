"""`psth`: the rate over time, from trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.bins import binned
from convis_xr.analysis.scores.pairs import trials


def psth(response: xr.DataArray, bin: Any) -> xr.Dataset:
    """Peri-stimulus time histogram: mean rate of the trials in bins of time, and its standard error.

    Parameters
    ----------
    response : DataArray (repeat, time[, cell]) or (time[, cell]) [count per step, or Hz]
        NaN stands for what was not recorded. May be lazy; then the result is.
    bin : quantity [s] or int
        Length of a bin, a whole number of time steps; a bare int is samples. A last part that fills no bin is left out.

    Returns
    -------
    Dataset (time[, cell])
        ``rate`` [Hz], the mean over those trials that have a value in the bin (each at the steps that it has);
        ``standard_error`` [Hz], of this mean, NaN where there are fewer than two; ``repeats`` [1], how many there are.
        ``time`` is the start of a bin.

    Raises
    ------
    ContractError
        The bin is no whole number of steps, or longer than the response.
    UnitError
        The response is neither counts nor a rate.

    Examples
    --------
    >>> import numpy as np
    >>> time = xr.Variable("time", np.arange(4) * 0.01, {"units": "s"})
    >>> values = [[1, 0, 2, 1], [0, 0, 1, 2]]
    >>> counts = xr.DataArray(values, {"time": time}, ("repeat", "time"), attrs={"units": "count"})
    >>> histogram = psth(counts, "20 ms")
    >>> histogram.rate.values, histogram.standard_error.values
    (array([ 25., 150.]), array([25.,  0.]))
    """
    rates, _ = binned(trials(response), bin, "bin", whole=False)
    there = rates.notnull()
    repeats = there.sum(dims.REPEAT)
    mean = rates.mean(dims.REPEAT)
    squares = ((rates - mean) ** 2).sum(dims.REPEAT)
    error = np.sqrt(squares / (repeats - 1).where(repeats > 1) / repeats)
    made = xr.Dataset({"rate": mean, "standard_error": error, "repeats": repeats})
    for name, long_name in (("rate", "mean rate of trials"), ("standard_error", "standard error of the rate")):
        made[name].attrs = {"units": "Hz", "long_name": long_name}
    made["repeats"].attrs = {"units": "1", "long_name": "number of trials"}
    return made
