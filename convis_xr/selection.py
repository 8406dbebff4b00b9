"""What is wanted of a frame: a box of pixels, single pixels, or the cells of a sampled layer by their numbers.

All count pixels of the frame that they are held against, row 0 on top.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import torch
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.tensors import Labels, cell_labels, output_labels


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels.

    Examples
    --------
    >>> Box(top=1, left=2, height=1, width=2).take(torch.arange(12).reshape(3, 4)).tolist()
    [[6, 7]]
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def hull(self) -> Box:
        """The smallest box that holds it: itself."""
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is taken."""
        return self.height, self.width

    def take(self, x: torch.Tensor) -> torch.Tensor:
        """Take this part of frames (..., y, x): a view."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def moved(self, rows: int, columns: int) -> Box:
        """The same pixels, counted in a frame that begins so many rows and columns earlier."""
        return Box(self.top + rows, self.left + columns, self.height, self.width)

    def grown(self, radius: float, frame: tuple[int, int]) -> Box:
        """With ``radius`` pixels more on each side, as far as the frame goes."""
        more = max(frame) if math.isinf(radius) else math.ceil(radius)
        top, left = max(0, self.top - more), max(0, self.left - more)
        bottom, right = min(frame[0], self.top + self.height + more), min(frame[1], self.left + self.width + more)
        return Box(top, left, bottom - top, right - left)

    def indexers(self, names: object) -> dict[Hashable, slice]:
        """The index by the dimensions y and x, as far as they are among ``names``."""
        both = {dims.Y: slice(self.top, self.top + self.height), dims.X: slice(self.left, self.left + self.width)}
        return {name: part for name, part in both.items() if name in names}  # type: ignore[operator]

    def places(self, cells: torch.Tensor, frame: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of ``cells`` (flat index in a frame) are taken, and what their flat index is in what is taken."""
        row, column = cells // frame[1] - self.top, cells % frame[1] - self.left
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        taken = inside.nonzero().squeeze(1)
        return taken, (row * self.width + column)[taken]

    def labels(self, like: xr.DataArray, shape: tuple[int, ...]) -> Labels:
        """The labels of an output of tensor shape ``shape`` that was taken from one of the frame of ``like``."""
        return output_labels(like.isel(self.indexers(like.dims)), shape)


@dataclass(frozen=True)
class Pixels:
    """Single pixels, in any order.

    Examples
    --------
    >>> Pixels(rows=(0, 2), columns=(3, 0)).take(torch.arange(12).reshape(3, 4)).tolist()
    [[3, 8]]
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def hull(self) -> Box:
        """The smallest box that holds them."""
        top, left = min(self.rows), min(self.columns)
        return Box(top, left, max(self.rows) + 1 - top, max(self.columns) + 1 - left)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is taken."""
        return 1, len(self.rows)

    def take(self, x: torch.Tensor) -> torch.Tensor:
        """Take these pixels of frames (..., y, x), side by side in one row."""
        rows, columns = (torch.tensor(index, device=x.device) for index in (self.rows, self.columns))
        return x[..., rows, columns].unsqueeze(-2)

    def moved(self, rows: int, columns: int) -> Pixels:
        """The same pixels, counted in a frame that begins so many rows and columns earlier."""
        return Pixels(tuple(row + rows for row in self.rows), tuple(column + columns for column in self.columns))

    def places(self, cells: torch.Tensor, frame: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of ``cells`` (flat index in a frame) are taken, and what their index is in what is taken.

        A pixel that is asked for twice is taken twice.
        """
        rows, columns = (torch.tensor(index, device=cells.device) for index in (self.rows, self.columns))
        wanted, order = (rows * frame[1] + columns).sort(stable=True)
        first, last = torch.searchsorted(wanted, cells), torch.searchsorted(wanted, cells, right=True)
        times = last - first
        taken = torch.arange(len(cells), device=cells.device).repeat_interleave(times)
        before = (times.cumsum(0) - times)[taken]
        return taken, order[first[taken] + torch.arange(len(taken), device=cells.device) - before]

    def labels(self, like: xr.DataArray, shape: tuple[int, ...]) -> Labels:
        """The labels of an output of tensor shape ``shape`` that was taken from one of the frame of ``like``."""
        index = {dims.Y: xr.Variable(dims.CELL, list(self.rows)), dims.X: xr.Variable(dims.CELL, list(self.columns))}
        known = like.coords.to_dataset()
        found = known.isel({name: where for name, where in index.items() if name in known.dims})
        return cell_labels(like, shape, {name: found[name].variable for name in dims.SPACE if name in found})


@dataclass(frozen=True)
class Numbers:
    """Cells of a sampled layer, by their numbers in its array."""

    numbers: tuple[int, ...]
    #: length of the mask that they come from, which must be that of the array
    of: int | None = None

    @property
    def hull(self) -> None:
        """Where they are only the layer knows."""
        return None

    def moved(self, rows: int, columns: int) -> Numbers:
        """The same cells, whatever the frame."""
        return self

    def take(self, x: torch.Tensor) -> torch.Tensor:
        """Frames have no cells with numbers: raises a ContractError."""
        raise _not_sampled()

    def places(self, cells: torch.Tensor, frame: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames have no cells with numbers: raises a ContractError."""
        raise _not_sampled()

    def labels(self, like: xr.DataArray, shape: tuple[int, ...]) -> Labels:
        """Frames have no cells with numbers: raises a ContractError."""
        raise _not_sampled()


Selection = Box | Pixels | Numbers


def _not_sampled() -> ContractError:
    cure = "cells=[(row, column), ...], or positions in degrees"
    wanted = "pixels, for an output that is a frame and not an array of cells"
    return ContractError(explain("cells", wanted=wanted, got="numbers of cells", cure=cure))
