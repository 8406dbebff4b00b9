"""`impulse_response`: what a layer answers to one pixel that is lit for one time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import as_stimulus
from convis_xr.engine import run
from convis_xr.errors import ContractError, explain
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.stimuli.plane import pixel_counts, step_count
from convis_xr.units import magnitude


def impulse_response(
    layer: Layer,
    duration: Any = 500,
    size: Any = 10,
    *,
    amplitude: float = 1.0,
    background: float = 0.0,
    channels: int = 1,
    channel: int = 0,
    outputs: Sequence[str] | str | None = None,
    chunk: Any = None,
    dt: Any = None,
    pixel_size: Any = None,
    units: str | None = None,
    seed: int | None = None,
) -> xr.DataArray | xr.Dataset:
    """The response to an impulse of one time step and one pixel, after the background was shown for ever.

    The layer is not touched: what it is computed with is a run of its own.

    Parameters
    ----------
    layer : Layer
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    amplitude, background : float
        The value of all pixels, and what is added to it for one of them, in ``units``.
    channels, channel : int
        Channels of the input, and the one that has the impulse.
    outputs : str or sequence of str, optional
        As of `run`.
    chunk : quantity or int, optional
        As of `run`.
    dt, pixel_size : quantity, optional
        Sampling; by default that of the layer's last input, else that of `set_options`.
    units : str, optional
        Unit of the input; by default the one that the layer counts in, else that of its last input, else ``"1"``.
    seed : int, optional
        As of `run`.

    Returns
    -------
    DataArray, or Dataset where there are several outputs (time, y, x)
        The impulse is in the first step, time 0, at y = x = 0. The attribute ``rest`` is the mean response to the
        background alone.

    Raises
    ------
    ContractError
        No sampling is known, or the frame has no pixel.
    UnitError
        A bare number where a quantity is wanted.

    Examples
    --------
    >>> import convis_xr as cx
    >>> response = impulse_response(cx.filters.LowPass("10 ms"), "30 ms", 1, dt="10 ms", pixel_size="0.1 deg")
    >>> response.values.ravel().round(3)
    array([0.632, 0.233, 0.086])
    """
    if not isinstance(layer, Layer):
        got, cure = type(layer).__name__, "cx.filters.LowPass()"
        raise ContractError(explain("layer", wanted="a convis_xr.Layer", got=got, cure=cure))
    known = layer.sampling
    sampling = Sampling(known.dt if dt is None else dt, known.pixel_size if pixel_size is None else pixel_size)
    steps = step_count(duration, sampling, "duration", least=1)
    ground, peak = magnitude(background, "1", "background"), magnitude(amplitude, "1", "amplitude")
    film = np.full((_count(channels, channel), steps, *pixel_counts(size, sampling)), ground)
    row, column = film.shape[2] // 2, film.shape[3] // 2
    film[channel, 0, row, column] += peak
    unit = units or layer.units_in or layer.info.units
    limits = _limits(layer, ground, ground + peak)
    axes = (dims.CHANNEL, dims.TIME, *dims.SPACE)
    stimulus = as_stimulus(film, sampling.dt, sampling.pixel_size, unit, limits, axes)
    middle = {dim: stimulus[dim] - stimulus[dim][at] for dim, at in ((dims.Y, row), (dims.X, column))}
    stimulus = stimulus.assign_coords(middle).rename("impulse")
    shown = stimulus if channels > 1 else stimulus.isel({dims.CHANNEL: 0}, drop=True)
    options: dict[str, Any] = {"outputs": outputs, "initial": ground, "seed": seed, "progress": False}
    response = run(layer, shown, chunk=chunk, **options)
    # without the impulse: its first step is the background alone
    quiet = run(layer, (shown.isel({dims.TIME: [0]}) * 0 + ground).assign_attrs(shown.attrs), **options)
    told = {"impulse": f"{peak:g} {unit}", "background": f"{ground:g} {unit}"}
    for name in response.data_vars:
        response[name].attrs.update(told, long_name="impulse response", rest=float(quiet[name].mean()))
    return response if len(response.data_vars) > 1 else response[next(iter(response.data_vars))]


def _count(channels: Any, channel: Any) -> int:
    count, which = whole(channels, "channels"), whole(channel, "channel")
    if not 0 <= which < count:
        wanted = f"one of {count} channels, from 0"
        raise ContractError(explain("channel", wanted=wanted, got=str(which), cure="channel=0"))
    return count


def _limits(layer: Layer, *shown: float) -> tuple[float, float]:
    """The range that the layer's input is said to have: that of its last input, or 0 to 1, and what is shown."""
    low, high = layer.info.valid_range or (0.0, 1.0)
    return min(low, *shown), max(high, *shown)
