"""The design matrix of a generalized linear model, a block of time at a time: stimulus windows and filtered counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.context import InputInfo
from convis_xr.contract import check_stimulus
from convis_xr.engine.source import read_blocks
from convis_xr.errors import ContractError, explain
from convis_xr.filters.geometry import check_step
from convis_xr.kernels.glm import filtered_counts
from convis_xr.models import GLM
from convis_xr.pairing import check_response, stretch
from convis_xr.units import parse_unit

#: bytes of a block of the design
BLOCK_BYTES = 2**25

Floats = npt.NDArray[np.float64]


class Design:
    """Rows are steps (of each repeat), columns a constant, the stimulus by lag and pixel, counts through each basis.

    Steps whose windows begin before the stimulus, or before the first recorded step, are left out.

    Parameters
    ----------
    model : GLM
    stimulus : DataArray (channel, time, y, x)
    counts : DataArray ([repeat,] time[, cell])
    """

    def __init__(self, model: GLM, stimulus: xr.DataArray, counts: xr.DataArray) -> None:
        self._shown, sampling = check_stimulus(stimulus)
        self.dt = sampling.need_dt("stimulus")
        for step in model.basis_steps:
            check_step(step, sampling, "basis")
        self._counts = _in_order(counts, model.stimulus.weight.shape[0])
        self._start = stretch(self._shown, self._counts, sampling).start
        self._crop = self._place(model, InputInfo(sampling, self._shown.attrs["units"]))
        self.shape = tuple(model.stimulus.weight.shape[1:])
        self._bases = {
            name: basis.detach().cpu().numpy()
            for name in ("history", "coupling")
            if (basis := getattr(model, f"{name}_basis")) is not None
        }
        self._lags = model.lags
        self.cells, self.repeats = self._counts.sizes[dims.CELL], self._counts.sizes[dims.REPEAT]
        self.left_out = max(self._lags, self.shape[1] - 1 - self._start)
        self.rows = (self._counts.sizes[dims.TIME] - self.left_out) * self.repeats
        if self.rows < 1:
            wanted = f"more than {self.left_out} steps, which the windows need before the first"
            got, cure = f"{self._counts.sizes[dims.TIME]}", "a longer recording, or shorter filters"
            raise ContractError(explain("counts", wanted=wanted, got=got, cure=cure))

    @property
    def stimulus_columns(self) -> slice:
        """Those of the stimulus, in the order of ``weight[cell]``."""
        return slice(1, 1 + int(np.prod(self.shape)))

    @property
    def weight_units(self) -> str:
        """Unit of what weighs the stimulus."""
        return parse_unit(f"1/({self._shown.attrs['units']})", "stimulus")

    @property
    def labels(self) -> dict[str, xr.DataArray]:
        """Coordinates of the cells, and of the part of the frame that they see."""
        seen = self._shown.isel(
            {dim: part for dim, part in zip(dims.SPACE, self._crop, strict=True) if dim in self._shown.dims}
        )
        of_cells = {str(name): one for name, one in self._counts.coords.items() if one.dims == (dims.CELL,)}
        return of_cells | {dim: seen[dim] for dim in dims.SPACE if dim in seen.coords and dim not in of_cells}

    def columns(self, cell: int) -> dict[str, npt.NDArray[np.int64]]:
        """The columns that a cell's rate depends on, by the parameter that weighs them."""
        at = self.stimulus_columns
        made = {"stimulus.bias": np.array([0]), "stimulus.weight": np.arange(at.start, at.stop)}
        first = at.stop
        for name, basis in self._bases.items():
            numbers = first + np.arange(self.cells * len(basis)).reshape(self.cells, len(basis))
            made[name] = numbers[cell] if name == "history" else np.delete(numbers, cell, 0).ravel()
            first = int(numbers.max()) + 1
        return {name: numbers for name, numbers in made.items() if numbers.size}

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.stimulus_columns.stop + self.cells * sum(len(basis) for basis in self._bases.values())

    def counts(self) -> Iterator[Floats]:
        """Counts (row, cell) of all rows, without a look at the stimulus."""
        for recorded in read_blocks(self._counts, self._chunk, nan="raise"):
            if (recorded.values < 0).any():
                raise ContractError(explain("counts", wanted="0 or more", got="negative ones", cure="spikes per step"))
            skip = max(0, self.left_out - recorded.first)
            yield recorded.values[:, skip:].reshape(-1, self.cells)

    @property
    def _chunk(self) -> int:
        """Steps in a block."""
        return max(32, BLOCK_BYTES // (8 * self.width * self.repeats))

    def blocks(self) -> Iterator[tuple[Floats, Floats]]:
        """Design (row, column) and counts (row, cell), in one pass over the data."""
        before = self.shape[1] - 1
        lead = self._shown.isel({dims.TIME: slice(max(0, self._start - before), self._start)})
        frames = self._frames(lead.values)
        frames = np.concatenate([np.zeros((before - len(frames), *frames.shape[1:])), frames])
        past = np.zeros((self.repeats, self._lags, self.cells))
        stop = self._start + self._counts.sizes[dims.TIME]
        shown = read_blocks(self._shown.isel({dims.TIME: slice(0, stop)}), self._chunk, first=self._start, nan="raise")
        for block, recorded in zip(shown, read_blocks(self._counts, self._chunk, nan="raise"), strict=True):
            frames = np.concatenate([frames, self._frames(block.values)])
            known = np.concatenate([past, recorded.values], 1)
            skip = max(0, self.left_out - recorded.first)
            if skip < recorded.values.shape[1]:
                yield self._rows(frames[skip:], known[:, skip:]), recorded.values[:, skip:].reshape(-1, self.cells)
            frames, past = frames[len(frames) - before :], known[:, known.shape[1] - self._lags :]

    def _rows(self, frames: Floats, known: Floats) -> Floats:
        windows = np.lib.stride_tricks.sliding_window_view(frames, self.shape[1], 0)[..., ::-1]
        shown = windows.transpose(0, 1, 4, 2, 3).reshape(len(windows), -1)
        parts = [np.ones((self.repeats, len(shown), 1)), np.broadcast_to(shown, (self.repeats, *shown.shape))]
        for basis in self._bases.values():
            before, counts = known[:, self._lags - basis.shape[1] : self._lags], known[:, self._lags :]
            filtered = filtered_counts(*map(torch.from_numpy, (counts, before, basis)))
            parts.append(filtered.flatten(2).numpy())
        return np.concatenate(parts, 2).reshape(-1, self.width)

    def _frames(self, block: Any) -> Floats:
        """(time, channel, y, x) of the part that the field sees."""
        names = [str(dim) for dim in self._shown.dims]
        index = tuple(slice(None) if dim in names else None for dim in dims.STIMULUS[1:])
        full = np.asarray(block, np.float64)[index]
        return full.transpose(1, 0, 2, 3)[..., self._crop[0], self._crop[1]]

    def _place(self, model: GLM, info: InputInfo) -> tuple[slice, slice]:
        if dims.BATCH in self._shown.dims:
            cure = ".isel(batch=0), or time after time by xr.concat"
            raise ContractError(explain("stimulus", wanted="one film", got="a dimension batch", cure=cure))
        sizes = [self._shown.sizes.get(dim, 1) for dim in dims.SPACE]
        channels = self._shown.sizes.get(dims.CHANNEL, 1)
        frame = torch.empty(1, channels, 1, *sizes)
        with model.new_context(info).active():
            model.stimulus.check_input(frame)
            top, left = model.stimulus.origin(frame)
        height, width = model.stimulus.weight.shape[3:]
        return slice(top, top + height), slice(left, left + width)


def _in_order(counts: xr.DataArray, cells: int) -> xr.DataArray:
    """Counts (repeat, time, cell), checked."""
    counts = check_response(counts)
    units = counts.attrs.get("units")
    if units not in ("count", "1"):
        got, cure = f"unit {units!r}", 'spikes per step with .attrs["units"] = "count"'
        raise ContractError(explain("counts", wanted="spikes per step", got=got, cure=cure))
    extra = [str(dim) for dim in counts.dims if dim not in (dims.REPEAT, dims.TIME, dims.CELL)]
    if extra or counts.sizes.get(dims.CELL, 1) != cells:
        wanted, got = f"([repeat,] time, cell: {cells})", str(dict(counts.sizes))
        cure = f"cells={counts.sizes.get(dims.CELL, 1)} of the model, or .isel(cell=...)"
        raise ContractError(explain("counts", wanted=wanted, got=got, cure=cure))
    missing = [dim for dim in (dims.REPEAT, dims.CELL) if dim not in counts.dims]
    return counts.expand_dims(missing).transpose(dims.REPEAT, dims.TIME, dims.CELL)
