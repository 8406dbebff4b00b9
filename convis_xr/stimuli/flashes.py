"""Time courses of the full field or a disc: pulses, steps, frequency and contrast sweeps, the chirp of retina laboratories."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Unpack

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.masks import disc_profile
from convis_xr.stimuli.plane import at_least, point, step_count, text
from convis_xr.sampling import Sampling
from convis_xr.units import magnitude


class Segment(NamedTuple):
    """``level + (contrast[0] to contrast[1]) sin(phase)``, its frequency going from ``hertz[0]`` to ``hertz[1]``."""

    steps: int
    level: float = 0.0
    contrast: tuple[float, float] = (0.0, 0.0)
    hertz: tuple[float, float] = (0.0, 0.0)


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
    return _course(canvas, [Segment(canvas.shape[0], level)], "uniform field", abs(level), {})


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
        raise ContractError(explain("onset", wanted="a flash that ends with the stimulus or before", got=got, cure=cure))
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
    return _course(canvas, segments, "flash", max(abs(flash), abs(ground)), attrs, disc)


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
        raise ContractError(explain("at", wanted="a step within the stimulus", got=f"{at} of {duration}", cure="a longer duration"))
    after, before = canvas.level(contrast), canvas.level(background, "background")
    segments = [Segment(when, before), Segment(canvas.shape[0] - when, after)]
    attrs = {"at": text(when * canvas.dt, "time"), "step_contrast": after, "background": before}
    return _course(canvas, segments, "step", max(abs(after), abs(before)), attrs)


@generator
def frequency_sweep(
    duration: Any, size: Any, *, start: Any = "0 Hz", stop: Any = "8 Hz", contrast: Any = 1.0, **shared: Unpack[Grid]
) -> xr.DataArray:
    """A full field flickering ever faster: ``sin(2 pi (start t + (stop - start) t^2 / (2 duration)))``.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    start, stop : quantity [Hz]
        Frequency at the begin and at the end.
    contrast : float
        Michelson contrast.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> sweep = cx.stimuli.frequency_sweep("2 s", 1, start="1 Hz", stop="1 Hz", dt="1 ms", pixel_size="0.1 deg")
    >>> sweep[[0, 250, 750], 0, 0].values.tolist()
    [0.5, 1.0, 0.0]
    """
    canvas = Canvas(duration, size, **shared)
    hertz = at_least(start, "frequency", "start"), at_least(stop, "frequency", "stop")
    canvas.warn_if_aliased(max(hertz))
    amount = canvas.modulation(contrast)
    segment = Segment(canvas.shape[0], contrast=(amount, amount), hertz=hertz)
    attrs = {"start": text(hertz[0], "frequency"), "stop": text(hertz[1], "frequency")}
    return _course(canvas, [segment], "frequency sweep", amount, attrs)


@generator
def contrast_sweep(
    duration: Any,
    size: Any,
    *,
    temporal_frequency: Any = "2 Hz",
    start: Any = 0.0,
    stop: Any = 1.0,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """A full field flickering at one frequency, its contrast changing linearly.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    temporal_frequency : quantity [Hz]
        Of the flicker.
    start, stop : float
        Michelson contrast at the begin and at the end.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> sweep = cx.stimuli.contrast_sweep("1 s", 1, temporal_frequency="1 Hz", dt="1 ms", pixel_size="0.1 deg")
    >>> sweep[[0, 250, 750], 0, 0].values.tolist()
    [0.5, 0.625, 0.125]
    """
    canvas = Canvas(duration, size, **shared)
    hertz = at_least(temporal_frequency, "frequency", "temporal_frequency")
    canvas.warn_if_aliased(hertz)
    amounts = canvas.modulation(start, "start"), canvas.modulation(stop, "stop")
    segment = Segment(canvas.shape[0], contrast=amounts, hertz=(hertz, hertz))
    attrs = {"temporal_frequency": text(hertz, "frequency"), "start": amounts[0], "stop": amounts[1]}
    return _course(canvas, [segment], "contrast sweep", max(amounts), attrs)


@generator
def chirp(
    size: Any,
    *,
    off: Any = "2 s",
    on: Any = "3 s",
    off_again: Any = "3 s",
    grey: Any = "2 s",
    frequency_sweep: Any = "8 s",
    frequencies: Any = ("0 Hz", "8 Hz"),
    contrast_sweep: Any = "8 s",
    contrast_frequency: Any = "2 Hz",
    off_last: Any = "2 s",
    contrast: Any = 1.0,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """The full-field chirp by which retina laboratories tell cell types apart: a bright step, a frequency and a contrast sweep.

    The parts follow each other: off, on, off_again, grey, frequency sweep, grey, contrast sweep, grey, off_last; 32 s as they are.
    After Baden et al. 2016, Nature 529:345.

    Parameters
    ----------
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    off, on, off_again, grey, frequency_sweep, contrast_sweep, off_last : quantity or int
        Length of each part; bare ints are samples, 0 leaves the part out.
    frequencies : pair of quantities [Hz]
        At the begin and the end of the frequency sweep.
    contrast_frequency : quantity [Hz]
        Of the contrast sweep, which goes from 0 to ``contrast``.
    contrast : float
        Of the steps and the sweeps.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> chirp = cx.stimuli.chirp(1, dt="1 ms", pixel_size="0.1 deg")
    >>> chirp.sizes["time"], chirp[[0, 2000, 5000, 8000], 0, 0].values.tolist()
    (32000, [0.0, 1.0, 0.0, 0.5])
    """
    sampling = Sampling(shared.get("dt"), shared.get("pixel_size"))
    lengths = {"off": off, "on": on, "off_again": off_again, "grey": grey, "frequency_sweep": frequency_sweep}
    lengths |= {"contrast_sweep": contrast_sweep, "off_last": off_last}
    steps = {name: step_count(length, sampling, name) for name, length in lengths.items()}
    canvas = Canvas(sum(steps.values()) + 2 * steps["grey"], size, **shared)
    hertz = _frequency_pair(frequencies)
    beat = at_least(contrast_frequency, "frequency", "contrast_frequency")
    canvas.warn_if_aliased(max(*hertz, beat))
    amount = canvas.modulation(contrast)
    pause = Segment(steps["grey"])
    segments = [
        Segment(steps["off"], -amount),
        Segment(steps["on"], amount),
        Segment(steps["off_again"], -amount),
        pause,
        Segment(steps["frequency_sweep"], contrast=(amount, amount), hertz=hertz),
        pause,
        Segment(steps["contrast_sweep"], contrast=(0.0, amount), hertz=(beat, beat)),
        pause,
        Segment(steps["off_last"], -amount),
    ]
    attrs: dict[str, Any] = {name: text(count * canvas.dt, "time") for name, count in steps.items()}
    attrs["frequencies"] = [text(value, "frequency") for value in hertz]
    return _course(canvas, segments, "chirp", amount, attrs | {"contrast_frequency": text(beat, "frequency")})


def _frequency_pair(frequencies: Any) -> tuple[float, float]:
    if not (isinstance(frequencies, tuple | list) and len(frequencies) == 2):
        cure = 'frequencies=("0 Hz", "8 Hz")'
        raise ContractError(explain("frequencies", wanted="a pair of frequencies", got=repr(frequencies), cure=cure))
    first, last = (at_least(value, "frequency", "frequencies") for value in frequencies)
    return first, last


def _course(
    canvas: Canvas, segments: list[Segment], long_name: str, contrast: float, attrs: dict[str, Any], disc: Any = None
) -> xr.DataArray:
    """Paint segments one after the other, over the full field or where ``disc`` is (elsewhere the first segment's level)."""
    kept = tuple(segment for segment in segments if segment.steps)
    mask = None if disc is None else partial(disc, *canvas.plane)
    signal = partial(_levels, segments=kept, dt=canvas.dt, ground=float(attrs.get("background", 0.0)), mask=mask)
    return canvas.paint(signal, long_name, contrast=contrast, **attrs)


def _levels(
    index: np.ndarray[Any, Any], *, segments: tuple[Segment, ...], dt: float, ground: float, mask: Any
) -> np.ndarray[Any, Any]:
    ends = np.cumsum([0, *(segment.steps for segment in segments)])
    values = np.zeros(len(index))
    for segment, (first, last) in zip(segments, pairwise(ends), strict=True):
        here = (index >= first) & (index < last)
        if here.any():
            values[here] = _segment((index[here] - first) * dt, segment, dt)
    course = values[:, None, None]
    return course if mask is None else ground + (course - ground) * mask()


def _segment(t: np.ndarray[Any, Any], segment: Segment, dt: float) -> np.ndarray[Any, Any]:
    length = segment.steps * dt
    (from_contrast, to_contrast), (from_hertz, to_hertz) = segment.contrast, segment.hertz
    cycles = from_hertz * t + (to_hertz - from_hertz) * t * t / (2 * length)
    return segment.level + (from_contrast + (to_contrast - from_contrast) * t / length) * np.sin(2 * np.pi * (cycles % 1.0))
