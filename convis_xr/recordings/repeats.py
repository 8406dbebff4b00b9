"""`cut`: stretches of a recording, one for each trial, as repeats."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.io.frames import picked
from convis_xr.pairing import SLACK, check_response
from convis_xr.recordings.binning import BLOCK_BYTES, Counter, Steps
from convis_xr.recordings.forms import cell_table, check_spikes, columns_of
from convis_xr.recordings.times import Times, seconds
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import step_seconds
from convis_xr.units import Quantity

#: what a table of trials says of when they were
ENDS = ("start", "stop")
_EMPTY = np.empty((0, 0, 0), np.float32)


def cut(recorded: Any, trials: Any, dt: Any = None, *, cells: Any = None) -> xr.DataArray:
    """Cut a recording into the repeats of its trials, lazily.

    Of spikes each trial is counted on a grid of its own, which begins exactly when the trial does. A response is cut
    at its steps: a trial has those that begin in it, so that its first one may begin up to a step late.

    Parameters
    ----------
    recorded : Dataset (event), or DataArray (time[, cell])
        A table of spikes, or a response.
    trials : Dataset (trial)
        ``start`` and ``stop`` [time] on the recording's clock; other columns are conditions.
    dt : quantity
        Time step, for spikes; a response has its own.
    cells : sequence of labels, or Dataset (cell), optional
        Of spikes, as in `bin_spikes`.

    Returns
    -------
    DataArray (repeat, time[, cell]), float
        As long as the longest trial; ``time`` counts from the trial's start. NaN from a shorter trial's end on (steps
        that are not whole are left out), and where a response does not reach. ``start``, ``stop`` and the conditions
        lie along ``repeat``.

    Raises
    ------
    ContractError
        No such table, trials that end before they start, without a whole step, or beside the response.
    UnitError

    Examples
    --------
    >>> import convis_xr as cx
    >>> spikes = cx.recordings.spike_table({"a": [0.1, 0.2, 1.11, 2.05]})
    >>> unit = {"units": "s"}
    >>> trials = xr.Dataset({"start": ("trial", [0.0, 1.0], unit), "stop": ("trial", [0.3, 1.2], unit)})
    >>> cut(spikes, trials, dt="100 ms").squeeze("cell").values
    array([[ 0.,  1.,  1.],
           [ 0.,  1., nan]], dtype=float32)
    """
    table, start, stop = _trials(trials)
    if isinstance(recorded, xr.DataArray):
        _unwanted(dt=dt, cells=cells)
        made, step = _of_response(recorded, start, stop)
    else:
        made, step = _of_spikes(recorded, start, stop, dt, cells)
    time = grid({dims.TIME: made.sizes[dims.TIME]}, Sampling(Quantity(step, "s")))
    return made.assign_coords(time).assign_coords(table.coords)


def _trials(trials: Any) -> tuple[xr.Dataset, Times, Times]:
    """The columns of the trials along ``repeat``, and their ends, s."""
    if isinstance(trials, xr.DataTree):
        trials = trials.to_dataset()
    if not isinstance(trials, xr.Dataset) or not set(ENDS) <= set(trials.variables):
        got = type(trials).__name__ if not isinstance(trials, xr.Dataset) else ", ".join(map(str, trials.variables))
        cure = 'recording["trials"], or xr.Dataset({"start": ("trial", ...), "stop": ("trial", ...)})'
        raise ContractError(explain("trials", wanted="a table with start and stop [s]", got=got, cure=cure))
    plain = dequantified(trials)
    if plain["start"].ndim != 1 or plain["start"].dims != plain["stop"].dims or not plain["start"].size:
        got = f"start over {dict(plain['start'].sizes)}, stop over {dict(plain['stop'].sizes)}"
        raise ContractError(explain("trials", wanted="one row for each trial", got=got, cure="start, stop over trial"))
    dim = plain["start"].dims[0]
    start, stop = (seconds(plain[name], f"trials[{name!r}]") for name in ENDS)
    wrong = np.flatnonzero(stop <= start)
    if len(wrong):
        got = f"trial {wrong[0]} from {start[wrong[0]]:.6g} to {stop[wrong[0]]:.6g} s"
        raise ContractError(explain("trials", wanted="trials that end after they start", got=got, cure="drop it"))
    # where trials have labels, these become those of the repeats
    plain = plain.rename({dim: dims.REPEAT}) if dim in plain.coords else plain.rename_dims({dim: dims.REPEAT})
    beside = [name for name, value in plain.variables.items() if value.dims != (dims.REPEAT,)]
    columns = plain.drop_vars(beside)
    return columns.set_coords(list(columns.data_vars)), start, stop


def _unwanted(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            cure = f"drop {name}, or cut the spikes"
            raise ContractError(explain(name, wanted="nothing: a response has its own", got=str(value), cure=cure))


def _of_response(response: xr.DataArray, start: Times, stop: Times) -> tuple[xr.DataArray, float]:
    """The stretches of all trials (repeat, time, ...), and the step."""
    response = check_response(response, missing=True).transpose(dims.TIME, ...)
    if dims.REPEAT in response.dims:
        cure = "response.isel(repeat=0), or the spikes"
        raise ContractError(explain("recorded", wanted="one recording", got="repeats already", cure=cure))
    steps = Steps(response)
    first, last = (np.ceil((ends - steps.start) / steps.dt - SLACK).astype(np.int64) for ends in (start, stop))
    last = np.minimum(last, first + _whole_steps(start, stop, steps.dt))
    beside = np.flatnonzero((last <= 0) | (first >= steps.count))
    if len(beside):
        at = int(beside[0])
        wanted = f"trials within the response, {steps.start:.6g} to {steps.stop:.6g} s"
        got = f"trial {at} from {start[at]:.6g} to {stop[at]:.6g} s ({len(beside)} such trials)"
        raise ContractError(explain("trials", wanted=wanted, got=got, cure="the same clock and unit for both"))
    longest = int((last - first).max())
    values = response.chunk().data if response.chunks is None else response.data
    stretches = [_stretch(values, *ends, longest) for ends in zip(first.tolist(), last.tolist(), strict=True)]
    along = [name for name, value in response.coords.items() if dims.TIME in value.dims]
    coords = response.drop_vars(along).coords
    made = xr.DataArray(da.stack(stretches), coords, (dims.REPEAT, *response.dims), response.name, response.attrs)
    return made, steps.dt


def _stretch(values: Any, first: int, last: int, longest: int) -> Any:
    """The steps from ``first`` to ``last``, as one block (longest, ...) with NaN where there are none."""
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
    piece = values[max(first, 0) : min(last, len(values))].rechunk({0: -1})
    chunks = ((longest,), *piece.chunks[1:])
    return piece.map_blocks(_padded, max(-first, 0), longest, dtype, dtype=dtype, chunks=chunks)


def _padded(block: np.ndarray[Any, Any], before: int, length: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    made = np.full((length, *block.shape[1:]), np.nan, dtype)
    made[before : before + len(block)] = block
    return made


def _of_spikes(spikes: Any, start: Times, stop: Times, dt: Any, cells: Any) -> tuple[xr.DataArray, float]:
    """The counts of all trials (repeat, time, cell), and the step."""
    checked = check_spikes(spikes)
    if checked.repeat is not None:
        cure = "bin_spikes(spikes, grid): they are in repeats already"
        raise ContractError(explain("recorded", wanted="spikes of one recording", got="repeats", cure=cure))
    if dt is None:
        raise ContractError(explain("dt", wanted="a time step", got="none", cure='cut(spikes, trials, dt="10 ms")'))
    step, table = step_seconds(dt), cell_table(cells, checked)
    counts = TrialCounts(Counter(checked, table), start, _whole_steps(start, stop, step), step)
    length = max(1, BLOCK_BYTES // (counts.dtype.itemsize * int(np.prod(counts.shape[1:]))))
    data = da.from_array(counts, chunks=(length, *counts.shape[1:]), name=f"trials-{tokenize(counts)}", meta=_EMPTY)
    names = (dims.REPEAT, dims.TIME, dims.CELL)
    return xr.DataArray(data, columns_of(table), names, "response", {"units": "count"}), step


class TrialCounts:
    """What dask reads blocks of: counts (repeat, time, cell), NaN behind the last whole step of a trial."""

    dtype, ndim = np.dtype(np.float32), 3

    def __init__(self, counter: Counter, start: Times, number: np.ndarray[Any, Any], step: float) -> None:
        self._of = counter, start, number, step
        self.shape = (len(start), int(number.max()), counter.width)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """A part of the counts."""
        wanted = np.arange(self.shape[0])[key[0]]
        block = np.full((wanted.size, *self.shape[1:]), np.nan, self.dtype)
        counter, start, number, step = self._of
        for row, at in zip(block, np.atleast_1d(wanted), strict=True):
            row[: number[at]] = counter.within(start[at] + step * np.arange(number[at] + 1), step)
        return picked(block, (slice(None) if wanted.ndim else 0, *key[1:]))

    def __dask_tokenize__(self) -> Any:
        return self._of


def _whole_steps(start: Times, stop: Times, step: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many whole steps fit into each trial."""
    number = np.floor((stop - start) / step + SLACK).astype(np.int64)
    short = np.flatnonzero(number < 1)
    if len(short):
        got = f"trial {short[0]} of {stop[short[0]] - start[short[0]]:.6g} s ({len(short)} such trials)"
        cure = "a shorter dt, or drop these trials"
        raise ContractError(explain("trials", wanted=f"at least one step of {step:.6g} s", got=got, cure=cure))
    return number
