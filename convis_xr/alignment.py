"""`align`: one array on the grid of another, by coordinates or by place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.sampling import JITTER, dequantified
from convis_xr.units import factor, is_bare, magnitude, parse_unit

PLACES = ("begin", "center", "end")
#: numpy's ways of padding that need no further argument
MODES = ("linear_ramp", "edge", "reflect", "symmetric", "wrap", "mean", "median", "minimum", "maximum")
#: those whose values lie between whole numbers
_FRACTIONAL = ("linear_ramp", "mean", "median")


def align(
    a: xr.DataArray, b: xr.DataArray, where: str | Mapping[str, str] | None = None, fill: Any = 0.0, end: Any = 0.0
) -> xr.DataArray:
    """Bring ``a`` onto the grid of ``b``: pad it where it is shorter, cut it where it is longer.

    ``b - align(a, b)`` then is a difference sample by sample, in the unit of ``b``.

    Parameters
    ----------
    a, b : DataArray
        With units that can be converted into each other (or both without).
    where : {"begin", "center", "end"} or dict of dimension to one of these, optional
        Where ``a`` lies in ``b`` along a dimension, regardless of its coordinate (of an odd difference in the center
        the larger part is behind). By default where its coordinate says, and at the beginning where there is none.
    fill : number, quantity or str
        A value (a bare number is in the unit of ``b``), or how numpy pads: ``"linear_ramp"`` (down to ``end``),
        ``"edge"``, ``"reflect"``, ``"symmetric"``, ``"wrap"``, ``"mean"``, ``"median"``, ``"minimum"``, ``"maximum"``.
    end : number or quantity
        Of the linear ramp, at the border of ``b``.

    Returns
    -------
    DataArray
        ``a`` with the coordinates of ``b`` along their common dimensions, and the unit of ``b``; lazy where ``a`` is.

    Raises
    ------
    ContractError
        Other time steps or pixels, a grid between the samples of the other, or no sample in common.
    UnitError
        Units that cannot be converted.

    Examples
    --------
    >>> import convis_xr as cx
    >>> a = cx.as_stimulus([1.0, 2.0], dt="1 ms", units="1")
    >>> b = cx.as_stimulus([0.0, 0.0, 0.0, 0.0], dt="1 ms", units="1")
    >>> align(a, b).values, align(a, b, where="end", fill="edge").values
    (array([1., 2., 0., 0.]), array([1., 1., 1., 2.]))
    """
    first, second = _checked(a, "a"), _checked(b, "b")
    units = second.attrs.get("units")
    aligned = _in_unit(first, units)
    places = _places(where, second)
    shared = [str(dim) for dim in aligned.dims if dim in second.dims]
    before: dict[str, int] = {}
    for dim in shared:
        if dim not in places and _is_turned(aligned, second, dim):
            aligned = aligned.isel({dim: slice(None, None, -1)})
        before[dim] = _offset(aligned, second, dim, places.get(dim))
    cut, pad = {}, {}
    for dim, offset in before.items():
        size, length = aligned.sizes[dim], second.sizes[dim]
        low, high = max(0, -offset), min(size, length - offset)
        if low >= high:
            wanted, cure = f"samples of a within b along {dim}", f'where={{"{dim}": "begin"}} to forget coordinates'
            raise ContractError(explain("a", wanted=wanted, got="none", cure=cure))
        cut[dim] = slice(low, high)
        pad[dim] = (max(0, offset), length - max(0, offset) - (high - low))
    padded = _padded(aligned.isel(cut).variable, pad, fill, end, "1" if units is None else units)
    # what belongs to a dimension that both have is that of b
    kept = {name: value for name, value in aligned.coords.items() if not set(value.dims) & set(shared)}
    new = {name: value for name, value in second.coords.items() if set(value.dims) & set(shared)}
    new = {name: value for name, value in new.items() if set(value.dims) <= set(aligned.dims)}
    # with their indexes: a very long one is not written out
    coords = second.coords.to_dataset()[list(new)].coords
    return xr.DataArray(padded, name=a.name).assign_coords(kept).assign_coords(coords)


def _checked(array: Any, name: str) -> xr.DataArray:
    if not isinstance(array, xr.DataArray):
        cure = 'as_stimulus(array, dt="1 ms", pixel_size="0.1 deg", units="1"), or dataset["name"]'
        raise ContractError(explain(name, wanted="a labelled DataArray", got=type(array).__name__, cure=cure))
    if not array.size:
        cure = "a part that holds some"
        raise ContractError(explain(name, wanted="at least one sample", got=f"sizes {dict(array.sizes)}", cure=cure))
    plain: xr.DataArray = dequantified(array)
    return plain


def _in_unit(array: xr.DataArray, units: Any) -> xr.DataArray:
    """``array`` in the unit of the other one."""
    own = array.attrs.get("units")
    if own is None and units is None:
        return array
    if own is None or units is None:
        cure = '.attrs["units"] = "1", if that is what it is'
        raise UnitError(explain("units", wanted="units of both, or of none", got=f"{own} and {units}", cure=cure))
    if parse_unit(own, "a.units") == parse_unit(units, "b.units"):
        return array
    scaled = array * factor(str(own), str(units), "a.units")
    scaled.attrs = {name: value for name, value in array.attrs.items() if name != "valid_range"} | {"units": units}
    return scaled


def _places(where: Any, b: xr.DataArray) -> dict[str, str]:
    table = {str(dim): where for dim in b.dims} if isinstance(where, str) else dict(where or {})
    for dim, place in table.items():
        if place not in PLACES or dim not in b.dims:
            wanted = f"{', '.join(PLACES)} for dimensions among {', '.join(map(str, b.dims))}"
            got, cure = f"{dim}: {place!r}", 'where={"time": "begin"}'
            raise ContractError(explain("where", wanted=wanted, got=got, cure=cure))
    return table


def _offset(a: xr.DataArray, b: xr.DataArray, dim: str, place: str | None) -> int:
    """Index in ``b`` of the first sample of ``a``."""
    missing = b.sizes[dim] - a.sizes[dim]
    if place is not None:
        return {"begin": 0, "center": missing // 2, "end": missing}[place]
    if dim not in a.coords or dim not in b.coords:
        return 0
    if a[dim].dtype.kind in "iuf" and b[dim].dtype.kind in "iuf":
        return _grid_offset(a, b, dim)
    return _label_offset(a, b, dim)


def _grid_offset(a: xr.DataArray, b: xr.DataArray, dim: str) -> int:
    (first, step), (origin, pitch) = _line(a, dim), _line(b, dim)
    scale = factor(str(a[dim].attrs.get("units", "1")), str(b[dim].attrs.get("units", "1")), f"{dim}.units")
    first, step = first * scale, step * scale
    pitch = step if math.isnan(pitch) else pitch
    step = pitch if math.isnan(step) else step
    if math.isnan(pitch):
        step = pitch = 1.0
    if abs(step - pitch) * max(a.sizes[dim] - 1, 1) > JITTER * max(1, a.sizes[dim]) * abs(pitch):
        cure = f'convis_xr.io.resample(...) to one grid, or where={{"{dim}": "begin"}}'
        raise ContractError(explain(dim, wanted=f"steps of {pitch:.6g}, as b has", got=f"{step:.6g}", cure=cure))
    place = (first - origin) / pitch
    if abs(place - round(place)) > 10 * JITTER:
        cure = f'convis_xr.io.resample(...) to one grid, or where={{"{dim}": "begin"}}'
        got = f"{abs(place - round(place)):.3g} of a step beside them"
        raise ContractError(explain(dim, wanted="samples at those of b", got=got, cure=cure))
    return round(place)


def _line(array: xr.DataArray, dim: str) -> tuple[float, float]:
    """First label and step (NaN where it is not known) of a uniform coordinate."""
    coordinate = array[dim]
    ends = [float(coordinate[at : at + 1].values[0]) for at in (0, array.sizes[dim] - 1)]
    if array.sizes[dim] == 1:
        return ends[0], float(coordinate.attrs.get("step", math.nan))
    step = (ends[1] - ends[0]) / (array.sizes[dim] - 1)
    if not isinstance(array.xindexes.get(dim), RangeIndex):
        differences = np.diff(coordinate.values.astype(np.float64))
        rounding = 2 * float(np.spacing(np.abs(coordinate.values).max())) if coordinate.dtype.kind == "f" else 0.0
        if not step or np.abs(differences - step).max() > JITTER * abs(step) + rounding:
            cure = f'convis_xr.io.resample(...), or where={{"{dim}": "begin"}}'
            raise ContractError(explain(dim, wanted="a uniform grid", got="uneven steps", cure=cure))
    return ends[0], step


def _label_offset(a: xr.DataArray, b: xr.DataArray, dim: str) -> int:
    """By labels such as names and dates, which must follow one another in both alike."""
    found = b.get_index(dim).get_indexer(a.get_index(dim))
    known = np.flatnonzero(found >= 0)
    steps = found[known] - known
    if not known.size or (steps != steps[0]).any():
        cure = f'.reindex({dim}=b.{dim}), or where={{"{dim}": "begin"}}'
        raise ContractError(explain(dim, wanted="labels in the order that b has", got="others", cure=cure))
    return int(steps[0])


def _is_turned(a: xr.DataArray, b: xr.DataArray, dim: str) -> bool:
    """Whether one ascends where the other descends."""
    if dim not in dims.SPACE or dim not in a.coords or dim not in b.coords:
        return False
    steps = [_line(array, dim)[1] for array in (a, b)]
    return not any(map(math.isnan, steps)) and steps[0] * steps[1] < 0


def _padded(variable: xr.Variable, pad: Mapping[str, tuple[int, int]], fill: Any, end: Any, units: str) -> xr.Variable:
    wanted = {dim: widths for dim, widths in pad.items() if any(widths)}
    if isinstance(fill, str) and fill in MODES:
        last = _value(end, units, "end") if fill == "linear_ramp" else None
        _check_lazy(variable, wanted, fill)
        if fill in _FRACTIONAL and wanted and variable.dtype.kind in "biu":
            variable = variable.astype(np.result_type(variable.dtype, np.float32))
        return variable.pad(wanted, mode=fill, end_values=last, keep_attrs=True) if wanted else variable  # type: ignore[arg-type]
    value = _value(fill, units, "fill")
    if wanted and variable.dtype.kind in "biu" and not _is_one(value, variable.dtype):
        variable = variable.astype(np.result_type(variable.dtype, np.float32))
    return variable.pad(wanted, mode="constant", constant_values=value, keep_attrs=True) if wanted else variable


def _check_lazy(variable: xr.Variable, wanted: Mapping[str, tuple[int, int]], mode: str) -> None:
    """Dask knows no median, and mirrors an array once only."""
    if variable.chunks is None:
        return
    if mode == "median":
        cure = 'fill="mean", or a.load()'
        raise ContractError(explain("fill", wanted="a way that dask pads, too", got="median", cure=cure))
    for dim, widths in wanted.items():
        most = variable.sizes[dim] - (mode == "reflect")
        if mode in ("reflect", "symmetric", "wrap") and max(widths) > most:
            got, cure = f"{max(widths)} along {dim} of a lazy array", 'a.load(), or fill="edge"'
            raise ContractError(explain("fill", wanted=f"at most {most} samples by {mode}", got=got, cure=cure))


def _is_one(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether a whole-number dtype holds the value."""
    if dtype.kind == "b":
        return value in (0.0, 1.0)
    return value.is_integer() and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def _value(given: Any, units: str, name: str) -> float:
    """A number in the unit of the result; NaN may be one."""
    if isinstance(given, str) and not any(letter.isdigit() for letter in given):
        wanted = f"a value, or one of {', '.join(MODES)}"
        raise ContractError(explain(name, wanted=wanted, got=repr(given), cure=f'{name}="edge"'))
    if isinstance(given, float) and math.isnan(given):
        return given
    return magnitude(given, "dimensionless" if is_bare(given) else units, name)
