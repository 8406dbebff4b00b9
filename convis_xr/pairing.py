"""A stimulus and the response to it, on one grid of time.

The labels of a response's steps are a stretch of the stimulus'. A label is the start of its step, and what is in a step
of the response was counted while that step of the stimulus was shown.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import DIMENSIONS, factor

#: labels may be off by this part of a step
SLACK = 1e-3
#: values that are looked at together
VALUES = 2**22


def check_response(response: xr.DataArray, *, frames: bool = False, missing: bool = False) -> xr.DataArray:
    """A response in the one form that estimators, fits and scores rely on: units in attrs, some values over time.

    Parameters
    ----------
    response : DataArray (time, and any other dims)
    frames : bool
        Whether it may have the dimensions of a frame, as what a model gives for each pixel.
    missing : bool
        Whether NaN may stand for what was not recorded. Infinity never may.

    Returns
    -------
    DataArray
        Still lazy where it was.

    Raises
    ------
    ContractError
        It is something else.

    Examples
    --------
    >>> counts = xr.DataArray([0, 2, 1], {"time": [0.0, 0.01, 0.02]}, attrs={"units": "count"})
    >>> check_response(counts).sizes["time"]
    3
    """
    if not isinstance(response, xr.DataArray):
        cure = 'response["parvo_on"]'
        raise ContractError(explain("response", wanted="a DataArray", got=type(response).__name__, cure=cure))
    response = dequantified(response)
    if dims.TIME not in response.dims:
        got = f"{response.dims}"
        raise ContractError(explain("response", wanted="values per time step", got=got, cure='a dimension "time"'))
    if not response.size:
        got = f"sizes {dict(response.sizes)}"
        raise ContractError(explain("response", wanted="at least one value", got=got, cure="a part that holds some"))
    clash = [dim for dim in dims.SPACE if dim in response.dims]
    if clash and not frames:
        cure = 'response.stack(cell=("y", "x")).reset_index("cell"), or one cell: .isel(y=0, x=0)'
        got = f"dimension {clash[0]!r}, which is the stimulus' own"
        raise ContractError(explain("response", wanted="cells along a dimension of theirs", got=got, cure=cure))
    _check_values(response, missing)
    return response


def stretch(stimulus: xr.DataArray, response: xr.DataArray, sampling: Sampling) -> slice:
    """The steps of the stimulus that a response belongs to.

    Parameters
    ----------
    stimulus : DataArray
        As `convis_xr.contract.check_stimulus` gives it.
    response : DataArray (time, ...)
        As `check_response` gives it.
    sampling : Sampling
        Of the stimulus.

    Raises
    ------
    ContractError
        The labels are not among the stimulus', or step otherwise.

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.zeros(10), dt="10 ms", units="1")
    >>> stretch(film, film[4:7], cx.Sampling.of(film))
    slice(4, 7, None)
    """
    dt, steps, shown = sampling.need_dt("stimulus"), response.sizes[dims.TIME], stimulus.sizes[dims.TIME]
    zero, labels = stimulus[dims.TIME][0], response[dims.TIME]
    after = _seconds(labels, zero)
    start = round(float(after[0]) / dt)
    off = np.abs(after - dt * np.arange(start, start + steps)).max()
    if not off <= SLACK * dt or start < 0 or start + steps > shown:
        wanted = f"time labels that are among the stimulus' ({shown} of them, {dt:.6g} s apart)"
        got = f"{steps} labels from {after[0]:.6g} to {after[-1]:.6g} s after its first"
        cure = "put both on one grid: cx.io.resample(stimulus, dt=), or .sel(time=) of what both have"
        raise ContractError(explain("response", wanted=wanted, got=got, cure=cure))
    return slice(start, start + steps)


def _check_values(response: xr.DataArray, missing: bool) -> None:
    if response.dtype.kind not in "biuf":
        cure = "counts, or a rate, as numbers"
        raise ContractError(explain("response", wanted="real numbers", got=str(response.dtype), cure=cure))
    if response.dtype.kind != "f":
        return
    # a part at a time: a variable of a file, looked at as a whole, stays in memory from then on
    length = response.sizes[dims.TIME]
    steps = length if response.chunks else max(1, VALUES * length // response.size)
    for low in range(0, length, steps):
        part = response.isel({dims.TIME: slice(low, low + steps)})
        if not bool((np.isinf(part) if missing else ~np.isfinite(part)).any()):
            continue
        cure = "response.fillna(0) where nothing was recorded" if not missing else "a look at what wrote it"
        got = "infinity" if missing else "NaN or infinity"
        raise ContractError(explain("response", wanted="finite values", got=got, cure=cure))


def _seconds(labels: xr.DataArray, zero: xr.DataArray) -> np.ndarray:
    """Times since the label ``zero``, s."""
    kinds = [one.dtype.kind if one.dtype.kind in "mM" else "number" for one in (labels, zero)]
    if kinds[0] != kinds[1]:
        wanted, cure = f"time labels as the stimulus has, {zero.dtype}", "one axis of time for both"
        raise ContractError(explain("response", wanted=wanted, got=str(labels.dtype), cure=cure))
    if kinds[0] in "mM":
        return (labels.values - zero.values) / np.timedelta64(1, "ns") * 1e-9
    units = str(zero.attrs["units"])
    ours, theirs = (
        factor(str(one.attrs.get("units", units)), DIMENSIONS["time"].unit, "time") for one in (labels, zero)
    )
    return labels.values.astype(np.float64) * ours - float(zero) * theirs
