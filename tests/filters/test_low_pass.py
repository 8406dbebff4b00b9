"""Filters in time against scipy and closed forms, in physical units."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import signal

import convis_xr as cx


def trace(values: np.ndarray, dt: str = "1 ms") -> xr.DataArray:
    return cx.as_stimulus(values, dt=dt, units="mV")


def test_low_pass_is_lfilter() -> None:
    x = np.random.default_rng(0).normal(size=300)
    c = np.exp(-0.001 / 0.012)
    got = cx.filters.LowPass("12 ms")(trace(x))
    np.testing.assert_allclose(got, signal.lfilter([1 - c], [1, -c], x), atol=1e-12)
    assert got.attrs["units"] == "mV"


def test_step_response_does_not_depend_on_the_time_step() -> None:
    for dt in ("0.5 ms", "1 ms", "10 ms"):
        response = cx.filters.LowPass("20 ms")(trace(np.ones(100), dt))
        at = response.sel(time=0.04 if dt == "10 ms" else 0.05, method="nearest")
        step = float(response.time[1])
        np.testing.assert_allclose(at, 1 - np.exp(-(float(at.time) + step) / 0.02), rtol=1e-9)


def test_gamma_impulse_response() -> None:
    n, tau = 3, 0.02
    impulse = trace(np.eye(1, 4000)[0], "0.05 ms")
    response = cx.filters.GammaLowPass("20 ms", n)(impulse) / 5e-5
    t = response.time + 2.5e-5
    wanted = (n * t) ** n * np.exp(-n * t / tau) / (2 * tau ** (n + 1))
    assert float(abs(response - wanted).max()) < 0.01 * float(wanted.max())
    np.testing.assert_allclose(float(response.idxmax("time")), tau, atol=2e-4)


def test_gain_at_rest() -> None:
    still = trace(np.full(20, 3.0))
    for layer, gain in (
        (cx.filters.LowPass("5 ms"), 1.0),
        (cx.filters.GammaLowPass("5 ms", 4), 1.0),
        (cx.filters.PartialHighPass("5 ms", 0.8), 0.2),
    ):
        layer.initial = "first_frame"
        np.testing.assert_allclose(layer(still), 3 * gain, rtol=1e-12)


def test_no_time_constant_is_the_identity() -> None:
    x = trace(np.random.default_rng(0).normal(size=30))
    np.testing.assert_array_equal(cx.filters.LowPass("0 s")(x), x)
    np.testing.assert_array_equal(cx.filters.GammaLowPass("0 s", 3)(x), x)


@pytest.mark.parametrize("order", [1.5, -1, 17])
def test_orders_are_whole(order: float) -> None:
    with pytest.raises(cx.ParameterError, match="n: wanted a"):
        cx.filters.GammaLowPass("5 ms", order)


def test_parameters_apply_to_models_already_made() -> None:
    layer = cx.filters.LowPass("5 ms")
    x = np.eye(1, 5)[0]
    fine, coarse = (float(layer(trace(x, dt))[0]) for dt in ("1 ms", "5 ms"))
    layer.clear_state()
    np.testing.assert_allclose(fine, 1 - np.exp(-0.2), rtol=1e-12)
    layer.clear_state()
    np.testing.assert_allclose(float(layer(trace(x, "5 ms"))[0]), 1 - np.exp(-1.0), rtol=1e-12)
    assert coarse != fine
