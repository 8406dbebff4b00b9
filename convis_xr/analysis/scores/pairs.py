"""A prediction beside the response that it is about: labels compared, units converted or refused. Nothing is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.pairing import SLACK
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import DIMENSIONS, factor, has_dimension, parse_unit


def plain(array: Any, name: str) -> xr.DataArray:
    """A DataArray over time of real numbers, without pint's wrapping; still lazy.

    Raises
    ------
    ContractError
        It is something else, or empty.
    """
    if not isinstance(array, xr.DataArray):
        cure = f'{name}["response"] of a Dataset, or xr.DataArray(values, {{"time": ...}})'
        raise ContractError(explain(name, wanted="a DataArray", got=type(array).__name__, cure=cure))
    array = dequantified(array)
    if dims.TIME not in array.dims:
        got, cure = f"dimensions {array.dims}", 'a dimension "time"'
        raise ContractError(explain(name, wanted="values per time step", got=got, cure=cure))
    if not array.size:
        got, cure = f"sizes {dict(array.sizes)}", "a part that holds some"
        raise ContractError(explain(name, wanted="at least one value", got=got, cure=cure))
    if array.dtype.kind not in "biuf":
        raise ContractError(explain(name, wanted="real numbers", got=str(array.dtype), cure="counts, or a rate"))
    return array


def trials(response: Any, *, repeated: bool = False, name: str = "response") -> xr.DataArray:
    """A response as (repeat, time, ...); one without repeats has one.

    Raises
    ------
    ContractError
        It is no response, or has fewer than two repeats where it must be ``repeated``.
    """
    array = plain(response, name)
    if repeated and array.sizes.get(dims.REPEAT, 1) < 2:
        got = f"{array.sizes.get(dims.REPEAT, 'no dimension of')} repeats"
        cure = "a response (repeat, time, cell) to one stimulus that was shown several times"
        raise ContractError(explain(name, wanted="two repeats or more", got=got.replace("1 repeats", "1"), cure=cure))
    if dims.REPEAT not in array.dims:
        array = array.expand_dims(dims.REPEAT)
    return array.transpose(dims.REPEAT, dims.TIME, ...)


def pair(
    prediction: Any, response: Any, *, units: str = "any", name: str = "prediction"
) -> tuple[xr.DataArray, xr.DataArray]:
    """A prediction (time, ...) and a response (repeat, time, ...) with the same further dimensions, on the same labels.

    Parameters
    ----------
    prediction, response : DataArray
    units : {"any", "response", "count"}
        Whether units do not matter, the prediction is to be in the unit of the response, or both in counts per step.
    name : str
        What the prediction is called in messages.

    Raises
    ------
    ContractError
        Other dimensions, sizes or labels.
    UnitError
        Units that do not convert, or none, where they matter.
    """
    seen, shown = trials(response), plain(prediction, name)
    wanted = seen.dims[1:]
    if set(shown.dims) != set(wanted):
        cure = 'prediction.mean("repeat")' if dims.REPEAT in shown.dims else ".sel or .expand_dims what is too much"
        text = f"the dimensions of the response, {wanted}"
        raise ContractError(explain(name, wanted=text, got=f"{shown.dims}", cure=cure))
    shown = shown.transpose(*wanted)
    for dim in wanted:
        check_labels(str(dim), shown, seen, name)
    if units == "count":
        seen = in_unit_of(seen, seen.copy(deep=False).assign_attrs(units="count"), "response")
    if units != "any":
        shown = in_unit_of(shown, seen, name)
    return shown.drop_vars(list(shown.coords)), seen


def in_unit_of(array: xr.DataArray, other: xr.DataArray, name: str) -> xr.DataArray:
    """``array`` in the unit of ``other``; between counts per step and rates by the time step.

    Raises
    ------
    UnitError
        A unit is missing or does not convert.
    """
    source, target = unit(array, name), unit(other, "response")
    scale = 1.0
    if source != target:
        kinds = "count" if source == "count" else "", "count" if target == "count" else ""
        if kinds == ("", "count") and has_dimension(source, "rate"):
            scale = factor(source, "Hz", name) * step(other)
        elif kinds == ("count", "") and has_dimension(target, "rate"):
            scale = factor("Hz", target, name) / step(other)
        else:
            scale = factor(source, target, name)
    return (array if scale == 1.0 else array * scale).assign_attrs(units=target)


def unit(array: xr.DataArray, name: str) -> str:
    """The unit of an array.

    Raises
    ------
    UnitError
        It has none.
    """
    units = array.attrs.get("units")
    if units is None:
        cure = f'{name}.attrs["units"] = "count" (spikes per step), "Hz", "mV", ...'
        raise UnitError(explain(name, wanted="a unit", got="none", cure=cure))
    return parse_unit(units, f"units of {name}")


def step(array: xr.DataArray) -> float:
    """The time step, s."""
    return Sampling.of(array).need_dt("time")


def check_labels(dim: str, shown: xr.DataArray, seen: xr.DataArray, name: str) -> None:
    """Whether both have the same labels along ``dim``; where neither has any, as many."""
    have = dim in shown.coords, dim in seen.coords
    cure = f"{name}.sel({dim}=response.{dim}), or one grid for both"
    if shown.sizes[dim] != seen.sizes[dim]:
        wanted = f"{seen.sizes[dim]} along {dim}, as the response has"
        raise ContractError(explain(name, wanted=wanted, got=str(shown.sizes[dim]), cure=cure))
    if have == (False, False):
        return
    if have != (True, True):
        which = "the response has none" if have[0] else f"{name} has none"
        cure = "the same coordinate for both, or none for both"
        raise ContractError(explain(name, wanted=f"labels along {dim} of both", got=which, cure=cure))
    ours, theirs = shown[dim], seen[dim]
    if not _same(dim, ours, theirs):
        wanted = f"the labels of the response along {dim}, {_span(theirs)}"
        raise ContractError(explain(name, wanted=wanted, got=_span(ours), cure=cure))


def _same(dim: str, ours: xr.DataArray, theirs: xr.DataArray) -> bool:
    if {ours.dtype.kind, theirs.dtype.kind} <= set("iuf"):
        canonical = {dims.TIME: "time", dims.Y: "angle", dims.X: "angle"}.get(dim)
        first, second = (_canonical(one, canonical) for one in (ours, theirs))
        pitch = np.abs(np.diff(second)).min() if len(second) > 1 else 1.0
        return bool((np.abs(first - second) <= SLACK * pitch).all())
    return bool(np.array_equal(ours.values, theirs.values))


def _canonical(labels: xr.DataArray, dimension: str | None) -> np.ndarray[Any, Any]:
    values = labels.values.astype(np.float64)
    units = labels.attrs.get("units")
    if dimension is None or units is None:
        return values
    return values * factor(str(units), DIMENSIONS[dimension].unit, str(labels.name))


def _span(labels: xr.DataArray) -> str:
    ends = (f"{end:.6g}" if labels.dtype.kind in "iuf" else str(end) for end in labels.values[[0, -1]])
    return f"{' to '.join(ends)} {labels.attrs.get('units', '')}".rstrip()
