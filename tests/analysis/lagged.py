"""Moments by an explicit matrix of lagged rows: what the single pass is compared to."""

from __future__ import annotations

import numpy as np
import xarray as xr


def rows(stimulus: xr.DataArray, lags: int) -> np.ndarray:
    """The windows (step, weight) that end in each step from ``lags - 1`` on, lag 0 first."""
    values = np.asarray(stimulus.values, np.float64).reshape(stimulus.sizes["time"], -1)
    return np.array([values[end - lags + 1 : end + 1][::-1].ravel() for end in range(lags - 1, len(values))])


def moments_of(stimulus: xr.DataArray, response: xr.DataArray, lags: int, origin: float = 0.5) -> xr.Dataset:
    """Moments of responses (time, cell) or (repeat, time, cell); NaN is what was not recorded, in all cells at once."""
    x = rows(stimulus, lags) - origin
    y = response if "repeat" in response.dims else response.expand_dims("repeat")
    y = y.transpose("repeat", "time", "cell").values.astype(np.float64)
    n, weight = np.nansum(y, 0)[lags - 1 :], np.isfinite(y[..., 0]).sum(0)[lags - 1 :]
    frame = stimulus.sizes["y"], stimulus.sizes["x"]
    window, other = ("time", "y", "x"), ("time_", "y_", "x_")
    shape, cells = (lags, *frame), y.shape[-1]
    dt = float(stimulus.time[1] - stimulus.time[0])
    lag = xr.Variable("time", np.arange(lags) * dt, {"units": "s", "step": dt})
    unit, response_unit = stimulus.attrs["units"], response.attrs["units"]
    found = xr.Dataset(
        {
            "steps": ((), float(weight.sum())),
            "responses": (("cell",), n.sum(0), {"units": response_unit}),
            "responses_squared": (("cell",), np.nansum(y**2, 0)[lags - 1 :].sum(0)),
            "stimulus": (window, (weight @ x).reshape(shape), {"units": unit}),
            "cross": (("cell", *window), (n.T @ x).reshape(cells, *shape)),
            "auto": ((*window, *other), (x.T @ (x * weight[:, None])).reshape(*shape, *shape)),
            "origin": ((), origin, {"units": unit}),
        },
        {"time": lag, "y": stimulus.y, "x": stimulus.x},
    )
    return found.assign_coords({"cell": response.cell}) if "cell" in response.coords else found
