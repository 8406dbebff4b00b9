"""Gratings that drift or reverse."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.plane import at_least, choice, text
from convis_xr.units import magnitude

WAVEFORMS = ("sine", "square")


@generator
def moving_grating(
    duration: Any,
    size: Any,
    *,
    spatial_frequency: Any,
    temporal_frequency: Any = None,
    speed: Any = None,
    direction: Any = "0 deg",
    phase: Any = "0 deg",
    contrast: Any = 1.0,
    waveform: str = "sine",
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """A drifting grating, ``mean (1 + contrast cos(2 pi (f u - w t) + phase))``, ``u`` along the direction.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    spatial_frequency : quantity [cycle/deg]
        ``f``; 0 is a full field.
    temporal_frequency : quantity [Hz], optional
        ``w``; 0 stands still. Either this or ``speed``.
    speed : quantity [deg/s], optional
        ``w / f``.
    direction : quantity [deg]
        Where it moves, counter-clockwise from rightward: 90 deg is upward.
    phase : quantity [deg]
        Phase in the middle of the frame at the first step; 0 is the brightest.
    contrast : float
        Michelson contrast.
    waveform : {"sine", "square"}
        A square wave is bright where the cosine is positive.
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
        A value out of range, or ``temporal_frequency`` and ``speed`` both or neither given.

    Warns
    -----
    UserWarning
        A frequency is above the Nyquist limit of the sampling.

    Examples
    --------
    >>> import convis_xr as cx
    >>> grating = cx.stimuli.moving_grating(
    ...     "1 s", "2 deg", spatial_frequency="1 cycle/deg", speed="4 deg/s", dt="1 ms", pixel_size="0.1 deg"
    ... )
    >>> grating.attrs["temporal_frequency"], float(grating[0].max())
    ('4 Hz', 0.9755282402038574)
    """
    canvas = Canvas(duration, size, **shared)
    per_degree = at_least(spatial_frequency, "spatial_frequency", "spatial_frequency")
    hertz = _temporal(temporal_frequency, speed, per_degree)
    cycles = _Cycles(canvas, per_degree, hertz, direction, phase)
    canvas.warn_if_aliased(hertz, cycles.per_degree)
    amount = canvas.modulation(contrast)
    signal = partial(
        _drift,
        cycles=cycles.in_space,
        per_step=hertz * canvas.dt,
        waveform=choice(waveform, WAVEFORMS, "waveform"),
        dtype=canvas.dtype,
    )
    return canvas.paint(signal, "moving grating", gain=amount, contrast=amount, waveform=waveform, **cycles.attrs)


@generator
def counterphase_grating(
    duration: Any,
    size: Any,
    *,
    spatial_frequency: Any,
    temporal_frequency: Any,
    direction: Any = "0 deg",
    phase: Any = "0 deg",
    contrast: Any = 1.0,
    waveform: str = "sine",
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """A grating that stands and reverses, ``mean (1 + contrast cos(2 pi f u + phase) cos(2 pi w t))``.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    spatial_frequency : quantity [cycle/deg]
        ``f``.
    temporal_frequency : quantity [Hz]
        ``w``.
    direction : quantity [deg]
        Along which it varies (its bars stand across), counter-clockwise from rightward.
    phase : quantity [deg]
        Phase in the middle of the frame.
    contrast : float
        Greatest Michelson contrast.
    waveform : {"sine", "square"}
        Of both cosines.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Raises
    ------
    UnitError, ContractError
        As `moving_grating`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     grating = cx.stimuli.counterphase_grating(
    ...         "1 s", 21, spatial_frequency="1 cycle/deg", temporal_frequency="2 Hz", waveform="square"
    ...     )
    >>> grating[[0, 250], 10, 10].values.tolist()
    [1.0, 0.0]
    """
    canvas = Canvas(duration, size, **shared)
    per_degree = at_least(spatial_frequency, "spatial_frequency", "spatial_frequency")
    hertz = at_least(temporal_frequency, "frequency", "temporal_frequency")
    cycles = _Cycles(canvas, per_degree, hertz, direction, phase)
    canvas.warn_if_aliased(hertz, cycles.per_degree)
    amount = canvas.modulation(contrast)
    signal = partial(
        _reverse, cycles=cycles.in_space, per_step=hertz * canvas.dt, waveform=choice(waveform, WAVEFORMS, "waveform")
    )
    return canvas.paint(signal, "counterphase grating", gain=amount, contrast=amount, waveform=waveform, **cycles.attrs)


class _Cycles:
    """A plane wave: cycles as a column of y and a row of x, which add up."""

    def __init__(self, canvas: Canvas, per_degree: float, hertz: float, direction: Any, phase: Any) -> None:
        degrees, offset = magnitude(direction, "angle", "direction"), magnitude(phase, "angle", "phase")
        f_y, f_x = per_degree * np.sin(np.deg2rad(degrees)), per_degree * np.cos(np.deg2rad(degrees))
        y, x = canvas.plane
        self.per_degree = (f_y, f_x)
        self.in_space = (f_y * y + offset / 360.0, f_x * x)
        self.attrs = {
            "spatial_frequency": text(per_degree, "spatial_frequency").replace("1/", "cycle/"),
            "temporal_frequency": text(hertz, "frequency"),
            "direction": text(degrees, "angle"),
            "phase": text(offset, "angle"),
        }


def _temporal(temporal_frequency: Any, speed: Any, per_degree: float) -> float:
    if (temporal_frequency is None) == (speed is None):
        got = "neither" if speed is None else "both"
        wanted = "either temporal_frequency or speed"
        raise ContractError(explain("temporal_frequency", wanted=wanted, got=got, cure='temporal_frequency="4 Hz"'))
    if speed is None:
        return at_least(temporal_frequency, "frequency", "temporal_frequency")
    return at_least(speed, "speed", "speed") * per_degree


def _wave(cycles: np.ndarray[Any, Any], waveform: str) -> np.ndarray[Any, Any]:
    if waveform == "sine":
        return np.cos(2 * np.pi * cycles)
    # rounded, so that edges that fall on a pixel's centre do not waver by float noise
    part = np.round(cycles, 9) % 1.0
    return np.where((part < 0.25) | (part >= 0.75), 1.0, -1.0)


def _drift(
    index: np.ndarray[Any, Any],
    *,
    cycles: tuple[Any, Any],
    per_step: float,
    waveform: str,
    dtype: np.dtype[Any],
) -> np.ndarray[Any, Any]:
    elapsed = (index * per_step % 1.0)[:, None, None]
    if waveform == "square":
        return _wave((cycles[0] + cycles[1]) - elapsed, waveform)
    # cos(a - b) from products of small tables: a cosine per frame and per pixel, not per value
    here, then = 2 * np.pi * (cycles[0] + cycles[1]), 2 * np.pi * elapsed
    values = np.cos(here).astype(dtype) * np.cos(then).astype(dtype)
    values += np.sin(here).astype(dtype) * np.sin(then).astype(dtype)
    return values


def _reverse(
    index: np.ndarray[Any, Any], *, cycles: tuple[Any, Any], per_step: float, waveform: str
) -> np.ndarray[Any, Any]:
    elapsed = (index * per_step % 1.0)[:, None, None]
    return _wave(cycles[0] + cycles[1], waveform) * _wave(elapsed, waveform)
