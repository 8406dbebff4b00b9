"""`move`: what an eye sees of a film while its gaze moves."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus, valid_range
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.levels import floating, lazy_data
from convis_xr.stimuli.plane import choice
from convis_xr.stimuli.windows import places_of

KINDS = ("linear", "cubic")
#: letters for the axes of a film, and for those of a path
_AXES = dict(zip(dims.STIMULUS, "bctyx", strict=True))


def move(stimulus: xr.DataArray, path: xr.DataArray, *, interpolation: str = "linear") -> xr.DataArray:
    """What an eye sees of a film while its gaze follows a path: the film shifted, frame by frame, the other way.

    Pixel (y, x) at time t shows what the film has at (y + path_y(t), x + path_x(t)); beyond the film's edge its
    outermost pixels are repeated.

    Parameters
    ----------
    stimulus : DataArray (time, y, x; batch, channel) [units]
    path : DataArray (time, axis) [degree]
        With the film's own time steps; see `eye_movements`, `random_walk`, `straight_path`.
    interpolation : {"linear", "cubic"}
        Between pixels: linear never leaves the range of the film; cubic (Keys 1981, a = -1/2) blurs less, and is cut
        to the film's ``valid_range``. Shifts by whole pixels are exact in both.

    Returns
    -------
    DataArray (time, y, x; batch, channel) [units]
        Lazy, floating; labels are the film's.

    Raises
    ------
    ContractError
        A film without space, or a path of other time steps.

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.tile(np.arange(4.0), (3, 1, 1)), dt="1 ms", pixel_size="1 deg", units="1")
    >>> path = cx.stimuli.straight_path(3, speed="500 deg/s", dt="1 ms")
    >>> move(film, path)[:, 0].values.tolist()
    [[0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.0], [1.0, 2.0, 3.0, 3.0]]
    """
    film, sampling = check_stimulus(stimulus)
    if not set(dims.SPACE) <= set(film.dims):
        cure = "a film (time, y, x)"
        raise ContractError(explain("stimulus", wanted="y and x", got=str(film.dims), cure=cure))
    pitch = sampling.need_pixel("stimulus")
    places, own = places_of(path, pitch)
    _check_times(film, path, sampling, own)
    data = lazy_data(film)
    whole_frames = {axis: -1 for axis, dim in enumerate(film.dims) if dim in dims.SPACE}
    data = data.rechunk(whole_frames)
    # downward in rows, rightward in columns
    shifts = places / np.array(pitch) * np.array([-1.0, 1.0])
    steps = data.chunks[film.get_axis_num(dims.TIME)]
    names, kind = [_AXES[str(dim)] for dim in film.dims], choice(interpolation, KINDS, "interpolation")
    dtype = floating(film.dtype)
    limits = valid_range(film) if kind == "cubic" else None
    moved = da.blockwise(
        partial(_moved, kind=kind, axis=names.index("t"), dtype=dtype, limits=limits),
        "".join(names), data, "".join(names), da.from_array(shifts, (steps, 2)), "ta",
        concatenate=True, dtype=dtype, meta=np.empty((0,) * len(names), dtype),
    )  # fmt: skip
    return film.copy(data=moved)


def _check_times(film: xr.DataArray, path: xr.DataArray, sampling: Sampling, own: Sampling) -> None:
    """The path has a place for every frame."""
    steps, places = film.sizes[dims.TIME], path.sizes[dims.TIME]
    if steps != places or not own.agrees(sampling):
        wanted = f"{steps} time steps of {sampling.need_dt('stimulus') * 1e3:g} ms, those of the film"
        got = f"{places} of {own.need_dt('path') * 1e3:g} ms"
        cure = "a path made with the film's dt, cut by .isel(time=slice(...))"
        raise ContractError(explain("path", wanted=wanted, got=got, cure=cure))


def _moved(
    film: np.ndarray[Any, Any],
    shifts: np.ndarray[Any, Any],
    *,
    kind: str,
    axis: int,
    dtype: np.dtype[Any],
    limits: tuple[float, float] | None,
) -> np.ndarray[Any, Any]:
    """A block whose frames are shifted, each by its own row of ``shifts``."""
    frames = np.moveaxis(film, axis, 0)
    made = np.empty(frames.shape, dtype)
    for frame, target, (down, right) in zip(frames, made, shifts, strict=True):
        rows = _shifted(frame.astype(dtype, copy=False), down, -2, kind)
        target[...] = _shifted(rows, right, -1, kind)
    if limits is not None:
        np.clip(made, *limits, out=made)
    return np.moveaxis(made, 0, axis)


def _shifted(frame: np.ndarray[Any, Any], shift: float, axis: int, kind: str) -> np.ndarray[Any, Any]:
    """Sample ``i`` becomes what is at ``i + shift``; the ends are repeated."""
    shift = round(float(shift), 9)  # a whole pixel stays one
    first, size = int(np.floor(shift)), frame.shape[axis]
    shifted = np.zeros_like(frame)
    for tap, weight in _weights(shift - first, kind):
        if weight:
            index = np.clip(np.arange(size) + first + tap, 0, size - 1)
            shifted += frame.dtype.type(weight) * frame.take(index, axis)
    return shifted


def _weights(part: float, kind: str) -> list[tuple[int, float]]:
    """Taps, and their weights, for a place between tap 0 and tap 1; they sum to 1."""
    if kind == "linear":
        return [(0, 1 - part), (1, part)]
    square, cube = part**2, part**3
    return [
        (-1, -0.5 * part + square - 0.5 * cube),
        (0, 1 - 2.5 * square + 1.5 * cube),
        (1, 0.5 * part + 2 * square - 1.5 * cube),
        (2, -0.5 * square + 0.5 * cube),
    ]
