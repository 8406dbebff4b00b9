"""`on_clock`: frames shown at measured times, on a uniform grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.io.clock import TOLERANCE
from convis_xr.io.resampling import resample
from convis_xr.recordings.times import Times, seconds
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import step_seconds
from convis_xr.units import Quantity


def on_clock(
    frames: xr.DataArray, frame_times: Any = None, dt: Any = None, *, at: str = "middle", tolerance: float = 0.01
) -> xr.DataArray:
    """Put frames that were shown at measured times on a uniform grid, lazily.

    A frame is on until the next one comes, the last one for one interval: what the display missed is bridged by the
    frame before. Each step shows one frame, unchanged. The interval is the time from first to last frame over the
    number of refreshes in it, as counted by the median time between two frames.

    Parameters
    ----------
    frames : DataArray ([batch, channel,] time, y, x)
        One frame for each time.
    frame_times : DataArray (time) [time] or quantity, optional
        When each frame came on, in any unit of time, ascending. By default the labels of ``frames``.
    dt : quantity, optional
        Time step of the result [s]. By default the interval.
    at : {"middle", "start"}
        Each step shows the frame that was on in its middle: with jitter of less than half a step every frame keeps its
        place, and labels are off by at most half a step. Or the one that was on when it began: none is shown before it
        was on, but one that came a microsecond late is shown a step late.
    tolerance : float
        ``dt`` may differ from the interval by this part, or be at most half of it (finer steps). A step in
        between would drop or double frames all the time.

    Returns
    -------
    DataArray ([batch, channel,] time, y, x), dask
        Starts with the first frame. Its attributes say ``frames_dropped``, the number of frames that no step shows, and
        ``largest_gap`` [s], the longest time between two frames.

    Raises
    ------
    ContractError
        Times that do not ascend, another number of them than of frames, or ``dt`` that does not fit to them.
    UnitError

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.arange(4.0), dt="10 ms", units="1")
    >>> times = xr.DataArray([0.0, 10.1, 30.0, 39.9], dims="time", attrs={"units": "ms"})  # one refresh was missed
    >>> even = on_clock(film, times, dt="10 ms")
    >>> even.values, even.attrs["frames_dropped"], round(even.attrs["largest_gap"], 4)
    (array([0., 1., 1., 2., 3.]), 0, 0.0199)
    """
    if not isinstance(frames, xr.DataArray) or dims.TIME not in frames.dims:
        got = f"{frames.dims}" if isinstance(frames, xr.DataArray) else type(frames).__name__
        raise ContractError(explain("frames", wanted="a DataArray over time", got=got, cure="as_stimulus(...)"))
    times = _times(frames, frame_times)
    interval = _interval(times)
    step = interval if dt is None else step_seconds(dt)
    _check_step(step, interval, tolerance)
    if at not in ("middle", "start"):
        raise ContractError(explain("at", wanted='"middle" or "start"', got=repr(at), cure='at="middle"'))
    first = _first_steps(np.append(times, times[-1] + interval) - times[0], step, at == "middle")
    even = _held(dequantified(frames), times, step, interval, at == "middle", int(first[-1]))
    report = {"frames_dropped": int((np.diff(first) == 0).sum()), "largest_gap": float(np.diff(times).max())}
    return even.assign_attrs(report)


def _held(frames: xr.DataArray, times: Times, step: float, last: float, middle: bool, number: int) -> xr.DataArray:
    """Frames held until the next one, and the last one for ``last``; at the middle or the start of ``number`` steps.

    For the middle all frames come half a step earlier, and the first a whole one, which makes a step to be left out:
    so the first frame is before the second even where it was on for less than half a step.
    """
    stamps = times - step / 2 if middle else times.copy()
    if middle:
        stamps[0] = times[0] - step
    attrs = {"units": "s", "long_name": "time, start of the frame", "axis": "T", "step": last}
    film = frames.drop_vars(dims.TIME, errors="ignore")
    film = film.assign_coords({dims.TIME: xr.Variable(dims.TIME, stamps, attrs)})
    even = resample(film, dt=f"{step!r} s").isel({dims.TIME: slice(int(middle), number + int(middle))})
    labels = grid({dims.TIME: number}, Sampling(Quantity(step, "s")), start=float(times[0]))
    return even.drop_vars(dims.TIME).assign_coords(labels)


def _times(frames: xr.DataArray, frame_times: Any) -> Times:
    """When each frame came on, s."""
    if frame_times is None:
        if dims.TIME not in frames.coords:
            cure = "on_clock(frames, frame_times)"
            raise ContractError(explain("frame_times", wanted="times of frames", got="none", cure=cure))
        frame_times = frames[dims.TIME]
    times, count = seconds(frame_times, "frame_times"), frames.sizes[dims.TIME]
    if len(times) != count:
        got = f"{len(times)} for {count} frames"
        cure = "frames.isel(time=indices of those that were shown), or the times of all: a trigger may have been missed"
        raise ContractError(explain("frame_times", wanted="one time for each frame", got=got, cure=cure))
    if count < 2:
        cure = "as_stimulus(..., dt=) for a single frame"
        raise ContractError(explain("frame_times", wanted="at least two frames", got=str(count), cure=cure))
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        at = int(back[0])
        got = f"{times[at]:.6g} s, then {times[at + 1]:.6g} s, at index {at + 1} ({len(back)} such places)"
        cure = "sort times and frames together, and drop triggers that count twice"
        raise ContractError(explain("frame_times", wanted="ascending times", got=got, cure=cure))
    return times


def _interval(times: Times) -> float:
    """Time between two refreshes, s: jitter averages out, and what was missed counts as often as it was."""
    gaps = np.diff(times)
    refreshes = np.rint(gaps / np.median(gaps)).sum()
    return float(f"{(times[-1] - times[0]) / refreshes:.9g}")  # as `Sampling` rounds


def _check_step(step: float, interval: float, tolerance: float) -> None:
    if abs(step / interval - 1) <= tolerance or step <= interval / 2:
        return
    wanted = f"a step within {tolerance:.3g} of the interval between frames, {interval:.6g} s, or at most half of it"
    cure = f'dt="{interval * 1e3:.6g} ms", or a look at the unit of frame_times'
    raise ContractError(explain("dt", wanted=wanted, got=f"{step:.6g} s", cure=cure))


def _first_steps(stamps: Times, step: float, middle: bool) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The first step that shows each frame, as `convis_xr.io.clock` rounds."""
    found = np.ceil(stamps / step - (0.5 if middle else 0.0) - TOLERANCE)
    return np.maximum(found, 0).astype(np.int64)
