"""``region=`` and ``cells=`` of a run: which pixels are meant, and how much of the frame must be shown for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.footprint import Footprint
from convis_xr.sampling import dequantified
from convis_xr.selection import Box, Numbers, Pixels, Selection
from convis_xr.units import DIMENSIONS, factor, has_dimension, is_bare, magnitude, unit_of

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: a label that a rounding error has moved is still met, pixels
_ROUNDING = 1e-6
_CELLS = "pairs (row, column), positions (y, x) in degrees, or numbers of the cells of a sampled layer"


def resolve_selection(array: xr.DataArray, region: Any, cells: Any) -> Selection | None:
    """What of the frame of ``array`` (canonical) is wanted; None: all of it.

    Raises
    ------
    ContractError
        Both are given; nothing is left; or it lies outside of the frame.
    UnitError
        An index is no whole number, a position no angle.
    """
    if region is not None and cells is not None:
        cure = "leave out one of them"
        raise ContractError(explain("region, cells", wanted="one of the two", got="both", cure=cure))
    if region is not None:
        return _region(array, region)
    return None if cells is None else _cells(array, cells)


def shown_part(selection: Selection | None, footprint: Footprint, frame: tuple[int, int]) -> Box | None:
    """The part of the frame that must be shown, so that what is selected is as in the whole; None: all of it."""
    hull = None if selection is None else selection.hull
    if hull is None:
        return None
    part = hull.grown(footprint.radius, frame)
    return None if part.shape == frame else part


# --- regions --------------------------------------------------------------------------------------------------------


def _region(array: xr.DataArray, region: Any) -> Box:
    if isinstance(region, Sequence) and not isinstance(region, str) and len(region) == 2:
        region = dict(zip(dims.SPACE, region, strict=True))
    cure = 'region={"y": slice("-1 deg", "1 deg"), "x": slice(10, 20)}'
    wanted = "slices by the dimensions y and x, or a pair of them"
    if not isinstance(region, Mapping) or not region:
        raise ContractError(explain("region", wanted=wanted, got=repr(region), cure=cure))
    unknown = [name for name in region if name not in dims.SPACE or name not in array.dims]
    if unknown:
        known = ", ".join(name for name in dims.SPACE if name in array.dims) or "none"
        wanted = f"dimensions of the frame ({known})"
        raise ContractError(explain("region", wanted=wanted, got=", ".join(map(str, unknown)), cure=cure))
    (top, bottom), (left, right) = (_span(array, name, region.get(name, slice(None))) for name in dims.SPACE)
    return Box(top, left, bottom - top, right - left)


def _span(array: xr.DataArray, name: str, part: Any) -> tuple[int, int]:
    """First pixel of one dimension, and the one after the last."""
    argument, size = f"region[{name!r}]", array.sizes.get(name, 1)
    if not isinstance(part, slice) or part.step is not None:
        cure = 'slice(10, 20), or slice("-1 deg", "1 deg")'
        raise ContractError(explain(argument, wanted="a slice without a step", got=repr(part), cure=cure))
    ends = [end for end in (part.start, part.stop) if end is not None]
    if not ends:
        return 0, size
    bare = [is_bare(end) for end in ends]
    if all(bare):
        first = 0 if part.start is None else _index(part.start, argument)
        last = size if part.stop is None else _index(part.stop, argument)
        extent = f"{size} pixels"
    elif any(bare):
        cure = "two indices, or two angles"
        raise ContractError(explain(argument, wanted="both ends of one kind", got=repr(part), cure=cure))
    else:
        first, last, extent = _between(array, name, part, argument)
    if not 0 <= first < last <= size:
        cure = "start before stop, both within the frame"
        wanted = f"a part of the frame with at least one pixel ({extent})"
        raise ContractError(explain(argument, wanted=wanted, got=_shown(part), cure=cure))
    return first, last


def _index(end: Any, argument: str) -> int:
    number = np.asarray(end)
    if number.ndim or number.dtype.kind not in "iu" or number < 0:
        cure = 'slice(10, 20), or slice("-1 deg", "1 deg")'
        wanted = "indices of pixels, whole numbers from 0 on, or angles"
        raise UnitError(explain(argument, wanted=wanted, got=repr(end), cure=cure))
    return int(number)


def _between(array: xr.DataArray, name: str, part: slice, argument: str) -> tuple[int, int, str]:
    """The pixels whose centres lie between two angles; ends outside of the frame are told by indices outside of it."""
    centres, pitch = _degrees(array, name)
    edges = min(centres[0], centres[-1]) - pitch / 2, max(centres[0], centres[-1]) + pitch / 2
    ends = [math.inf if end is None else magnitude(end, "angle", argument) for end in (part.start, part.stop)]
    low, high = -ends[0] if part.start is None else ends[0], ends[1]
    slack = _ROUNDING * pitch
    extent = f"{edges[0]:.6g} deg to {edges[1]:.6g} deg"
    outside = (part.start is not None and not edges[0] - slack <= low <= edges[1] + slack) or (
        part.stop is not None and not edges[0] - slack <= high <= edges[1] + slack
    )
    inside = np.flatnonzero((centres >= low - slack) & (centres <= high + slack))
    if outside or not len(inside):
        return 0, 0, extent
    return int(inside[0]), int(inside[-1]) + 1, extent


def _shown(part: slice) -> str:
    return f"slice({part.start!r}, {part.stop!r})"


# --- cells ----------------------------------------------------------------------------------------------------------


def _cells(array: xr.DataArray, cells: Any) -> Pixels | Numbers:
    frame = array.sizes.get(dims.Y, 1), array.sizes.get(dims.X, 1)
    placed = _placed(cells)
    if placed is not None:
        return _nearest(array, placed, frame)
    values = _plain(_mask_in_order(array, cells))
    if values.size == 0:
        raise ContractError(explain("cells", wanted=_CELLS, got="none", cure="cells=[(3, 5)]"))
    mask = len(values) if values.dtype.kind == "b" and values.ndim == 1 else None
    if values.dtype.kind == "b":
        values = _where(values, frame)
    if values.dtype.kind not in "iu" or values.ndim > 2 or (values.ndim == 2 and values.shape[1] != 2):
        got = f"{values.dtype} of shape {values.shape}"
        raise ContractError(explain("cells", wanted=_CELLS, got=got, cure='cells=[(3, 5)], or [("0.1 deg", "0 deg")]'))
    if values.ndim < 2:
        return _numbers(values.reshape(-1), mask)
    return _pixels(values, frame)


def _placed(cells: Any) -> Floats | None:
    """Positions (cell, (y, x)) in degrees, where that is what came."""
    if isinstance(cells, xr.DataArray) and cells.dtype.kind == "b":
        return None  # a mask, whatever unit it has kept of what it was made of
    if isinstance(cells, xr.Dataset | xr.DataArray):
        cells = dequantified(cells)
        both = [cells[name] for name in dims.SPACE if name in cells.coords or name in getattr(cells, "data_vars", ())]
        if len(both) == 2 and both[0].ndim == 1 and both[0].dims == both[1].dims:
            return np.stack([_angles(one) for one in both], 1)
        if isinstance(cells, xr.Dataset):
            return None
    if not isinstance(cells, list | tuple):
        # a mask keeps the unit of what it was made from
        plain = isinstance(cells, str) or is_bare(cells) or getattr(getattr(cells, "dtype", None), "kind", "") == "b"
        return None if plain else _angles(cells)
    if any(not is_bare(one) for pair in cells for one in _pair(pair)):
        return np.array([[magnitude(one, "angle", "cells") for one in _pair(pair)] for pair in cells])
    return None


def _angles(values: Any) -> Floats:
    """An array with a unit, in degrees."""
    units, wanted = unit_of(values, "cells"), DIMENSIONS["angle"]
    if not has_dimension(units, "angle"):
        cure = 'cells=[("0.1 deg", "-0.2 deg")]'
        raise UnitError(explain("cells", wanted=wanted.wanted, got=f"an array in {units}", cure=cure))
    return np.asarray(getattr(values, "magnitude", values), np.float64) * factor(units, wanted.unit, "cells")


def _pair(pair: Any) -> Sequence[Any]:
    return pair if isinstance(pair, list | tuple) else (pair,)


def _plain(cells: Any) -> np.ndarray[Any, Any]:
    if isinstance(cells, xr.Dataset | str | Mapping):
        raise ContractError(explain("cells", wanted=_CELLS, got=type(cells).__name__, cure="cells=[(3, 5)]"))
    try:
        return np.asarray(cells)
    except ValueError:
        raise ContractError(explain("cells", wanted=_CELLS, got=repr(cells), cure="cells=[(3, 5)]")) from None


def _mask_in_order(array: xr.DataArray, cells: Any) -> Any:
    """A labelled mask over the frame lies as the frame does, whatever the order of its dimensions.

    Raises
    ------
    ContractError
        Its pixels are others than those of the frame.
    """
    if (
        not isinstance(cells, xr.DataArray)
        or set(cells.dims) != set(dims.SPACE)
        or not set(dims.SPACE) <= {*array.dims}
    ):
        return cells
    mask = cells.transpose(*dims.SPACE)
    for name in dims.SPACE:
        if name in mask.coords and mask.sizes[name] == array.sizes[name]:
            (ours, pitch), (theirs, _) = _degrees(array, name), _degrees(mask, name)
            if abs(ours - theirs).max() > 0.5 * pitch:
                got = f"{name} from {theirs[0]:.6g} deg to {theirs[-1]:.6g} deg"
                wanted = f"a mask over the frame ({name} from {ours[0]:.6g} deg to {ours[-1]:.6g} deg)"
                cure = "a mask made of the stimulus' own frames"
                raise ContractError(explain("cells", wanted=wanted, got=got, cure=cure))
    return mask


def _where(mask: np.ndarray[Any, Any], frame: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Numbers or pixels that a mask marks."""
    if mask.ndim == 2 and mask.shape != frame:
        got, cure = f"a mask of shape {mask.shape}", "a mask over the whole frame"
        raise ContractError(explain("cells", wanted=f"a mask of shape {frame}", got=got, cure=cure))
    found = np.argwhere(mask) if mask.ndim != 1 else np.flatnonzero(mask)
    if not len(found):
        raise ContractError(explain("cells", wanted="a cell at least", got="a mask of none", cure="cells=[(3, 5)]"))
    return found


