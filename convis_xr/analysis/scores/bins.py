"""Steps of a response put together to longer ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.scores.pairs import in_unit_of, step
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.units import is_bare, magnitude

#: dimension of the steps within a bin
_STEP = "step"
#: a bin may be off a whole number of steps by this part of a step
_SLACK = 1e-6


def binned(response: xr.DataArray, length: Any, name: str, *, whole: bool) -> tuple[xr.DataArray, float]:
    """Mean rates in bins [Hz], and the length of a bin [s].

    Parameters
    ----------
    response : DataArray (repeat, time, ...) [count, or Hz]
    length : quantity or int
        Of a bin.
    name : str
        What the length is called in messages.
    whole : bool
        Whether a bin with a missing value is missing; else it is the mean of the values that it has.
    """
    dt = step(response)
    steps = _whole_steps(length, Sampling.of(response), dt, response.sizes[dims.TIME], name)
    response = response.astype(np.float64)  # half precision ends at 65504 Hz
    rates = in_unit_of(response, response.copy(deep=False).assign_attrs(units="Hz"), "response")
    parts = rates.drop_vars(dims.TIME).coarsen({dims.TIME: steps}, boundary="trim").construct(time=(dims.TIME, _STEP))
    made = parts.mean(_STEP, skipna=not whole)
    starts = response[dims.TIME].variable[: made.sizes[dims.TIME] * steps : steps]
    told = {**response[dims.TIME].attrs}
    if "step" in told:
        told["step"] = float(told["step"]) * steps
    return made.assign_coords({dims.TIME: (dims.TIME, np.asarray(starts.values), told)}), steps * dt


def _whole_steps(length: Any, sampling: Sampling, dt: float, there: int, name: str) -> int:
    steps = sampling.steps(length, name)
    exact = float(steps) if is_bare(length) else magnitude(length, "time", name) / dt
    if steps < 1 or abs(exact - steps) > _SLACK * max(1, steps):
        wanted, got = f"a whole number of time steps of {dt:g} s", f"{length} ({exact:g} steps)"
        cure = f'{name}="{max(1, round(exact)) * dt:g} s"'
        raise ContractError(explain(name, wanted=wanted, got=got, cure=cure))
    if steps > there:
        wanted, got = f"no more than the response has, {there * dt:g} s", f"{length}"
        raise ContractError(explain(name, wanted=wanted, got=got, cure=f'{name}="{dt:g} s"'))
    return steps
