"""`resample`: a film on the time step and the pixel pitch of a model, lazily."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.io.clock import Clock
from convis_xr.io.frames import picked
from convis_xr.io.regrid import Axis, nearest, target_axis, weights
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import pixel_degrees, step_seconds
from convis_xr.units import Quantity

#: bytes of a block of the result
BLOCK_BYTES = 2**22
MOST_BLOCKS = 2**16


def resample(
    stimulus: Any,
    dt: Any = None,
    pixel_size: Any = None,
    size: tuple[int, int] | None = None,
    *,
    space: str = "area",
    time: str = "hold",
) -> xr.DataArray:
    """Bring a film to another time step and pixel pitch, lazily.

    A part of the result reads only the frames that it needs.

    Parameters
    ----------
    stimulus : DataArray ([batch, channel,] time, y, x)
        Its time stamps may be uneven (variable frame rate, dropped frames). The last frame is shown as long as the
        attribute ``step`` of its time says, else as long as the one before.
    dt : quantity, optional
        New time step [s]. Sample k belongs to the time ``k * dt`` after the first frame; the result has as many
        samples as begin while the film is shown: 115 frames of 1/24 s give 4792 steps of 1 ms. By default the time
        stamps stay.
    pixel_size : quantity or pair (y, x), optional
        New pixel pitch [degree]; as many whole pixels as fit into the picture, in its middle. By default given by
        ``size``, else it stays.
    size : (int, int), optional
        New number of pixels (y, x); over the whole picture, unless ``pixel_size`` is given too.
    space : {"area", "linear", "nearest"}
        Mean over the area of the new pixel (exact); or the picture at its centre.
    time : {"hold", "linear"}
        Each frame is shown until the next one; or fades into it (the last one is held). Nothing is averaged where
        steps become longer.

    Returns
    -------
    DataArray
        Type as before where frames are only held and pixels only chosen (``nearest``), else float32 (float64 for
        float64).

    Raises
    ------
    ContractError
        No stimulus, time stamps that do not ascend, unknown methods, or a grid larger than the picture.
    UnitError

    Examples
    --------
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> fast = resample(film, dt="1 ms")
    >>> fast.sizes["time"], fast.dtype
    (80, dtype('uint8'))
    >>> resample(film, size=(1, 1)).values.ravel()
    array([1.5, 5.5], dtype=float32)
    """
    _known("space", space, ("area", "linear", "nearest"))
    _known("time", time, ("hold", "linear"))
    film, clock = _film(stimulus)
    film = film if film.chunks is not None else film.chunk()
    step = None if dt is None else step_seconds(dt)
    regrid, pixel = _regrid(film, pixel_size, size, space)
    resampled = Resampled(film.variable, clock, step, regrid, step is not None and time == "linear")
    data = da.from_array(
        resampled,
        chunks=_chunks(resampled, film.get_axis_num(dims.TIME)),
        name=f"resample-{tokenize(film.variable, clock, step, regrid, time)}",
        meta=np.empty((0,) * film.ndim, resampled.dtype),
        inline_array=True,
    )
    made = xr.DataArray(data, _coordinates(film, resampled.shape, clock, step, pixel), film.dims, attrs=film.attrs)
    return made.rename(film.name)


@dataclass(frozen=True)
class Regrid:
    """New pixels out of old: chosen rows and columns, or a matrix per axis; neither where they stay."""

    shape: tuple[int, int]
    rows: Any = None
    columns: Any = None
    chosen: bool = False

    def dtype(self, source: np.dtype[Any]) -> np.dtype[Any]:
        """Type of the new picture."""
        return source if self.rows is None or self.chosen else _mixed(source)

    def __call__(self, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """One picture (y, x); picture by picture, so that the result does not depend on how many are read at once."""
        if self.rows is None:
            return picture
        if self.chosen:
            return picture[self.rows][:, self.columns]
        dtype = _mixed(picture.dtype)
        narrow = self.rows.astype(dtype) @ picture.astype(dtype)
        made: np.ndarray[Any, Any] = (self.columns.astype(dtype) @ np.ascontiguousarray(narrow.T)).T
        return made


class Resampled:
    """What dask reads blocks of: any slice of the result, from just the frames that it needs.

    No task graph links it to the film: a film of hours held at 1 ms would have millions of tasks, and a frame at the
    border of two blocks would be decoded with each. A slice of the film is computed within the task instead, in that
    task's own thread.
    """

    def __init__(self, film: xr.Variable, clock: Clock, step: float | None, regrid: Regrid, fade: bool) -> None:
        self._film, self._clock, self._step, self._regrid, self._fade = film, clock, step, regrid, fade
        sizes = dict(film.sizes)
        sizes[dims.TIME] = clock.count if step is None else clock.samples(step)
        if regrid.rows is not None:
            sizes[dims.Y], sizes[dims.X] = regrid.shape
        self.shape = tuple(sizes[name] for name in film.dims)
        self.dtype = _mixed(regrid.dtype(film.dtype)) if fade else regrid.dtype(film.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """A part of the result; dask hands over what is asked of it, slices and ints."""
        axis = self._film.dims.index(dims.TIME)
        wanted = (
            np.arange(*part.indices(self.shape[axis])) if isinstance(part := key[axis], slice) else np.array([part])
        )
        time = slice(None) if isinstance(part, slice) else 0
        if not len(wanted):
            return np.empty([0 if place == axis else size for place, size in enumerate(self.shape)], self.dtype)[key]
        return picked(self._at(wanted, axis), (*key[:axis], time, *key[axis + 1 :]))

    def _at(self, wanted: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
        """Whole pictures at these samples, one after the other."""
        frames, part = wanted, np.zeros(len(wanted))
        if self._step is not None:
            frames, part = self._clock.position(wanted * self._step, self._step)
        if not self._fade:
            needed, back = np.unique(frames, return_inverse=True)
            return self._pictures(needed).take(back, axis=axis)
        after = np.minimum(frames + 1, self._clock.count - 1)
        needed, back = np.unique(np.concatenate([frames, after]), return_inverse=True)
        pictures = self._pictures(needed).astype(self.dtype, copy=False)
        first, second = (pictures.take(places, axis=axis) for places in np.split(back, 2))
        weight = part.astype(self.dtype).reshape([-1 if place == axis else 1 for place in range(self.ndim)])
        return first + (second - first) * weight

    def _pictures(self, needed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """These frames of the film on the new grid of pixels, read in one stretch where they lie together."""
        together = needed[-1] - needed[0] < 2 * len(needed)
        axis = self._film.dims.index(dims.TIME)
        frames = self._read(int(needed[0]), int(needed[-1]) + 1, axis) if together else self._computed(needed)
        if together and len(needed) < frames.shape[axis]:
            frames = frames.take(needed - needed[0], axis=axis)
        if self._regrid.rows is None:
            return frames
        flat = frames.reshape(-1, *frames.shape[-2:])
        made = np.empty((len(flat), *self._regrid.shape), self._regrid.dtype(frames.dtype))
        for place, picture in enumerate(flat):
            made[place] = self._regrid(picture)
        return made.reshape(*frames.shape[:-2], *self._regrid.shape)

    def _read(self, first: int, last: int, axis: int) -> np.ndarray[Any, Any]:
        """Frames in a row, block after block: dask takes blocks in any order, and a decoder would go back and forth."""
        borders = np.cumsum((0, *self._film.chunksizes[dims.TIME]))
        inside = borders[np.searchsorted(borders, first, side="right") : np.searchsorted(borders, last)]
        parts = [self._computed(slice(*ends)) for ends in pairwise([first, *inside.tolist(), last])]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)

    def _computed(self, picked: Any) -> np.ndarray[Any, Any]:
        frames: np.ndarray[Any, Any] = self._film.isel({dims.TIME: picked}).data.compute(scheduler="synchronous")
        return frames


def _film(stimulus: Any) -> tuple[xr.DataArray, Clock]:
    """The film in canonical order, and its clock; all but even time stamps is checked."""
    film = dequantified(stimulus) if isinstance(stimulus, xr.DataArray) else stimulus
    if isinstance(film, xr.DataArray) and film.sizes.get(dims.TIME, 0) > 1 and dims.TIME in film.coords:
        clock = Clock(film)
        first = film.isel({dims.TIME: slice(0, 1)})
        order = check_stimulus(first)[0]
        film = film.transpose(*order.dims)
        if dims.Y in film.dims and film.sizes[dims.Y] > 1 and film[dims.Y][0] < film[dims.Y][-1]:
            film = film.isel({dims.Y: slice(None, None, -1)})
        film.attrs["units"] = order.attrs["units"]
        return film, clock
    film, _ = check_stimulus(film)
    return film, Clock(film)


def _regrid(film: xr.DataArray, pixel_size: Any, size: Any, space: str) -> tuple[Regrid, tuple[float, float] | None]:
    """How pictures change, and the new pitch; (none, None) where they do not."""
    if pixel_size is None and size is None:
        return Regrid((0, 0)), None
    if not set(dims.SPACE) <= set(film.dims):
        got = f"a stimulus with {', '.join(map(str, film.dims))}"
        raise ContractError(explain("pixel_size, size", wanted="none without y and x", got=got, cure="only dt"))
    if size is not None and (len(size) != 2 or any(int(number) != number or number < 1 for number in size)):
        raise ContractError(explain("size", wanted="whole pixels (y, x)", got=repr(size), cure="size=(90, 160)"))
    pitch = Sampling.of(film[dims.Y]).need_pixel("resample")[0], Sampling.of(film[dims.X]).need_pixel("resample")[1]
    new = (None, None) if pixel_size is None else pixel_degrees(pixel_size)
    count = (None, None) if size is None else (int(size[0]), int(size[1]))
    source = [Axis(film.sizes[name], pitch[place]) for place, name in enumerate(dims.SPACE)]
    target = [target_axis(source[place], new[place], count[place], name) for place, name in enumerate(dims.SPACE)]
    shape = target[0].size, target[1].size
    make = nearest if space == "nearest" else partial(weights, method=space)
    rows, columns = make(source[0], target[0]), make(source[1], target[1])
    return Regrid(shape, rows, columns, space == "nearest"), (target[0].pitch, target[1].pitch)


def _coordinates(
    film: xr.DataArray, shape: tuple[int, ...], clock: Clock, step: float | None, pixel: tuple[float, float] | None
) -> xr.Coordinates:
    """Those of the film, but for the axes that changed."""
    sizes = dict(zip(film.dims, shape, strict=True))
    changed: set[Any] = ({dims.TIME} if step is not None else set()) | (set(dims.SPACE) if pixel is not None else set())
    sampling = Sampling(
        None if step is None else Quantity(step, "s"), None if pixel is None else Quantity(np.array(pixel), "degree")
    )
    kept = film.coords.to_dataset().drop_dims(changed).coords
    made = grid({str(name): sizes[name] for name in changed}, sampling, start=clock.start)
    if pixel is not None:
        for name in dims.SPACE:  # the new grid has the middle of the old one
            middle = float(film[name].values[[0, -1]].mean())
            made[name] = made[name].copy(data=made[name].values + middle)
    return kept.merge(made).coords


def _chunks(resampled: Resampled, axis: int) -> tuple[int, ...]:
    """Whole pictures, and as many as fit into a block; longer blocks where they would be too many to list."""
    steps = resampled.shape[axis]
    frame = resampled.dtype.itemsize * int(np.prod(resampled.shape)) // steps
    length = min(steps, max(1, BLOCK_BYTES // max(frame, 1), steps // MOST_BLOCKS))
    return tuple(length if place == axis else size for place, size in enumerate(resampled.shape))


def _mixed(source: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if source == np.float64 else np.float32)


def _known(name: str, given: Any, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ContractError(
            explain(name, wanted=f"one of {', '.join(known)}", got=repr(given), cure=f'{name}="{known[0]}"')
        )
