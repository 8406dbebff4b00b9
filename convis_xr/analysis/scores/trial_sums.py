"""What scores are made of: sums over steps of a prediction and the mean of trials, and of each trial and the others.

With ``n_t`` trials that have a value in step t (missing ones are NaN), their mean ``m_t`` and a prediction ``p_t``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.comoments import COMOMENTS, comoments, merged
from convis_xr.analysis.scores.reduction import Floats, Sums, reduced

#: sum of squared deviations of trials from their mean in each step, and the number of steps that have any
_WITHIN = ("within", "steps")
#: a spread below this part of the mean is rounding
_ROUNDING = 1e-13


def beside_mean(prediction: xr.DataArray, response: xr.DataArray) -> xr.Dataset:
    """Co-moments of ``p_t`` (x) and ``m_t`` (y) with the weights ``n_t``, and the scatter of trials about ``m_t``.

    Parameters
    ----------
    prediction : DataArray (time, ...)
    response : DataArray (repeat, time, ...)
        As `pairs.pair` gives them.
    """
    return reduced(_beside_mean, _merged, (*COMOMENTS, *_WITHIN), prediction, response)


def within(response: xr.DataArray) -> xr.Dataset:
    """``beside_mean`` of a response alone: x is the mean of trials, too."""
    return reduced(lambda seen: _beside_mean(None, seen), _merged, (*COMOMENTS, *_WITHIN), response)


def beside_others(response: xr.DataArray) -> xr.Dataset:
    """Co-moments of each trial (x) and the mean of the others (y), weighted by the number of others: over ``repeat``.

    Parameters
    ----------
    response : DataArray (repeat, time, ...)
    """
    return reduced(_beside_others, merged, COMOMENTS, response, keep=(dims.REPEAT,))


def normaliser(sums: xr.Dataset) -> xr.DataArray:
    """By what a sum of weighted squares is divided to be an unbiased variance: of T like weights w it is w (T - 1).

    NaN where fewer than two steps have a value.
    """
    left = sums.weight - sums.weight_squared / sums.weight.where(sums.weight > 0)
    return left.where(left > _ROUNDING * sums.weight)


def above_rounding(variance: xr.DataArray, mean: xr.DataArray) -> xr.DataArray:
    """A variance; NaN where it is 0 or not told from the rounding of the mean: a constant has no shape."""
    return variance.where(variance > (_ROUNDING * mean) ** 2)


def signal_power(response: xr.DataArray) -> xr.DataArray:
    """Variance over time of what the trials have in common, see `explainable_variance`; may be below 0."""
    sums = beside_others(response)
    each = normaliser(sums)
    return sums.xy.where(each.notnull()).sum(dims.REPEAT) / _positive(each.sum(dims.REPEAT))


def noise_power(sums: xr.Dataset) -> xr.DataArray:
    """Variance of trials about their mean in each step; NaN where no step has two."""
    return sums.within / _positive(sums.weight - sums.steps)


def where_predicted(prediction: xr.DataArray, response: xr.DataArray) -> xr.DataArray:
    """The response where there is a prediction."""
    return response.where(prediction.notnull()) if prediction.dtype.kind == "f" else response


def named(score: xr.DataArray, name: str, long_name: str, units: str = "1") -> xr.DataArray:
    """A score with its name and unit."""
    made: xr.DataArray = score.rename(name)
    made.attrs = {"units": units, "long_name": long_name}
    return made


def squared(units: str) -> str:
    """The unit of a square."""
    return "1" if units == "1" else f"({units})^2" if set(units) & set("/*^ ") else f"{units}^2"


def _positive(values: xr.DataArray) -> xr.DataArray:
    return values.where(values > 0)


def _beside_mean(shown: Floats | None, seen: Floats) -> dict[str, Floats]:
    there = ~np.isnan(seen) if shown is None else ~np.isnan(seen) & ~np.isnan(shown)
    seen = np.where(there, seen, 0.0)
    count = there.sum(0).astype(np.float64)
    mean = np.divide(seen.sum(0), count, out=np.zeros_like(count), where=count > 0)
    deviation = np.where(there, seen - mean, 0.0)
    made = comoments(count, mean if shown is None else shown, mean, axis=0)
    return made | {"within": (deviation**2).sum((0, 1)), "steps": (count > 0).sum(0).astype(np.float64)}


def _merged(parts: Sums) -> dict[str, Any]:
    return merged(parts) | {name: parts[name].sum(-1) for name in _WITHIN}


def _beside_others(seen: Floats) -> dict[str, Floats]:
    there = ~np.isnan(seen)
    filled = np.where(there, seen, 0.0)
    others = np.where(there, there.sum(0) - 1.0, 0.0)
    mean = np.divide(filled.sum(0) - filled, others, out=np.zeros_like(filled), where=others > 0)
    return comoments(others, filled, mean, axis=1)