def _nearest(array: xr.DataArray, positions: Floats, frame: tuple[int, int]) -> Pixels:
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions):
        got, cure = f"positions of shape {positions.shape}", 'cells=[("0.1 deg", "-0.2 deg")]'
        raise ContractError(explain("cells", wanted="pairs (y, x)", got=got, cure=cure))
    index = np.empty(positions.shape, np.int64)
    for axis, name in enumerate(dims.SPACE):
        centres, pitch = _degrees(array, name)
        step = (centres[-1] - centres[0]) / max(1, len(centres) - 1) or pitch
        place = (positions[:, axis] - centres[0]) / step
        bad = ~((place >= -0.5 - _ROUNDING) & (place <= len(centres) - 0.5 + _ROUNDING))
        if bad.any():
            edges = sorted((centres[0] - step / 2, centres[-1] + step / 2))
            got = f"{name} = {positions[bad, axis][0]:.6g} deg"
            wanted = f"positions within the frame ({name} from {edges[0]:.6g} deg to {edges[1]:.6g} deg)"
            raise ContractError(explain("cells", wanted=wanted, got=got, cure="positions of pixels of the stimulus"))
        index[:, axis] = np.clip(np.rint(place), 0, frame[axis] - 1)
    return _pixels(index, frame)


def _pixels(index: np.ndarray[Any, Any], frame: tuple[int, int]) -> Pixels:
    outside = ((index < 0) | (index >= frame)).any(1)
    if outside.any():
        got = f"row, column = {tuple(index[outside][0].tolist())}"
        wanted = f"rows below {frame[0]} and columns below {frame[1]}"
        raise ContractError(explain("cells", wanted=wanted, got=got, cure="pixels of the stimulus; row 0 is on top"))
    return Pixels(tuple(index[:, 0].tolist()), tuple(index[:, 1].tolist()))


def _numbers(index: np.ndarray[Any, Any], mask: int | None) -> Numbers:
    if (index < 0).any():
        got = str(index[index < 0][0])
        raise ContractError(explain("cells", wanted="numbers of cells from 0 on", got=got, cure="cells=[0, 1]"))
    return Numbers(tuple(index.tolist()), mask)


def _degrees(array: xr.DataArray, name: str) -> tuple[Floats, float]:
    """Pixel centres of one dimension in degrees, and their distance."""
    if name not in array.coords:
        cure = "indices of pixels"
        raise ContractError(explain("region, cells", wanted=f"a stimulus with {name}", got="one without", cure=cure))
    coordinate = array.coords[name]
    scale = factor(coordinate.attrs["units"], DIMENSIONS["angle"].unit, name)
    centres = np.asarray(coordinate.values, np.float64) * scale
    told = abs(float(coordinate.attrs.get("step", 1.0))) * scale
    pitch = abs(centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else told
    return centres, float(pitch)
