"""Which part of a frame a layer of ganglion cells computes with, and which cells it keeps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.context import Window
from convis_xr.errors import ContractError, explain
from convis_xr.kernels.lif import cells_of
from convis_xr.kernels.sampling import bilinear
from convis_xr.selection import Box, Numbers, Pixels, Selection
from convis_xr.tensors import Labels, cell_labels
from convis_xr.units import DIMENSIONS, Quantity, factor

Floats = np.ndarray[Any, np.dtype[np.float64]]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mosaic:
    """An array of cells laid out over a frame, and those of them that are wanted.

    Parameters
    ----------
    numbers : ndarray (n,)
        Of the cells that are wanted, in the whole array.
    rows, columns : ndarray (n,)
        Where they are, in pixels of the whole frame.
    size : int
        Number of cells in the array.
    """

    numbers: np.ndarray[Any, np.dtype[np.int64]]
    rows: Floats
    columns: Floats
    size: int

    @classmethod
    def of(
        cls, array: Any, log_polar: Any, frame: tuple[int, int], pixel: tuple[float, float], selection: Selection | None
    ) -> Mosaic:
        """Those cells of ``array`` that ``selection`` (in pixels of the whole frame) asks for.

        Raises
        ------
        ContractError
            It asks for none, or for numbers that the array has not.
        """
        rows, columns = _laid_out(array, log_polar, frame, pixel)
        chosen = _chosen(rows, columns, selection)
        return cls(chosen, rows[chosen], columns[chosen], len(rows))

    def labels(self, like: xr.DataArray, shape: tuple[int, ...], name: str) -> Labels:
        """The labels of an output of these cells of the layer ``name``."""
        along = {dims.CELL: xr.Variable(dims.CELL, self.numbers, {"long_name": "number of the cell in its array"})}
        for axis, place in ((dims.Y, self.rows), (dims.X, self.columns)):
            if axis in like.coords:
                along[axis] = _degrees(like.coords[axis], place)
        along["type"] = xr.Variable(dims.CELL, np.full(len(self.numbers), name), {"long_name": "type of the cell"})
        return cell_labels(like, shape, along, owner=name)


@dataclass(frozen=True)
class Patch:
    """What of the potential is taken, and what is kept of the current, in pixels of the frames that are shown.

    Parameters
    ----------
    before, after : optional
        Taken of the potential, and of the current; None: all of it.
    sampled : tuple of two Tensor, optional
        Rows and columns of the cells in what ``before`` takes, where currents are sampled between pixels.
    cells : Tensor (batch, channel, y, x), optional
        Indices of the kept cells, by which they draw; None: those of the whole frame.
    """

    before: Selection | None = None
    after: Selection | None = None
    sampled: tuple[Tensor, Tensor] | None = None
    cells: Tensor | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether what is computed is what is kept."""
        return self.after is None and self.sampled is None

    def enter(self, x: Tensor) -> Tensor:
        """The part of the potential that is computed with."""
        return x if self.before is None else self.before.take(x)

    def leave(self, x: Tensor) -> Tensor:
        """What is kept of a transient or a current (batch, channel, time, y, x)."""
        if self.sampled is not None:
            return bilinear(x, *self.sampled).unsqueeze(-2)
        return x if self.after is None else self.after.take(x)


def pixel_patch(selection: Selection | None, cells: Tensor, radius: float) -> Patch:
    """The patch of a layer with one cell at every pixel.

    Parameters
    ----------
    selection : Selection, optional
        What is wanted of the frames that are shown.
    cells : Tensor (batch, channel, y, x)
        Indices of the cells of these frames.
    radius : float
        How far a current looks, pixels.
    """
    if selection is None:
        return Patch()
    index = selection.take(cells)
    if radius == 0 or selection.hull is None:
        return Patch(before=selection, cells=index)
    box = selection.hull.grown(radius, (cells.shape[-2], cells.shape[-1]))
    return Patch(box, selection.moved(-box.top, -box.left), None, index)


