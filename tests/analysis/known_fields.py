"""Smooth, localised receptive fields and what cells that have them answer to noise."""

from __future__ import annotations

import numpy as np
import xarray as xr

import convis_xr as cx
from tests.analysis.lagged import rows

LAGS, SIZE = 8, 7


def smooth_field(seed: int, lags: int = LAGS, size: int = SIZE) -> np.ndarray:
    """A biphasic, Gaussian field (lag, y, x) of norm 1, somewhere."""
    rng = np.random.default_rng(seed)
    lag = np.arange(lags)[:, None, None] / lags
    y, x = np.mgrid[:size, :size] / size
    cy, cx_, sigma = *rng.uniform(0.3, 0.7, 2), rng.uniform(0.12, 0.2)
    time = np.exp(-0.5 * ((lag - 0.3) / 0.12) ** 2) - 0.5 * np.exp(-0.5 * ((lag - 0.6) / 0.15) ** 2)
    field = time * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx_) ** 2) / sigma**2)
    return field / np.linalg.norm(field)


def white(steps: int, seed: int, size: int = SIZE) -> xr.DataArray:
    values = np.random.default_rng(100 + seed).normal(0.0, 1.0, (steps, size, size))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="1")


def answers(stimulus: xr.DataArray, fields: np.ndarray, noise: float, seed: int) -> xr.DataArray:
    """Linear responses of fields (cell, lag, y, x) and noise [Hz]."""
    lags = fields.shape[1]
    drive = rows(stimulus, lags) @ fields.reshape(len(fields), -1).T
    full = np.concatenate([np.zeros((lags - 1, len(fields))), drive])
    full = full + 2.0 + np.random.default_rng(200 + seed).normal(0, noise, full.shape)
    return xr.DataArray(full, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "Hz"})


def error(found: xr.DataArray, wanted: np.ndarray) -> np.ndarray:
    """Squared error of each field relative to the squared norm of the true one."""
    gone = ((found.values - wanted) ** 2).reshape(len(wanted), -1).sum(1)
    return gone / (wanted**2).reshape(len(wanted), -1).sum(1)
