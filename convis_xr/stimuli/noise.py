"""Noise: checkers, white noise, sparse spots. A picture is a pure function of the seed and its number (Philox)."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import numpy as np
import xarray as xr
from scipy.special import ndtri

from convis_xr.errors import ContractError, explain
from convis_xr.stimuli.canvas import Canvas, Grid, generator
from convis_xr.stimuli.draws import uniform
from convis_xr.stimuli.plane import at_least, choice, probability, seed_number, text
from convis_xr.units import is_bare

DISTRIBUTIONS = ("uniform", "binary", "ternary", "gaussian")
POLARITIES = ("both", "white", "black")


@generator
def random_checker(
    duration: Any,
    size: Any,
    *,
    checker_size: Any,
    refresh: Any = None,
    distribution: str = "uniform",
    contrast: Any = 1.0,
    seed: int = 0,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """Random checkers: a grid of squares from the upper left corner on, each with a new value at every refresh.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    checker_size : quantity [deg]
        Side of a checker; a pixel belongs to the one that its centre lies in.
    refresh : quantity or int, optional
        Time from one picture to the next, not below the time step; by default every step has a new one. It need be
        no whole number of steps: ``1/60 s`` at 1 ms is a 60 Hz screen.
    distribution : {"uniform", "binary", "ternary", "gaussian"}
        Uniform between the extremes; one or the other extreme; also the mean; or normal.
    contrast : float
        Of the extremes; of a Gaussian the standard deviation over the mean (it is clipped symmetrically at the range).
    seed : int
        The same seed gives the same checkers, whatever the chunks.
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
        A value out of range.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     flicker = cx.stimuli.random_checker(
    ...         "1 s", "2 deg", checker_size="0.5 deg", refresh="20 ms", distribution="binary", seed=1
    ...     )
    >>> sorted(set(flicker.values.ravel().tolist()))
    [0.0, 1.0]
    """
    canvas = Canvas(duration, size, **shared)
    side = _side(canvas, checker_size, "checker_size")
    painted = _noise(canvas, side, refresh, distribution, contrast, seed)
    return painted.assign_attrs(long_name="random checkers", checker_size=text(side, "angle"))


@generator
def white_noise(
    duration: Any,
    size: Any,
    *,
    refresh: Any = None,
    distribution: str = "gaussian",
    contrast: Any = 0.3,
    seed: int = 0,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """White noise: every pixel has a value of its own at every refresh.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    refresh : quantity or int, optional
        Time from one picture to the next, not below the time step; by default every step has a new one.
    distribution : {"uniform", "binary", "ternary", "gaussian"}
        See `random_checker`.
    contrast : float
        Standard deviation over the mean of a Gaussian (clipped symmetrically at the range); of the others their
        extremes.
    seed : int
        The same seed gives the same noise, whatever the chunks.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Raises
    ------
    UnitError, ContractError
        As `random_checker`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("1 s", (10, 10), contrast=0.2, dt="1 ms", pixel_size="0.1 deg")
    >>> round(float(noise.std()), 2)
    0.1
    """
    canvas = Canvas(duration, size, **shared)
    return _noise(canvas, None, refresh, distribution, contrast, seed).assign_attrs(long_name="white noise")


@generator
def sparse_noise(
    duration: Any,
    size: Any,
    *,
    spot_size: Any,
    p: Any = 0.1,
    refresh: Any = None,
    polarity: str = "both",
    contrast: Any = 1.0,
    seed: int = 0,
    **shared: Unpack[Grid],
) -> xr.DataArray:
    """Sparse noise: at every refresh each place of a grid holds a spot with probability ``p``, else the mean.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    spot_size : quantity [deg]
        Side of a (square) spot.
    p : float
        Probability of a spot.
    refresh : quantity or int, optional
        Time from one picture to the next, not below the time step; by default every step has a new one.
    polarity : {"both", "white", "black"}
        White and black spots, equally often, or one of them only.
    contrast : float
        Of a spot.
    seed : int
        The same seed gives the same spots, whatever the chunks.
    **shared
        See `Canvas`.

    Returns
    -------
    DataArray (time, y, x) [units]

    Raises
    ------
    UnitError, ContractError
        As `random_checker`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> spots = cx.stimuli.sparse_noise("1 s", (10, 10), spot_size="0.1 deg", p=0.05, dt="1 ms", pixel_size="0.1 deg")
    >>> round(float((spots != 0.5).mean()), 2)
    0.05
    """
    canvas = Canvas(duration, size, **shared)
    side, chance = _side(canvas, spot_size, "spot_size"), probability(p)
    amount, number = canvas.modulation(contrast), seed_number(seed)
    values = partial(_spots, p=chance, polarity=choice(polarity, POLARITIES, "polarity"))
    interval = _interval(canvas, refresh)
    signal = partial(_refreshed, values=values, interval=interval, cells=_cells(canvas, side), seed=number)
    attrs = {"spot_size": text(side, "angle"), "p": chance, "polarity": polarity, "seed": str(number)}
    attrs["refresh"] = text(interval * canvas.dt, "time")
    return canvas.paint(signal, "sparse noise", gain=amount, contrast=amount, **attrs)


def _noise(
    canvas: Canvas, side: float | None, refresh: Any, distribution: str, contrast: Any, seed: int
) -> xr.DataArray:
    kind, amount, number = (
        choice(distribution, DISTRIBUTIONS, "distribution"),
        canvas.modulation(contrast),
        seed_number(seed),
    )
    greatest, attrs = amount, dict[str, Any]()
    if kind == "gaussian":
        greatest = min(1.0, canvas.valid_range[1] / canvas.mean - 1)
        attrs["standard_deviation"] = amount
    interval = _interval(canvas, refresh)
    values = partial(_values, distribution=kind, gain=amount, greatest=greatest)
    signal = partial(_refreshed, values=values, interval=interval, cells=_cells(canvas, side), seed=number)
    # the seed as text: netCDF and JSON readers would round the larger ones
    attrs |= {"distribution": kind, "refresh": text(interval * canvas.dt, "time"), "seed": str(number)}
    return canvas.paint(signal, "noise", contrast=greatest, **attrs)


def _side(canvas: Canvas, size: Any, name: str) -> float:
    """The side of a checker, a pixel at least [degree]."""
    side, pixel = at_least(size, "angle", name, above=True), max(canvas.pitch)
    if side < pixel * (1 - 1e-9):
        cure = f'{name}="{pixel:g} deg", or a smaller pixel_size'
        raise ContractError(explain(name, wanted=f"a pixel ({pixel:g} deg) or more", got=str(size), cure=cure))
    return side


def _interval(canvas: Canvas, refresh: Any) -> float:
    """Steps from one picture to the next."""
    if refresh is None:
        return 1.0
    if is_bare(refresh):
        return float(canvas.steps(refresh, "refresh", least=1))
    steps = at_least(refresh, "time", "refresh", above=True) / canvas.dt
    if steps < 1 - 1e-9:
        got, cure = f"{refresh} (dt is {canvas.dt:g} s)", f'refresh="{canvas.dt * 1e3:g} ms", or a smaller dt'
        raise ContractError(explain("refresh", wanted="a time step or more, so that none is lost", got=got, cure=cure))
    return steps


def _cells(canvas: Canvas, side: float | None) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The row of every y and the column of every x in the grid of checkers."""
    if side is None:
        return np.arange(canvas.shape[1]), np.arange(canvas.shape[2])
    centres = ((np.arange(n) + 0.5) * pitch / side for n, pitch in zip(canvas.shape[1:], canvas.pitch, strict=True))
    rows, columns = (np.floor(centre + 1e-9).astype(np.int64) for centre in centres)
    return rows, columns


