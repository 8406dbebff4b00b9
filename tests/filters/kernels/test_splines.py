"""Spline bases: against the recursion of Cox and de Boor, and what splines must reproduce."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.filters.kernels import linear_splines, log_splines
from tests.agreement import Agreement

SPACINGS: dict[str, tuple[Callable[..., xr.DataArray], Callable[[int, int], np.ndarray]]] = {
    "linear": (linear_splines, lambda count, knots: np.linspace(0, count - 1, knots)),
    "log": (log_splines, lambda count, knots: np.geomspace(1, count, knots) - 1),
}
every_spacing = pytest.mark.parametrize("spacing", SPACINGS)


def cox_de_boor(x: float, i: int, degree: int, knots: np.ndarray) -> float:
    if degree == 0:
        inside = knots[i] <= x < knots[i + 1] or (x == knots[-1] == knots[i + 1] and knots[i] < knots[i + 1])
        return float(inside)
    total = 0.0
    if knots[i + degree] > knots[i]:
        total += (x - knots[i]) / (knots[i + degree] - knots[i]) * cox_de_boor(x, i, degree - 1, knots)
    if knots[i + degree + 1] > knots[i + 1]:
        share = (knots[i + degree + 1] - x) / (knots[i + degree + 1] - knots[i + 1])
        total += share * cox_de_boor(x, i + 1, degree - 1, knots)
    return total


@every_spacing
@pytest.mark.parametrize(("count", "knots"), [(60, 5), (40, 2), (25, 4)])
def test_they_are_those_of_cox_and_de_boor(spacing: str, count: int, knots: int, agreement: Agreement) -> None:
    make, spaced = SPACINGS[spacing]
    breaks = spaced(count, knots)
    breaks[-1] = count - 1
    padded = np.concatenate([[breaks[0]] * 3, breaks, [breaks[-1]] * 3])
    wanted = [[cox_de_boor(float(x), i, 3, padded) for x in range(count)] for i in range(knots + 2)]
    error = float(np.abs(make(count, knots, dt="1 ms").values - wanted).max())
    agreement("spline bases", "recursion of Cox and de Boor", "max", error, within=1e-12)


@every_spacing
def test_their_sum_is_one_and_none_is_negative(spacing: str) -> None:
    basis = SPACINGS[spacing][0]("300 ms", 7, dt="1 ms")
    assert basis.sizes == {"component": 9, "time": 300}
    np.testing.assert_allclose(basis.sum("component"), 1, rtol=1e-14)
    assert float(basis.min()) >= 0
    np.testing.assert_allclose(basis.time, np.arange(300) / 1000)
    assert basis.attrs["units"] == "1"
    assert basis.time.attrs["units"] == "s"


@every_spacing
def test_cubics_are_reproduced(spacing: str) -> None:
    basis = SPACINGS[spacing][0](80, 5, dt="1 ms").values
    lags = np.linspace(-1, 1, 80)
    for cubic in np.random.default_rng(0).normal(size=(4, 4)):
        wanted = np.polyval(cubic, lags)
        weights = np.linalg.lstsq(basis.T, wanted, rcond=None)[0]
        np.testing.assert_allclose(weights @ basis, wanted, atol=1e-10)


def test_logarithmic_ones_are_finer_at_short_lags() -> None:
    widths = [(make(200, 6, dt="1 ms") > 0.01).sum("time").values for make in (linear_splines, log_splines)]
    assert widths[1][1] < widths[0][1] / 5
    assert (np.diff(widths[1][:-2]) > 0).all()


@every_spacing
def test_without_the_last_one_kernels_end_at_zero(spacing: str) -> None:
    make = SPACINGS[spacing][0]
    whole, cut = make(100, 5, dt="1 ms"), make(100, 5, remove_last=True, dt="1 ms")
    xr.testing.assert_identical(cut, whole[:-1])
    np.testing.assert_array_equal(cut[:, -1], 0)


def test_what_cannot_be() -> None:
    with pytest.raises(cx.ContractError, match="knots: wanted fewer components than 22 for 30 lags"):
        log_splines(30, 20, dt="1 ms")
    with pytest.raises(cx.ContractError, match="knots: wanted fewer components"):
        linear_splines(5, 9, dt="1 ms")
    for knots in (1, 2.0, True):
        with pytest.raises(cx.ContractError, match="knots: wanted a whole number from 2"):
            linear_splines(50, knots, dt="1 ms")  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="length: wanted at least 2 lags"):
        linear_splines(1, 3, dt="1 ms")
    with pytest.raises(cx.ContractError, match="a time step"):
        log_splines(50, 3)
    with pytest.raises(cx.UnitError, match="length: wanted"):
        linear_splines(0.3, 3, dt="1 ms")
