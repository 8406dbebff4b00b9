"""A stimulus and a response on one grid of time, read once, block by block, and what is computed of them labelled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.engine.memory import shown_bytes
from convis_xr.engine.source import read_blocks
from convis_xr.engine.stream import ahead
from convis_xr.errors import ContractError, explain
from convis_xr.options import get_option
from convis_xr.pairing import check_response, stretch
from convis_xr.units import byte_count, parse_unit

#: bytes of a stimulus, or of what is made of it, that are read or computed at once
BLOCK_BYTES = 2**25
#: steps in one product
PRODUCT_STEPS = 4096

#: what makes sums over windows smaller
SMALLER = "a region of the frame, coarser pixels (.coarsen), fewer lags"
#: and where each cell has sums of its own
FEWER = f"{SMALLER}, fewer cells at a time"
#: dimensions of a window: lag, y, x; others of the stimulus would be other stimuli
WINDOW = (dims.TIME, *dims.SPACE)

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Piece:
    """Consecutive frames, and how much each of the windows weighs that they belong to.

    Attributes
    ----------
    shown : ndarray (steps, pixel)
        Minus the origin.
    weights : ndarray (column, steps + lags - 1)
        Frame ``i`` is what was shown ``lag`` steps before the end of window ``i + lag``; so the windows that end in
        the frames are the first ``steps`` of them.
    """

    shown: Array
    weights: Floats


class Pairs:
    """A stimulus beside a response.

    Parameters
    ----------
    stimulus : DataArray (time, y, x)
    response : DataArray (time, ...)
    window : int or quantity
        Lags of a window.
    pooled : bool
        Sum over the response's repeats, of which any may be missing (NaN) at any step. Otherwise repeats are further
        cells, and none may be missing.

    Attributes
    ----------
    lags, pixels, cells : int
        Sizes of a window and of the response.
    steps : int
        Steps of the response whose window lies within the stimulus.
    rest : DataArray
        One step of the response, for its labels.
    early : DataArray
        The steps of the response whose window begins before the stimulus.
    used : DataArray
        The others, still lazy.
    origin : float
        What is taken off the stimulus, known once a block was read: near its mean, so that what differs is not
        swallowed by squares and by single precision; a whole number for whole numbers, which stay exact by it.
    """

    def __init__(self, stimulus: xr.DataArray, response: xr.DataArray, window: Any, *, pooled: bool = False) -> None:
        shown, self.sampling = check_stimulus(stimulus)
        extra = [str(dim) for dim in shown.dims if dim not in WINDOW]
        if extra:
            cure = f".isel({extra[0]}=0), or .mean({extra[0]!r})"
            raise ContractError(explain("stimulus", wanted="one film (time, y, x)", got=f"{extra[0]} too", cure=cure))
        self.lags = self.sampling.steps(window, "window")
        if not 1 <= self.lags <= shown.sizes[dims.TIME]:
            wanted = f"a window of 1 to {shown.sizes[dims.TIME]} steps"
            raise ContractError(explain("window", wanted=wanted, got=f"{self.lags} steps", cure='window="0.3 s"'))
        response = check_response(response, missing=pooled)
        leading = (dims.REPEAT,) if pooled and dims.REPEAT in response.dims else ()
        response = response.transpose(*leading, dims.TIME, ...)
        start = stretch(shown, response, self.sampling).start
        early = min(max(0, self.lags - 1 - start), response.sizes[dims.TIME])
        self.early, self.used = (response.isel({dims.TIME: part}) for part in (slice(0, early), slice(early, None)))
        self.steps = self.used.sizes[dims.TIME]
        _check_names(response, [str(dim) for dim in shown.dims])
        self.rest = response.isel(dict.fromkeys((*leading, dims.TIME), 0), drop=True)
        self.cells = self.rest.size
        self.pixels = int(np.prod([shown.sizes[dim] for dim in shown.dims if dim != dims.TIME]))
        self._shown, self._first = shown, start + early - self.lags + 1
        self.origin = 0.0

    @property
    def units(self) -> tuple[str, str]:
        """Units of the stimulus and of the response, 1 where it has none."""
        return str(self._shown.attrs["units"]), parse_unit(self.rest.attrs.get("units", "1"), "units of the response")

    @property
    def precise(self) -> type[np.floating[Any]]:
        """What products are computed in: single precision where the stimulus has no more."""
        dtype = self._shown.dtype
        single = dtype.itemsize <= 2 or dtype == np.float32
        return np.float32 if single else np.float64

    def block_steps(self, columns: int) -> int:
        """Steps that are read at once, beside so many columns of weights."""
        shown = self.pixels * self._shown.dtype.itemsize
        seen = self.used.nbytes // max(1, self.steps)
        return max(1, BLOCK_BYTES // max(1, shown, seen, 8 * columns))

    def responses(self, columns: int) -> Iterator[Array]:
        """The response as it is read (repeat, time, cell), or (time, cell), in blocks of `block_steps`."""
        for block in read_blocks(self.used, self.block_steps(columns), nan="propagate"):
            leading = block.values.ndim - self.rest.ndim
            yield block.values.reshape(*block.values.shape[:leading], self.cells)

    def counts(self) -> Iterator[Floats]:
        """The response (cell, time), in blocks."""
        return (block.T.astype(np.float64) for block in self.responses(self.cells))

    def pieces(self, weights: Iterator[Floats], columns: int, dtype: Any = None) -> Iterator[Piece]:
        """Pass once over all frames that a window has, a thread reading ahead.

        Parameters
        ----------
        weights : iterator of ndarrays (column, steps)
            Of consecutive windows, in blocks of `block_steps`.
        columns : int
        dtype : dtype, optional
            Of the frames; by default `precise`.
        """
        dtype = self.precise if dtype is None else dtype
        if not self.steps:
            return
        part = self._shown.isel({dims.TIME: slice(self._first, self._first + self.steps + self.lags - 1)})
        blocks = read_blocks(part, self.block_steps(columns), offset=self._first, nan="raise")
        before = np.zeros((columns, self.lags - 1))
        length = max(1, min(PRODUCT_STEPS, BLOCK_BYTES // max(1, np.dtype(dtype).itemsize * self.pixels)))
        first = True
        with closing(ahead(zip_longest(blocks, weights))) as coming:
            for block, heavy in coming:
                shown = block.values.reshape(len(block.values), -1)
                if first:
                    self.origin, first = _origin(shown), False
                held = _behind(before, heavy, len(shown))
                for low in range(0, len(shown), length):
                    frames = shown[low : low + length]
                    centred = np.subtract(frames, self.origin, dtype=dtype)
                    yield Piece(centred, held[:, low : low + len(frames) + self.lags - 1])
                before = held[:, len(shown) :]
                del block, shown, frames  # or they would be held while the next one is waited for

    def labelled(
        self, values: Array, name: str, units: str, long_name: str, *, of_cells: bool = True, windows: int = 1
    ) -> xr.DataArray:
        """Values (cell, lag * pixel, ...) with labels: of cells or not, over 0, 1 or 2 windows."""
        parts = [self._cells()] if of_cells else []
        window = self._window()
        other = window.rename({dim: f"{dim}_" for dim in window.dims})
        parts += [window, other][:windows]
        shape = [size for part in parts for size in part.shape]
        named = [dim for part in parts for dim in part.dims]
        coords = {key: value for part in parts for key, value in part.coords.items()}
        attrs = {"units": units, "long_name": long_name}
        return xr.DataArray(values.reshape(shape), coords, named, name, attrs)

    def _window(self) -> xr.DataArray:
        """One window, its time being the lag."""
        frames = self._shown.isel({dims.TIME: slice(0, self.lags)})
        step = self.sampling.need_dt("window")
        attrs = {"units": "s", "long_name": "lag before the end of the window", "step": step}
        lag = xr.Variable(dims.TIME, np.arange(self.lags) * step, attrs)
        bare = xr.DataArray(np.empty(frames.shape, np.uint8), dims=frames.dims)
        kept = {name: value for name, value in frames.coords.items() if dims.TIME not in value.dims}
        return bare.assign_coords({**kept, dims.TIME: lag})

    def _cells(self) -> xr.DataArray:
        kept = {name: value for name, value in self.rest.coords.items() if value.dims}
        bare = xr.DataArray(np.empty(self.rest.shape, np.uint8), dims=self.rest.dims)
        return bare.assign_coords(kept)


def check_fits(size: int, what: str, cure: str) -> None:
    """Refuse sums that do not fit the memory that the options allow.

    Parameters
    ----------
    size : int
        Bytes of them.
    what : str
        What they are, for the message.
    cure : str
        What would make them smaller; beside more memory.
    """
    allowed = byte_count(get_option("memory"), "memory")
    if size > allowed:
        wanted = f"{what} within the option memory, {shown_bytes(allowed)}"
        cure = f'{cure}, or cx.set_options(memory="{shown_bytes(1.1 * size)}")'
        raise ContractError(explain("window", wanted=wanted, got=shown_bytes(size), cure=cure))


def square_of(units: str) -> str:
    """The unit of a product of two values.

    Examples
    --------
    >>> square_of("cd/m^2"), square_of("1")
    ('(cd/m^2)^2', '1')
    """
    return units if units == "1" else f"({units})^2"


def product_of(first: str, second: str) -> str:
    """The unit of a product.

    Examples
    --------
    >>> product_of("count", "cd/m^2"), product_of("count", "1")
    ('count*(cd/m^2)', 'count')
    """
    if "1" in (first, second):
        return second if first == "1" else first
    return f"{first}*({second})"


def _check_names(response: xr.DataArray, window: list[str]) -> None:
    """Refuse dimensions that results have of their own."""
    taken = {*(f"{dim}_" for dim in window), "axis", "surrogate"}
    clash = [str(dim) for dim in response.dims if dim in taken]
    if clash:
        cure = f'response.rename({{"{clash[0]}": "cell"}})'
        got = f"dimension {clash[0]!r}, which results have"
        raise ContractError(explain("response", wanted="cells along a dimension of theirs", got=got, cure=cure))


def _origin(shown: Array) -> float:
    mean = float(shown.mean(dtype=np.float64))
    return float(round(mean)) if shown.dtype.kind in "biu" else float(np.float32(mean))


def _behind(before: Floats, weights: Floats | None, steps: int) -> Floats:
    """Weights after those of the block before; 0 where the response has ended already."""
    held = np.zeros((len(before), before.shape[1] + steps))
    held[:, : before.shape[1]] = before
    if weights is not None:
        held[:, before.shape[1] : before.shape[1] + weights.shape[1]] = weights
    return held
