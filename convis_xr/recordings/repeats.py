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
from convis_xr.pairing import SLACK, check_response
from convis_xr.recordings.binning import Counter, Steps
from convis_xr.recordings.forms import cell_table, check_spikes, columns_of
from convis_xr.recordings.times import Times, seconds
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import step_seconds
from convis_xr.units import Quantity

#: what a table of trials says of when they were
ENDS = ("start", "stop")


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
        pieces, step, labels = _of_response(recorded, start, stop)
    else:
        pieces, step, labels = _of_spikes(recorded, start, stop, dt, cells)
    longest = max(piece.shape[0] for piece in pieces)
    padded = [_padded(piece, longest) for piece in pieces]
    names = (dims.REPEAT, dims.TIME, *labels.dims[1:])
    made = xr.DataArray(da.stack(padded), dims=names, name=labels.name or "response", attrs=labels.attrs)
    made = made.assign_coords(labels.coords).assign_coords(grid({dims.TIME: longest}, Sampling(Quantity(step, "s"))))
    return made.assign_coords(table.coords)


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


def _of_response(response: xr.DataArray, start: Times, stop: Times) -> tuple[list[Any], float, xr.DataArray]:
    """The stretch (time, ...) of each trial, the step, and an empty response that has the labels."""
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
    dtype = response.dtype if response.dtype.kind == "f" else np.float32
    values = response.chunk().data.astype(dtype) if response.chunks is None else response.data.astype(dtype)
    pieces = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        piece = values[max(begin, 0) : min(end, steps.count)]
        before, after = max(-begin, 0), max(end - steps.count, 0)
        pieces.append(_padded(piece, len(piece) + after, before))
    return pieces, steps.dt, response.isel({dims.TIME: slice(0)}).drop_vars(_along(response))


def _of_spikes(spikes: Any, start: Times, stop: Times, dt: Any, cells: Any) -> tuple[list[Any], float, xr.DataArray]:
    """The counts (time, cell) of each trial, the step, and an empty response that has the labels."""
    checked = check_spikes(spikes)
    if checked.repeat is not None:
        cure = "bin_spikes(spikes, grid): they are in repeats already"
        raise ContractError(explain("recorded", wanted="spikes of one recording", got="repeats", cure=cure))
    if dt is None:
        raise ContractError(explain("dt", wanted="a time step", got="none", cure='cut(spikes, trials, dt="10 ms")'))
    step, table = step_seconds(dt), cell_table(cells, checked)
    counter = Counter(checked, table)
    pieces = [
        da.from_delayed(_count(counter, begin, step, number), (number, counter.width), np.float32)
        for begin, number in zip(start.tolist(), _whole_steps(start, stop, step).tolist(), strict=True)
    ]
    empty = xr.DataArray(np.empty((0, counter.width), np.float32), columns_of(table), (dims.TIME, dims.CELL))
    return pieces, step, empty.assign_attrs(units="count")


def _count(counter: Counter, begin: float, step: float, number: int) -> Any:
    from dask.delayed import delayed

    return delayed(_counts, name="trial-" + tokenize(counter, begin, step, number))(counter, begin, step, number)


def _counts(counter: Counter, begin: float, step: float, number: int) -> np.ndarray[Any, Any]:
    return counter.within(begin + step * np.arange(number + 1), step).astype(np.float32)


def _whole_steps(start: Times, stop: Times, step: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many whole steps fit into each trial."""
    number = np.floor((stop - start) / step + SLACK).astype(np.int64)
    short = np.flatnonzero(number < 1)
    if len(short):
        got = f"trial {short[0]} of {stop[short[0]] - start[short[0]]:.6g} s ({len(short)} such trials)"
        cure = "a shorter dt, or drop these trials"
        raise ContractError(explain("trials", wanted=f"at least one step of {step:.6g} s", got=got, cure=cure))
    return number


def _padded(piece: Any, length: int, before: int = 0) -> Any:
    """A stretch with NaN before and behind, up to a length (that before not counted)."""
    width = [(before, length - piece.shape[0]), *[(0, 0)] * (piece.ndim - 1)]
    return piece if not any(width[0]) else da.pad(piece, width, constant_values=np.nan)


def _along(response: xr.DataArray) -> list[Any]:
    return [name for name, value in response.coords.items() if dims.TIME in value.dims]
