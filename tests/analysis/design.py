"""The matrix of all windows, written out by a plain loop: what one-pass estimators are compared with."""

from __future__ import annotations

import numpy as np
import xarray as xr


def windows(stimulus: xr.DataArray, lags: int) -> np.ndarray:
    """Rows (time, lag * pixel) in float64; NaN where a window begins before the stimulus."""
    values = stimulus.transpose("time", ...).values.astype(np.float64).reshape(stimulus.sizes["time"], -1)
    rows = np.full((len(values), lags, values.shape[1]), np.nan)
    for t in range(lags - 1, len(values)):
        for lag in range(lags):
            rows[t, lag] = values[t - lag]
    return rows.reshape(len(values), -1)


def plain_moments(
    stimulus: xr.DataArray, response: np.ndarray, lags: int, origin: float, *, auto: bool = True
) -> dict[str, np.ndarray]:
    """Sums of moments for a response (repeat, time, cell) on all steps of the stimulus, cell by cell."""
    rows = windows(stimulus, lags)
    whole = np.isfinite(rows).all(1)
    n, w = np.nansum(response, 0), np.isfinite(response).sum(0)
    left_out = n[~whole].sum(0)
    x, n, w, response = rows[whole] - origin, n[whole], w[whole], response[:, whole]
    square = {"auto": np.array([(x * heavy[:, None]).T @ x for heavy in w.T])} if auto else {}
    return {
        **square,
        "steps": w.sum(0),
        "responses": n.sum(0),
        "responses_squared": np.nansum(response**2, (0, 1)),
        "stimulus": w.T @ x,
        "cross": n.T @ x,
        "left_out": left_out,
    }
