"""Natural motion: a window that moves over a picture, and paths for it.

A film is not needed for this: what of a film is wanted is cut out of it by its coordinates, ``film.sel(x=slice(-2,
2))``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import map_coordinates
from scipy.special import ndtri

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling, dequantified
from convis_xr.stimuli.frames import lazy
from convis_xr.stimuli.levels import floating
from convis_xr.stimuli.plane import at_least, pixel_counts, point, seed_number, step_count, text
from convis_xr.units import factor, has_dimension, magnitude

AXIS = "axis"


def straight_path(
    duration: Any, *, speed: Any, direction: Any = "0 deg", start: Any = ("0 deg", "0 deg"), dt: Any = None
) -> xr.DataArray:
    """A path at constant speed.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    speed : quantity [deg/s]
        From 0.
    direction : quantity [deg]
        Counter-clockwise from rightward.
    start : pair (y, x) of quantities [deg]
        Where it begins.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (time, axis) [degree]
        ``axis`` is y, x.

    Examples
    --------
    >>> straight_path("3 s", speed="2 deg/s", direction="90 deg", dt="1 s").sel(axis="y").values.tolist()
    [0.0, 2.0, 4.0]
    """
    sampling, first = Sampling(dt), point(start, "start")
    steps = step_count(duration, sampling, "duration", least=1)
    per_step = at_least(speed, "speed", "speed") * sampling.need_dt("dt")
    turned = np.deg2rad(magnitude(direction, "angle", "direction"))
    heading = np.array([np.sin(turned), np.cos(turned)])
    return path_of(np.array(first) + np.arange(steps)[:, None] * per_step * heading, sampling, "straight path")


def random_walk(
    duration: Any, *, spread: Any, start: Any = ("0 deg", "0 deg"), seed: int = 0, dt: Any = None
) -> xr.DataArray:
    """A path of independent normal steps, such as the drift of the eye in fixation.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    spread : quantity [deg]
        Standard deviation, along each axis, after one second; it grows with the root of time, whatever ``dt``.
    start : pair (y, x) of quantities [deg]
        Where it begins.
    seed : int
        The same seed gives the same path.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (time, axis) [degree]
        ``axis`` is y, x.

    Examples
    --------
    >>> random_walk("1 s", spread="0.5 deg", dt="10 ms").sizes["time"]
    100
    """
    sampling, first = Sampling(dt), point(start, "start")
    steps = step_count(duration, sampling, "duration", least=1)
    after_a_second = at_least(spread, "angle", "spread")
    width = after_a_second * np.sqrt(sampling.need_dt("dt"))
    bits = np.random.Philox(seed_number(seed)).random_raw(2 * (steps - 1))
    moves = width * ndtri(((bits >> np.uint64(12)) + 0.5) * 2.0**-52).reshape(-1, 2)
    places = np.array(first) + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    return path_of(places, sampling, "random walk").assign_attrs(spread=text(after_a_second, "angle"), seed=str(seed))


def moving_window(picture: xr.DataArray, size: Any, *, path: xr.DataArray, chunk: Any = None) -> xr.DataArray:
    """What a window sees that moves over a picture, by bilinear interpolation.

    Parameters
    ----------
    picture : DataArray (y, x) [units]
        With coordinates; one frame of a film is ``film.isel(time=0, drop=True)``.
    size : quantity, int or pair (y, x)
        Of the window; bare ints are pixels (of the picture's pitch), quantities are visual angles.
    path : DataArray (time, axis) [degree]
        Where the window's middle is in the picture's coordinates, see `straight_path` and `random_walk`.
    chunk : quantity or int, optional
        Time steps in one block; by default blocks of about 32 MB. Values do not depend on it.

    Returns
    -------
    DataArray (time, y, x) [units]
        Lazy; 0 is in the middle of the window; unit and ``valid_range`` are the picture's.

    Raises
    ------
    ContractError
        The picture is none, or the window leaves it.

    Examples
    --------
    >>> import convis_xr as cx
    >>> film = cx.as_stimulus(np.arange(64.0).reshape(1, 8, 8), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> path = straight_path(3, speed="100 deg/s", dt="1 ms")
    >>> window = moving_window(film.isel(time=0, drop=True), 2, path=path)
    >>> window[:, 0, 0].values.round(4).tolist()
    [27.0, 28.0, 29.0]
    """
    image, pitch = _picture(picture)
    places, sampling = places_of(path, pitch)
    counts = pixel_counts(size, sampling)
    rows, columns = _indices(image, places, counts, pitch)
    dtype = floating(image.dtype)
    pixels = image.values.astype(dtype)
    render = partial(_seen, pixels=pixels, rows=rows, columns=columns, counts=counts)
    steps = None if chunk is None else step_count(chunk, sampling, "chunk", least=1)
    shape = (len(places), *counts)
    coordinates = grid(dict(zip((dims.TIME, *dims.SPACE), shape, strict=True)), sampling)
    attrs = {
        "long_name": "moving window",
        **{name: image.attrs[name] for name in ("units", "valid_range") if name in image.attrs},
    }
    seen = xr.DataArray(lazy(render, shape, dtype, steps), coordinates, (dims.TIME, *dims.SPACE), "stimulus", attrs)
    return check_stimulus(seen)[0]


def path_of(places: Any, sampling: Sampling, long_name: str) -> xr.DataArray:
    """A path (time, axis), labelled."""
    coordinates = grid({dims.TIME: len(places)}, sampling)
    coordinates[AXIS] = (AXIS, list(dims.SPACE))
    return xr.DataArray(places, coordinates, (dims.TIME, AXIS), "path", {"long_name": long_name, "units": "degree"})


def _picture(picture: Any) -> tuple[xr.DataArray, tuple[float, float]]:
    """The picture, top row first, and its pitch."""
    if not isinstance(picture, xr.DataArray) or set(picture.dims) != set(dims.SPACE):
        got = str(picture.dims) if isinstance(picture, xr.DataArray) else type(picture).__name__
        raise ContractError(
            explain("picture", wanted="a DataArray (y, x)", got=got, cure="film.isel(time=0, drop=True)")
        )
    frame = picture.expand_dims(dims.TIME).assign_coords(grid({dims.TIME: 1}, Sampling("1 s")))
    checked, sampling = check_stimulus(frame, "picture")
    return checked.isel({dims.TIME: 0}, drop=True), sampling.need_pixel("picture")


def places_of(path: Any, pitch: tuple[float, float]) -> tuple[np.ndarray[Any, Any], Sampling]:
    """The path in degree (time, (y, x)), and its time step with the picture's pitch."""
    if not isinstance(path, xr.DataArray) or set(path.dims) != {dims.TIME, AXIS}:
        got = str(path.dims) if isinstance(path, xr.DataArray) else type(path).__name__
        cure = 'straight_path("1 s", speed="2 deg/s")'
        raise ContractError(explain("path", wanted="a DataArray (time, axis)", got=got, cure=cure))
    plain = dequantified(path)
    units = str(plain.attrs.get("units", "1"))
    if not has_dimension(units, "angle"):
        cure = 'path.attrs["units"] = "degree"'
        raise ContractError(explain("path", wanted="visual angles", got=f"units {units!r}", cure=cure))
    if AXIS not in plain.coords or set(plain[AXIS].values.tolist()) != set(dims.SPACE):
        cure = 'path.assign_coords(axis=["y", "x"])'
        raise ContractError(explain("path", wanted='an axis with the labels "y" and "x"', got="another", cure=cure))
    values = plain.sel({AXIS: list(dims.SPACE)}).transpose(dims.TIME, AXIS).values * factor(units, "degree", "path")
    if not len(values) or not np.isfinite(values).all():
        raise ContractError(explain("path", wanted="finite places", got="none, NaN or infinity", cure="path.dropna"))
    return values, Sampling(Sampling.of(plain).dt, (f"{pitch[0]!r} deg", f"{pitch[1]!r} deg"))


def _indices(image: xr.DataArray, places: Any, counts: tuple[int, int], pitch: tuple[float, float]) -> tuple[Any, Any]:
    """The row and column in the picture of the window's first pixel, per time step."""
    found = []
    for axis, (dim, sign) in enumerate(((dims.Y, -1.0), (dims.X, 1.0))):
        edge = float(image[dim][0]) * factor(str(image[dim].attrs["units"]), "degree", dim)
        first = np.round(sign * (places[:, axis] - edge) / pitch[axis] - (counts[axis] - 1) / 2, 9)
        last = image.sizes[dim] - counts[axis]
        if first.min() < 0 or first.max() > last:
            step = int(np.argmax((first < 0) | (first > last)))
            got = f"{dim} = {places[step, axis]:g} deg at step {step}"
            cure = "a larger picture, a smaller window, or another path"
            raise ContractError(explain("path", wanted="a window that stays in the picture", got=got, cure=cure))
        found.append(first)
    return found[0], found[1]


def _seen(
    index: np.ndarray[Any, Any], *, pixels: Any, rows: Any, columns: Any, counts: tuple[int, int]
) -> np.ndarray[Any, Any]:
    frames = np.empty((len(index), *counts), pixels.dtype)
    down, right = np.arange(counts[0])[:, None], np.arange(counts[1])[None, :]
    for frame, step in zip(frames, index, strict=True):
        where = np.broadcast_arrays(rows[step] + down, columns[step] + right)
        map_coordinates(pixels, where, output=frame, order=1, mode="nearest")
    return frames
