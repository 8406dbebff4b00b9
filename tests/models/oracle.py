"""What models compute, by numpy and scipy alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import ndimage

import convis_xr as cx

Array = np.ndarray


def film_of(values: Array, dt: str = "1 ms") -> xr.DataArray:
    """Labels on (time, y, x), or (channel, time, y, x)."""
    names = ("channel", "time", "y", "x")[-values.ndim :]
    return cx.as_stimulus(values, dt=dt, pixel_size="0.1 deg", units="1", dims=names)


def random_film(seed: int = 0, shape: tuple[int, ...] = (20, 6, 7)) -> xr.DataArray:
    return film_of(np.random.default_rng(seed).random(shape))


def convolved(film: Array, kernel: Array) -> Array:
    """Impulse response ``kernel`` (lag, y, x) on a film (time, y, x): nothing before it, edges repeated."""
    lags, steps = len(kernel), len(film)
    before = np.concatenate([np.zeros((lags - 1, *film.shape[1:])), film])
    # scipy's origin lies in the middle of the kernel, in time too
    return ndimage.convolve(before, kernel, mode="nearest")[(lags - 1) // 2 :][:steps]


def mixed(films: Array, kernels: Array) -> Array:
    """`convolved` from channels (in, time, y, x) to channels, by kernels (out, in, lag, y, x)."""
    return np.stack([sum(convolved(film, kernel) for film, kernel in zip(films, row, strict=True)) for row in kernels])


def weighed(film: Array, field: Array) -> Array:
    """One cell in the middle of the frame that weighs the pixels of (time, y, x) by ``field`` (lag, y, x): (time,)."""
    lags, height, width = field.shape
    top, left = ((frame - own) // 2 for frame, own in zip(film.shape[1:], (height, width), strict=True))
    seen = film[:, top : top + height, left : left + width]
    past = np.concatenate([np.zeros((lags - 1, height, width)), seen])
    return np.array([sum((field[k] * past[lags - 1 + t - k]).sum() for k in range(lags)) for t in range(len(film))])


def relu(values: Array) -> Array:
    return np.maximum(values, 0)


def softplus(values: Array) -> Array:
    return np.logaddexp(0, values)
