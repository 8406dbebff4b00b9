"""Full fields that flicker: frequency and contrast sweeps, and the chirp of retina laboratories."""

from __future__ import annotations

from typing import Any, Unpack

import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.course import Segment, paint_course
from convis_xr.stimuli.plane import at_least, step_count, text


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
    return paint_course(canvas, [segment], "frequency sweep", amount, attrs)


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
    return paint_course(canvas, [segment], "contrast sweep", max(amounts), attrs)


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
    """The full-field chirp by which cell types are told apart: a bright step, a frequency and a contrast sweep.

    The parts follow each other: off, on, off_again, grey, frequency sweep, grey, contrast sweep, grey, off_last; 32
    s as they are. After Baden et al. 2016, Nature 529:345.

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
    return paint_course(canvas, segments, "chirp", amount, attrs | {"contrast_frequency": text(beat, "frequency")})


def _frequency_pair(frequencies: Any) -> tuple[float, float]:
    if not (isinstance(frequencies, tuple | list) and len(frequencies) == 2):
        cure = 'frequencies=("0 Hz", "8 Hz")'
        raise ContractError(explain("frequencies", wanted="a pair of frequencies", got=repr(frequencies), cure=cure))
    first, last = (at_least(value, "frequency", "frequencies") for value in frequencies)
    return first, last
