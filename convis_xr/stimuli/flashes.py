"""Pulses and steps of the full field or of a disc."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.course import Segment, paint_course
from convis_xr.stimuli.masks import disc_profile
from convis_xr.stimuli.plane import at_least, point, text


@generator
def uniform(duration: Any, size: Any, *, contrast: Any = 0.0, **shared: Unpack[Grid]) -> xr.DataArray:
    """A uniform field that does not change.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    contrast : float
        ``(value - mean) / mean``; -1 is black.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> float(cx.stimuli.uniform("0.1 s", 4, contrast=-1, dt="1 ms", pixel_size="0.1 deg").max())
    0.0
    """
    canvas = Canvas(duration, size, **shared)
    level = canvas.level(contrast)
    return paint_course(canvas, [Segment(canvas.shape[0], level)], "uniform field", abs(level), {})


@generator
def pulse(
    duration: Any,
    size: Any,
    *,
    onset: Any,
    length: Any,
    contrast: Any = 1.0,
    background: Any = 0.0,
    radius: Any = None,
    centre: Any = ("0 deg", "0 deg"),
    edge: Any = "0 deg",
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """A flash of the full field or of a disc.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    onset, length : quantity or int
        When the flash begins and how long it is; bare ints are samples.
    contrast, background : float
        Contrast of the flash and of all else, ``(value - mean) / mean``; -1 is black.
    radius : quantity [deg], optional
        Of a disc; by default the full field flashes.
    centre : pair (y, x) of quantities [deg]
        Of the disc; y upward.
    edge : quantity [deg]
        Width of the disc's soft edge, see `masks.disc`.
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
        A value out of range, or a flash that ends after the stimulus.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flash = cx.stimuli.pulse("0.3 s", 5, onset="0.1 s", length="50 ms", dt="1 ms", pixel_size="0.1 deg")
    >>> flash[[99, 100, 149, 150], 2, 2].values.tolist()
    [0.5, 1.0, 1.0, 0.5]
    """
    canvas = Canvas(duration, size, **shared)
    first, steps = canvas.steps(onset, "onset"), canvas.steps(length, "length", least=1)
    rest = canvas.shape[0] - first - steps
    if rest < 0:
        got, cure = f"{onset} and {length} of {duration}", "a longer duration"
        raise ContractError(
            explain("onset", wanted="a flash that ends with the stimulus or before", got=got, cure=cure)
        )
    flash, ground = canvas.level(contrast), canvas.level(background, "background")
    segments = [Segment(first, ground), Segment(steps, flash), Segment(rest, ground)]
    attrs = {
        "onset": text(first * canvas.dt, "time"),
        "length": text(steps * canvas.dt, "time"),
        "flash_contrast": flash,
        "background": ground,
    }
    disc = None
    if radius is not None:
        place = (at_least(radius, "angle", "radius", above=True), point(centre), at_least(edge, "angle", "edge"))
        disc = partial(disc_profile, radius=place[0], centre=place[1], edge=place[2])
        attrs["radius"], attrs["edge"] = text(place[0], "angle"), text(place[2], "angle")
        attrs["centre"] = [text(place[1][0], "angle"), text(place[1][1], "angle")]
    return paint_course(canvas, segments, "flash", max(abs(flash), abs(ground)), attrs, disc)


@generator
def impulse(
    duration: Any, size: Any, *, at: Any = 0, contrast: Any = 1.0, background: Any = 0.0, **shared: Unpack[Grid]
) -> xr.DataArray:
    """A full-field flash of one time step.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    at : quantity or int
        The step that is lit; a bare int is samples.
    contrast, background : float
        Contrast of that step and of all others, ``(value - mean) / mean``; -1 is black.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> cx.stimuli.impulse(4, 1, at=1, background=-1, dt="1 ms", pixel_size="0.1 deg").values.ravel().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    flash = pulse(duration, size, onset=at, length=1, contrast=contrast, background=background, **shared)
    return flash.assign_attrs(long_name="impulse")


@generator
def step(
    duration: Any, size: Any, *, at: Any, contrast: Any = 1.0, background: Any = 0.0, **shared: Unpack[Grid]
) -> xr.DataArray:
    """A full field that changes once.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    at : quantity or int
        When it changes; a bare int is samples.
    contrast, background : float
        Contrast after and before, ``(value - mean) / mean``; -1 is black.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> cx.stimuli.step(4, 1, at="2 ms", dt="1 ms", pixel_size="0.1 deg").values.ravel().tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    canvas = Canvas(duration, size, **shared)
    when = canvas.steps(at, "at")
    if when >= canvas.shape[0]:
        raise ContractError(
            explain("at", wanted="a step within the stimulus", got=f"{at} of {duration}", cure="a longer duration")
        )
    after, before = canvas.level(contrast), canvas.level(background, "background")
    segments = [Segment(when, before), Segment(canvas.shape[0] - when, after)]
    attrs = {"at": text(when * canvas.dt, "time"), "step_contrast": after, "background": before}
    return paint_course(canvas, segments, "step", max(abs(after), abs(before)), attrs)
