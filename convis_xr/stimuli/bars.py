"""A bar that moves across the frame."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import numpy as np
import xarray as xr
from scipy.special import erf

from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.plane import at_least, text
from convis_xr.units import magnitude


@generator
def moving_bar(
    duration: Any,
    size: Any,
    *,
    width: Any,
    speed: Any,
    direction: Any = "0 deg",
    start: Any = None,
    length: Any = None,
    contrast: Any = 1.0,
    background: Any = 0.0,
    sharp: bool = False,
    temporal_smoothing: Any = None,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """A bar that moves along ``direction`` at constant speed, its long side across.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    width : quantity [deg]
        Along the direction.
    speed : quantity [deg/s]
        0 stands still.
    direction : quantity [deg]
        Where it moves, counter-clockwise from rightward: 90 deg is upward.
    start : quantity [deg], optional
        Where along the direction its middle is at the first step, 0 in the middle of the frame; by default it is
        about to enter.
    length : quantity [deg], optional
        Across the direction; by default it crosses the whole frame.
    contrast, background : float
        Contrast of the bar and of what it moves over, ``(value - mean) / mean``; negative is dark.
    sharp : bool
        Two values only: pixels whose centre is in the bar, and the others.
    temporal_smoothing : quantity [ms], optional
        Standard deviation of a Gaussian by which every pixel is smoothed in time, so that the edges are as wide as
        the bar moves meanwhile; by default one step, with ``sharp`` none.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Raises
    ------
    UnitError
        A bare number or a wrong dimension.
    ContractError
        A value out of range, or ``sharp`` and ``temporal_smoothing`` both asked for.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     bar = cx.stimuli.moving_bar(
    ...         "1 s", "2 deg", width="0.4 deg", speed="4 deg/s", start="-1 deg", sharp=True
    ...     )
    >>> bar[250, 10, 6:14].values.tolist()
    [0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """
    canvas = Canvas(duration, size, **shared)
    wide, fast = at_least(width, "angle", "width", above=True), at_least(speed, "speed", "speed")
    long = np.inf if length is None else at_least(length, "angle", "length", above=True)
    degrees = magnitude(direction, "angle", "direction")
    blur = _blur(canvas, sharp, temporal_smoothing)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    reach = (abs(sin) * canvas.extent[0] + abs(cos) * canvas.extent[1]) / 2
    first = -(reach + wide / 2) if start is None else magnitude(start, "angle", "start")
    bar, ground = canvas.level(contrast), canvas.level(background, "background")
    signal = partial(
        _bar,
        plane=canvas.plane,
        heading=(sin, cos),
        levels=(ground, bar),
        first=first,
        per_step=fast * canvas.dt,
        half=(wide / 2, long / 2),
        edge=fast * blur,
    )
    attrs: dict[str, Any] = {
        "width": text(wide, "angle"),
        **({} if length is None else {"length": text(long, "angle")}),
        "speed": text(fast, "speed"),
        "direction": text(degrees, "angle"),
        "start": text(first, "angle"),
        "temporal_smoothing": text(blur, "time"),
        "background": ground,
    }
    return canvas.paint(signal, "moving bar", contrast=max(abs(bar), abs(ground)), bar_contrast=bar, **attrs)


def _blur(canvas: Canvas, sharp: bool, temporal_smoothing: Any) -> float:
    if temporal_smoothing is None:
        return 0.0 if sharp else canvas.dt
    blur = at_least(temporal_smoothing, "time", "temporal_smoothing")
    if sharp and blur:
        got, cure = "both", "sharp=False, or temporal_smoothing left out"
        raise ContractError(explain("sharp", wanted="a sharp bar or a smoothed one", got=got, cure=cure))
    return blur


def _bar(
    index: np.ndarray[Any, Any],
    *,
    plane: tuple[Any, Any],
    heading: tuple[float, float],
    levels: tuple[float, float],
    first: float,
    per_step: float,
    half: tuple[float, float],
    edge: float,
) -> np.ndarray[Any, Any]:
    (y, x), (sin, cos) = plane, heading
    ahead = (y * sin + x * cos) - (first + index * per_step)[:, None, None]
    if edge > 0:
        scale = edge * np.sqrt(2.0)
        inside = (erf((ahead + half[0]) / scale) - erf((ahead - half[0]) / scale)) / 2
    else:
        # half open, and rounded: a bar of n pixels covers n of them wherever it stands
        place = np.round(ahead, 9)
        inside = ((place >= -half[0]) & (place < half[0])).astype(np.float64)
    if np.isfinite(half[1]):
        across = np.round(y * cos - x * sin, 9)
        inside = inside * ((across >= -half[1]) & (across < half[1]))
    return levels[0] + (levels[1] - levels[0]) * inside
