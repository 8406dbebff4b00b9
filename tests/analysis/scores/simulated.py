"""Responses whose signal is known."""

from __future__ import annotations

import numpy as np
import xarray as xr

DT = 0.01


def over_time(values: np.ndarray, dims: tuple[str, ...] = ("time",), units: str = "count") -> xr.DataArray:
    """An array whose dimension time has labels in s."""
    steps = values.shape[dims.index("time")]
    time = xr.Variable("time", 1.5 + DT * np.arange(steps), {"units": "s"})
    return xr.DataArray(values, {"time": time}, dims, attrs={"units": units})


def signal_and_trials(
    repeats: int, steps: int = 400, cells: int = 3, noise: float = 1.0, seed: int = 0, missing: float = 0.0
) -> tuple[xr.DataArray, xr.DataArray]:
    """A signal of variance 1 (time, cell), and trials of it with noise (repeat, time, cell), some values missing."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(2.0, 1.0, (steps, cells))
    trials = signal + noise * rng.normal(size=(repeats, steps, cells))
    trials[rng.random(trials.shape) < missing] = np.nan
    return over_time(signal, ("time", "cell"), "mV"), over_time(trials, ("repeat", "time", "cell"), "mV")
