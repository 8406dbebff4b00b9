"""`bin_spikes`: how many spikes of each cell fell into each step of a grid."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.io.frames import picked
from convis_xr.recordings.forms import Spikes, cell_table, check_spikes, codes, columns_of
from convis_xr.recordings.observed import OBSERVED, Observed
from convis_xr.recordings.times import SLACK, Times, label_seconds
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import magnitude

#: bytes of a block of counts
BLOCK_BYTES = 2**22
#: the clock of a recording differs from that of the stimulus by at most this part
LARGEST_DRIFT = 0.01


def bin_spikes(
    spikes: Any,
    grid: xr.DataArray | xr.Dataset,
    *,
    cells: Any = None,
    offset: Any = "0 s",
    clock: Any = 1.0,
    outside: str = "raise",
) -> xr.DataArray:
    """Count spikes in the steps of a grid: a response that fits to a stimulus.

    Steps are half open, ``[start, start + dt)``; the last ends one step after its label. A spike that comes within
    rounding (1e-6 of a step) before the start of a step belongs to that step. Counted block by block when computed;
    the counts do not depend on how events or steps are cut into blocks.

    Parameters
    ----------
    spikes : Dataset (event)
        ``time`` [time] and the coordinate ``cell``; with a coordinate ``repeat`` each repeat is counted by itself.
    grid : DataArray or Dataset (time, ...)
        The stimulus: its time labels are the starts of the steps. Where these are dates, spikes count from the first.
    cells : sequence of labels, or Dataset (cell), optional
        Which cells, in this order. By default all that spike, sorted. A table (``recording["cells"]``) may hold silent
        ones, and what it knows of the cells comes along; where it has ``obs_intervals`` (cell, interval, bound) [time],
        steps that are not within an interval of their cell as a whole are NaN.
    offset : quantity
        Time of the stimulus [s] at the recording's 0.
    clock : float
        Steps of the stimulus' clock in one of the recording's: a spike at ``t`` is at ``clock * t + offset``.
    outside : {"raise", "count"}
        Whether spikes before or after the grid raise; else they are counted in the coordinate ``outside``.

    Returns
    -------
    DataArray ([repeat,] time, cell) [count], int32 (float32 where cells have ``obs_intervals``), dask
        With ``outside`` ([repeat,] cell) [count] and the columns of ``cells`` as coordinates.

    Raises
    ------
    ContractError
        Not a table of spikes, no uniform grid, spikes outside, or a clock more than 1 % off.
    UnitError

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.zeros(3), dt="10 ms", units="1")
    >>> spikes = cx.recordings.spike_table({"a": [0.0, 0.012, 0.019], "b": [0.02]})
    >>> bin_spikes(spikes, film).values.T
    array([[1, 2, 0],
           [0, 0, 1]], dtype=int32)
    """
    if outside not in ("raise", "count"):
        wanted = '"raise" or "count"'
        raise ContractError(explain("outside", wanted=wanted, got=repr(outside), cure='outside="count"'))
    checked = check_spikes(spikes)
    table = cell_table(cells, checked)
    counter = Counter(checked, table, scale=clock_scale(clock), offset=magnitude(offset, "time", "offset"))
    steps = Steps(grid)
    beyond = counter.outside(steps)
    if outside == "raise" and beyond.any():
        _raise_outside(counter, steps, int(beyond.sum()))
    return _labelled(Binned(counter, steps), counter, dequantified(grid)[dims.TIME], beyond)


def clock_scale(clock: Any) -> float:
    """The factor from a recording's clock to the stimulus', which is near 1."""
    scale = magnitude(clock, "dimensionless", "clock")
    if not abs(scale - 1) <= LARGEST_DRIFT:
        cure = "the times in their true unit (a factor of 1000 is ms read as s), and clock= for what is left"
        raise ContractError(explain("clock", wanted="a factor within 1 ± 0.01", got=f"{scale:g}", cure=cure))
    return scale


class Steps:
    """The steps of a uniform grid: where each begins, s.

    Parameters
    ----------
    grid : DataArray or Dataset with a coordinate ``time``
    """

    def __init__(self, grid: Any) -> None:
        if not isinstance(grid, xr.DataArray | xr.Dataset) or dims.TIME not in grid.coords:
            got = type(grid).__name__ if not hasattr(grid, "coords") else f"coordinates {list(grid.coords)}"
            raise ContractError(explain("grid", wanted="a stimulus with time labels", got=got, cure="the stimulus"))
        time = dequantified(grid).coords[dims.TIME]
        step = Sampling.of(time).need_dt("grid")
        self.count, labels = time.size, time
        if isinstance(time.to_dataset(name="_").xindexes.get(dims.TIME), RangeIndex):
            labels = time[[0, -1]]
        values = label_seconds(labels)
        #: by the ends, since `Sampling` rounds
        self.dt = float(values[-1] - values[0]) / (self.count - 1) if self.count > 1 else step
        self._labels = values if len(values) == self.count else None
        self.start = float(values[0])
        self.stop = float(values[-1]) + self.dt

    def edges(self, first: int, last: int) -> Times:
        """Starts of the steps ``first`` to ``last``, and the end of that last one."""
        if self._labels is None:
            return self.start + self.dt * np.arange(first, last + 1)
        return np.append(self._labels[first:last], self._labels[last] if last < self.count else self.stop)

    def __dask_tokenize__(self) -> Any:
        return self.start, self.dt, self.count, self._labels


class Counter:
    """Spikes of the cells of a table, on the stimulus' clock."""

    def __init__(self, spikes: Spikes, table: xr.Dataset, *, scale: float = 1.0, offset: float = 0.0) -> None:
        cell = codes(spikes.cell, table)
        self.table, self.repeats = table, None
        width = self.width = table.sizes[dims.CELL]
        if spikes.repeat is not None:
            self.repeats, repeat = np.unique(spikes.repeat, return_inverse=True)
            self.width = width * len(self.repeats)
            cell = np.where(cell < 0, cell, cell + repeat.astype(np.int32) * np.int32(width))
        here = cell >= 0
        times = spikes.times if here.all() else spikes.times[here]
        self.code = cell if here.all() else cell[here]
        self.times = times if (scale, offset) == (1.0, 0.0) else times * scale + offset
        self.observed = Observed(table[OBSERVED], scale, offset) if OBSERVED in table.variables else None
        #: of counts: NaN is a float
        self.dtype = np.dtype(np.int32 if self.observed is None else np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the counts of one step: ([repeat,] cell)."""
        cells = self.table.sizes[dims.CELL]
        return (cells,) if self.repeats is None else (len(self.repeats), cells)

    def within(self, edges: Times, dt: float) -> np.ndarray[Any, Any]:
        """Counts (step, [repeat,] cell) between edges that ascend, NaN where a cell was not observed."""
        early = edges - SLACK * dt
        first, last = np.searchsorted(self.times, early[[0, -1]])
        step = np.searchsorted(early, self.times[first:last], side="right") - 1
        flat = np.bincount(step * self.width + self.code[first:last], minlength=(len(edges) - 1) * self.width)
        counts = flat.astype(self.dtype).reshape(-1, *self.shape)
        if self.observed is not None:
            seen = self.observed.mask(edges, dt)
            counts[~np.broadcast_to(seen if self.repeats is None else seen[:, None], counts.shape)] = np.nan
        return counts

    def outside(self, steps: Steps) -> np.ndarray[Any, Any]:
        """How many spikes ([repeat,] cell) lie before or after the grid."""
        first, last = np.searchsorted(self.times, np.array([steps.start, steps.stop]) - SLACK * steps.dt)
        beyond = np.concatenate([self.code[:first], self.code[last:]])
        return np.bincount(beyond, minlength=self.width).reshape(self.shape)

    def __dask_tokenize__(self) -> Any:
        return tokenize(self.times, self.code, self.shape, self.observed)


class Binned:
    """What dask reads blocks of: counts (time, [repeat,] cell)."""

    def __init__(self, counter: Counter, steps: Steps) -> None:
        self._counter, self._steps = counter, steps
        self.shape = (steps.count, *counter.shape)
        self.ndim, self.dtype = len(self.shape), counter.dtype

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """A part of the counts."""
        wanted = np.arange(self.shape[0])[key[0]]
        along = np.atleast_1d(wanted)
        if not len(along):
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *key[1:])]
        first = int(along.min())
        block = self._counter.within(self._steps.edges(first, int(along.max()) + 1), self._steps.dt)
        return picked(block, (wanted - first if wanted.ndim else int(wanted) - first, *key[1:]))


def _labelled(binned: Binned, counter: Counter, time: xr.DataArray, beyond: np.ndarray[Any, Any]) -> xr.DataArray:
    length = max(1, BLOCK_BYTES // (4 * counter.width))
    name = f"spikes-{tokenize(counter, binned._steps)}"
    data = da.from_array(
        binned, chunks=(length, *counter.shape), name=name, meta=np.empty((0,) * binned.ndim, binned.dtype)
    )
    names = (dims.CELL,) if counter.repeats is None else (dims.REPEAT, dims.CELL)
    made = xr.DataArray(data, dims=(dims.TIME, *names), name="response", attrs={"units": "count"})
    made = made.assign_coords(time.coords.to_dataset()[[dims.TIME]].coords).assign_coords(columns_of(counter.table))
    if counter.repeats is not None:
        made = made.assign_coords({dims.REPEAT: counter.repeats}).transpose(dims.REPEAT, dims.TIME, dims.CELL)
    attrs = {"units": "count", "long_name": "spikes before or after the grid"}
    return made.assign_coords(outside=(names, beyond, attrs))


def _raise_outside(counter: Counter, steps: Steps, number: int) -> None:
    wanted = f"spikes within the grid, {steps.start:.6g} to {steps.stop:.6g} s"
    ends = f"{counter.times[0]:.6g} to {counter.times[-1]:.6g} s"
    got = f"spikes from {ends}, {number} of {len(counter.times)} outside"
    cure = 'offset= and clock= that put them there, or outside="count"'
    raise ContractError(explain("spikes", wanted=wanted, got=got, cure=cure))