def mosaic_patch(mosaic: Mosaic, x: Tensor, window: Window | None, radius: float) -> Patch:
    """The patch of a layer that is sampled by an array of cells, for potentials ``x`` of the frames that are shown."""
    rows = mosaic.rows - (0 if window is None else window.top)
    columns = mosaic.columns - (0 if window is None else window.left)
    frame = x.shape[-2], x.shape[-1]
    (top, bottom), (left, right) = (_ends(place, size) for place, size in ((rows, frame[0]), (columns, frame[1])))
    box = Box(top, left, bottom - top + 1, right - left + 1).grown(radius, frame)
    place = torch.from_numpy(rows - box.top).to(x.device), torch.from_numpy(columns - box.left).to(x.device)
    shape = (x.shape[0], x.shape[1], 1, mosaic.size)
    index = cells_of(shape, x.device)[..., torch.from_numpy(mosaic.numbers).to(x.device)]
    return Patch(box, None, place, index)


def _ends(place: Floats, size: int) -> tuple[int, int]:
    """First and last pixel of one dimension that positions lie at or between."""
    first, last = np.clip([np.floor(place.min()), np.ceil(place.max())], 0, size - 1)
    return int(first), int(last)


def array_that_counts(
    array: Any, frame: tuple[int, int], pixel: tuple[float, float], selection: Selection | None
) -> Any:
    """The array that samples a layer over a frame; None where a cell sits at every pixel.

    Single pixels that are asked for take the place of an array, and so does every pixel where an array of no size of
    its own is too sparse for the frame: such files leave it to others to place the cells.
    """
    if array is None or isinstance(selection, Pixels):
        return None
    if array.fits(frame, Quantity(np.array(pixel), "degree")):
        return array
    _LOG.info("%r has no two cells in a frame of %s pixels: every pixel is a cell", array, frame)
    return None


def _laid_out(array: Any, log_polar: Any, frame: tuple[int, int], pixel: tuple[float, float]) -> tuple[Floats, Floats]:
    """Rows and columns of all cells of an array."""
    try:
        return _laid_out_once(array, log_polar, frame, pixel)
    except TypeError:  # a quantity that is no key of a table
        return _laid_out_once.__wrapped__(array, log_polar, frame, pixel)


@lru_cache(maxsize=16)
def _laid_out_once(
    array: Any, log_polar: Any, frame: tuple[int, int], pixel: tuple[float, float]
) -> tuple[Floats, Floats]:
    table = array.positions(frame, Quantity(np.array(pixel), "degree"), log_polar)
    y, x = (np.asarray(table[name].values, np.float64) for name in dims.SPACE)
    return (frame[0] - 1) / 2 - y / pixel[0], (frame[1] - 1) / 2 + x / pixel[1]


def _chosen(rows: Floats, columns: Floats, selection: Selection | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    if selection is None:
        chosen = np.arange(len(rows))
    elif isinstance(selection, Box):
        top, left = selection.top - 0.5, selection.left - 0.5
        inside = (rows >= top) & (rows < top + selection.height) & (columns >= left)
        chosen = np.flatnonzero(inside & (columns < left + selection.width))
    else:
        assert isinstance(selection, Numbers)  # pixels take the place of the array
        chosen = np.array(selection.numbers)
        wrong = selection.of is not None and selection.of != len(rows)
        if wrong or chosen.max() >= len(rows):
            got = f"a mask of {selection.of}" if wrong else str(chosen.max())
            wanted = f"cells among the {len(rows)} of the array"
            raise ContractError(explain("cells", wanted=wanted, got=got, cure="numbers of its cells"))
    if not len(chosen):
        cure = "a larger region, or a denser array"
        raise ContractError(explain("region", wanted="a cell of the array at least", got="none", cure=cure))
    return chosen.astype(np.int64)


def _degrees(coordinate: xr.DataArray, place: Floats) -> xr.Variable:
    """Labels of places between pixels."""
    scale = factor(coordinate.attrs["units"], DIMENSIONS["angle"].unit, str(coordinate.name))
    values = np.asarray(coordinate.values, np.float64) * scale
    step = (
        (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else coordinate.attrs.get("step", 1.0) * scale
    )
    return xr.Variable(dims.CELL, values[0] + place * step, {**coordinate.attrs, "units": "degree"})
