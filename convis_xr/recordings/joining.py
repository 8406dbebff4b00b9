"""`join`: a stimulus and the spikes it called forth, on one clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.recordings.binning import Counter, Steps, bin_spikes, clock_scale
from convis_xr.recordings.forms import Spikes, cell_table, check_spikes
from convis_xr.recordings.frame_clock import on_clock
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import step_seconds
from convis_xr.units import magnitude

#: silence at the end is taken for a wrong span where chance leaves it with a probability below exp(-10)
LEAST_CHANCE = -10.0
#: what a ratio of spans looks like
_UNITS = {
    1e3: "ms read as s",
    1e6: "us read as s",
    1e-3: "s read as ms",
    1e-6: "s read as us",
} | {rate: f"samples of {rate:g} Hz read as s" for rate in (1e4, 1.25e4, 2e4, 2.5e4, 3e4, 4e4, 5e4)}


def join(
    stimulus: xr.DataArray,
    spikes: Any,
    *,
    frame_times: Any = None,
    offset: Any = "0 s",
    clock: Any = 1.0,
    dt: Any = None,
    cells: Any = None,
    tolerance: float = 0.01,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Put a stimulus and spikes on one grid, and refuse what does not look like one recording.

    Parameters
    ----------
    stimulus : DataArray (time, ...)
    spikes : Dataset (event)
        ``time`` [time] and the coordinate ``cell``.
    frame_times : DataArray [time], optional
        When each frame came on, on the stimulus' clock: see `on_clock`, which is also used where the labels of the
        stimulus are not even.
    offset, clock
        A spike at ``t`` is at ``clock * t + offset`` of the stimulus: see `bin_spikes`.
    dt : quantity, optional
        Time step of both [s]; by default that of the stimulus, or the median interval of frames. An even stimulus of
        another step raises.
    cells : sequence of labels, or Dataset (cell), optional
        As in `bin_spikes`.
    tolerance : float
        By which part of the stimulus' duration the spikes may lie beyond its ends, or end early although they are so
        many that chance cannot be it (probability below exp(-10) if they came at independent times). What is tolerated
        beyond the ends is counted in the coordinate ``outside``.

    Returns
    -------
    stimulus : DataArray (time, ...)
    response : DataArray ([repeat,] time, cell) [count], dask

    Raises
    ------
    ContractError
        Spans that differ; the message says what it looks like: a unit, a clock, an offset.
    UnitError

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.zeros(100), dt="10 ms", units="1")
    >>> spikes = cx.recordings.spike_table({"a": np.arange(0, 1, 0.05), "b": [0.5]})
    >>> shown, response = join(film, spikes)
    >>> response.sum("time").values
    array([20,  1])
    """
    grid = _grid(stimulus, frame_times, dt)
    checked = check_spikes(spikes)
    counter = Counter(checked, cell_table(cells, checked), scale=clock_scale(clock), offset=_seconds(offset))
    _check_span(counter, checked, Steps(grid), tolerance)
    return grid, bin_spikes(spikes, grid, cells=cells, offset=offset, clock=clock, outside="count")


def _seconds(offset: Any) -> float:
    return magnitude(offset, "time", "offset")


def _grid(stimulus: Any, frame_times: Any, dt: Any) -> xr.DataArray:
    """The stimulus on an even grid."""
    if not isinstance(stimulus, xr.DataArray) or dims.TIME not in stimulus.dims:
        got = f"{stimulus.dims}" if isinstance(stimulus, xr.DataArray) else type(stimulus).__name__
        cure = "cx.recordings.stimulus_of(recording)"
        raise ContractError(explain("stimulus", wanted="a DataArray over time", got=got, cure=cure))
    stimulus = dequantified(stimulus)
    if frame_times is not None or not _even(stimulus):
        return on_clock(stimulus, frame_times, dt)
    own = Sampling.of(stimulus[dims.TIME]).need_dt("stimulus")
    if dt is not None and abs(step_seconds(dt) / own - 1) > 1e-6:
        cure = f'dt="{own * 1e3:.6g} ms", or cx.io.resample(stimulus, dt=...) first'
        raise ContractError(explain("dt", wanted=f"{own:.6g} s, the stimulus' own", got=str(dt), cure=cure))
    return stimulus


def _even(stimulus: xr.DataArray) -> bool:
    """Whether time is even; labels that are none at all are for others to complain of."""
    labels = stimulus.coords.get(dims.TIME)
    if labels is None or labels.dtype.kind not in "iufmM" or stimulus.sizes[dims.TIME] < 2:
        return True
    try:
        Sampling.of(labels)
    except ContractError:
        return "units" not in labels.attrs and labels.dtype.kind not in "mM"
    return True


def _check_span(counter: Counter, spikes: Spikes, steps: Steps, tolerance: float) -> None:
    """Raise where the spikes do not span what the stimulus does."""
    times, duration = counter.times, steps.stop - steps.start
    if not len(times):
        return
    first, last = float(times[0]), float(times[-1])
    slack = tolerance * duration
    inside = int(np.diff(np.searchsorted(times, [steps.start, steps.stop]))[0])
    silent = max(0.0, steps.stop - last)
    # of spikes at independent times none falls into the end with this probability
    ends_early = silent > slack and len(times) * np.log1p(-min(silent / duration, 1 - 1e-9)) < LEAST_CHANCE
    if inside and first >= steps.start - slack and last <= steps.stop + slack and not ends_early:
        return
    wanted = f"spikes of the stimulus' span, {steps.start:.6g} to {steps.stop:.6g} s"
    got = f"{len(times)} spikes from {first:.6g} to {last:.6g} s, {inside} of them within"
    cure = f"{_looks_like(first, last, steps)}; tolerance= (now {tolerance:g} of the duration) where it is meant"
    raise ContractError(explain("spikes", wanted=wanted, got=got, cure=cure))


def _looks_like(first: float, last: float, steps: Steps) -> str:
    """What a mismatch of spans hints at."""
    duration = steps.stop - steps.start
    ratio = (last - first) / duration
    for factor, meaning in _UNITS.items():
        if abs(ratio / factor - 1) < 0.1:
            return f"this looks like {meaning} (spans differ by a factor of {ratio:.4g}): give times their true unit"
    if abs(ratio - 1) < 0.01 and abs(first - steps.start) > 0.01 * duration:
        return f'this looks like a shift: offset="{steps.start - first:.6g} s"'
    if last > steps.stop and first >= steps.start and ratio < 1.1:
        return f"this looks like a clock that runs fast: clock={duration / (last - steps.start):.6g}"
    if last < steps.stop and first >= steps.start and ratio > 0.9:
        return f"this looks like a clock that runs slow, or a recording that ends early: clock={duration / last:.6g}"
    return "an offset=, a selection of the spikes, or another stimulus"