def _refreshed(index: np.ndarray[Any, Any], *, values: Any, interval: float, cells: tuple[Any, Any], seed: int) -> Any:
    pictures, which = np.unique(np.floor(index / interval + 1e-9).astype(np.int64), return_inverse=True)
    shape = (int(cells[0][-1]) + 1, int(cells[1][-1]) + 1)
    drawn = values(np.stack([uniform(seed, int(picture), shape[0] * shape[1]) for picture in pictures]))
    spread = drawn.reshape(-1, *shape)[:, cells[0]][:, :, cells[1]]
    return spread[which]


def _values(uniform: np.ndarray[Any, Any], *, distribution: str, gain: float, greatest: float) -> np.ndarray[Any, Any]:
    if distribution == "uniform":
        return gain * (2 * uniform - 1)
    if distribution == "gaussian":
        return np.clip(gain * ndtri(uniform), -greatest, greatest)
    levels = 2 if distribution == "binary" else 3
    return gain * (np.floor(uniform * levels) * (2 / (levels - 1)) - 1)


def _spots(uniform: np.ndarray[Any, Any], *, p: float, polarity: str) -> np.ndarray[Any, Any]:
    if polarity == "both":
        return np.where(uniform < p / 2, -1.0, np.where(uniform < p, 1.0, 0.0))
    return np.where(uniform < p, 1.0 if polarity == "white" else -1.0, 0.0)
