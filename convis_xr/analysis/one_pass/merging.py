"""Moments of parts, added to those of the whole."""

from __future__ import annotations

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain

_NEEDED = ("steps", "responses", "responses_squared", "stimulus", "cross", "origin", "left_out")


def merge(*moments: xr.Dataset) -> xr.Dataset:
    """Add moments: of other stretches of a recording, of other recordings of the same cells, of other workers.

    Stretches add up to the whole where each was given the frames before it that its first windows reach back to, as
    when a part of the response is given with the whole (lazy) stimulus. Origins may differ: sums are shifted to that of
    the first.

    Parameters
    ----------
    *moments : Dataset
        As `convis_xr.analysis.moments` gives them: of one window, one frame, the same cells and units.

    Returns
    -------
    Dataset
        As `convis_xr.analysis.moments`.

    Raises
    ------
    ContractError
        Windows, pixels, cells or units differ, or only some have ``auto``.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> rate = flicker[:, 1, 2].drop_vars(["y", "x"]).assign_attrs(units="Hz")
    >>> parts = [cx.analysis.moments(flicker, rate[part], 6) for part in (slice(0, 900), slice(900, 2000))]
    >>> int(cx.analysis.merge(*parts).steps)
    1995
    """
    if not moments:
        raise ContractError(explain("moments", wanted="at least one", got="none", cure="merge(first, second)"))
    first = moments[0]
    for number, other in enumerate(moments):
        _check(first, other, f"moments {number}")
    total = first
    for other in moments[1:]:
        moved = _moved(other, first.origin).assign_coords(first.coords)
        total = total.assign({str(name): _added(total[name], moved[name]) for name in total if name != "origin"})
    return total


def _added(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Their sum; what is common to all cells counts for each of them."""
    order = max(first.dims, second.dims, key=len)
    return (first + second).transpose(*order).assign_attrs(first.attrs)


def _moved(moments: xr.Dataset, origin: xr.DataArray) -> xr.Dataset:
    """The same sums, of the stimulus minus another origin."""
    by = float(moments.origin - origin)
    if by == 0:
        return moments
    stimulus, steps = moments.stimulus, moments.steps
    moved = {"stimulus": stimulus + by * steps, "cross": moments.cross + by * moments.responses}
    if "auto" in moments:
        other = stimulus.rename({dim: f"{dim}_" for dim in stimulus.dims})
        square = moments["auto"] + by * (stimulus + other) + by * by * steps
        moved["auto"] = square.transpose(*moments["auto"].dims)
    return moments.assign({name: value.transpose(*moments[name].dims) for name, value in moved.items()})


def _check(first: xr.Dataset, other: object, name: str) -> None:
    """Refuse what cannot be added to the first."""
    if not isinstance(other, xr.Dataset) or any(part not in other for part in _NEEDED):
        got = type(other).__name__ if not isinstance(other, xr.Dataset) else f"a Dataset of {sorted(map(str, other))}"
        raise ContractError(explain(name, wanted="moments", got=got, cure="merge(*parts), of cx.analysis.moments"))
    if ("auto" in first) != ("auto" in other):
        raise ContractError(explain(name, wanted="auto in all or in none", got="in some", cure="auto=True for all"))
    if first.sizes != other.sizes:
        wanted, got = str(dict(first.sizes)), str(dict(other.sizes))
        cure = "the same window, frame and cells for all parts"
        raise ContractError(explain(name, wanted=f"sizes {wanted}", got=got, cure=cure))
    for key in [*first.data_vars, *first.indexes]:
        mine, theirs = first.variables[key], other.variables.get(key)
        fault = "is missing" if theirs is None else _difference(mine, theirs, label=key in first.indexes)
        if fault is not None:
            cure = "the same grid, window, cells and units for all parts"
            raise ContractError(explain(name, wanted=f"{key} as the first has it", got=f"one that {fault}", cure=cure))


def _difference(mine: xr.Variable, theirs: xr.Variable, *, label: bool) -> str | None:
    units = [one.attrs.get("units") for one in (mine, theirs)]
    if units[0] != units[1]:
        return f"is in {units[1]}, not {units[0]}"
    if not label:
        return None
    if mine.dtype.kind == "f" and theirs.dtype.kind == "f":
        step = np.nanmin(np.abs(np.diff(mine.values)), initial=1.0)
        alike = np.allclose(mine, theirs, rtol=0, atol=1e-3 * step, equal_nan=True)
        return None if alike else "has other values"
    return None if mine.equals(theirs) else "has other values"
