"""Raised cosines: the formula, where the peaks are, what they add up to, and what errors say."""

from __future__ import annotations

import math

import numpy as np
import pytest

import convis_xr as cx
from convis_xr.filters.kernels import raised_cosines


def test_it_is_the_formula_of_pillow_and_others() -> None:
    basis = raised_cosines(6, "3 ms", "80 ms", offset="2 ms", normalize=False, dt="0.5 ms")
    low, high = math.log(3e-3 + 2e-3), math.log(80e-3 + 2e-3)
    a = math.pi / 2 / ((high - low) / 5)
    for j in range(6):
        phi = a * low + j * math.pi / 2
        for t, value in zip(basis.time.values, basis.values[j], strict=True):
            angle = a * math.log(t + 2e-3) - phi
            assert value == pytest.approx(0.5 * math.cos(angle) + 0.5 if abs(angle) < math.pi else 0, abs=1e-12)


def test_peaks_are_where_they_should_be_and_the_sum_is_even_between() -> None:
    basis = raised_cosines(7, "5 ms", "100 ms", normalize=False, dt="0.1 ms")
    np.testing.assert_allclose(basis.idxmax("time"), basis.peak, atol=1e-4)
    assert basis.peak[0] == pytest.approx(5e-3)
    assert basis.peak[-1] == pytest.approx(0.1)
    inside = (basis.time > float(basis.peak[1])) & (basis.time < float(basis.peak[-2]))
    np.testing.assert_allclose(basis.sum("component")[inside], 2, atol=1e-9)
    assert float(basis[-1, -1]) < 1e-4  # it goes on to where the last bump ends


def test_orthogonal_ones_span_the_same_space() -> None:
    plain, turned = (raised_cosines(5, "2 ms", "50 ms", orthogonal=flag, dt="1 ms").values for flag in (False, True))
    np.testing.assert_allclose(turned @ turned.T, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(plain @ turned.T @ turned, plain, atol=1e-12)
    np.testing.assert_allclose((plain**2).sum(1), 1)


def test_a_finer_grid_shows_the_same_bumps() -> None:
    coarse, fine = (raised_cosines(5, "4 ms", "50 ms", normalize=False, dt=dt) for dt in ("1 ms", "0.25 ms"))
    np.testing.assert_allclose(fine.values[:, ::4][:, : coarse.sizes["time"]], coarse.values, atol=1e-12)


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(cx.ContractError, match="0 <= first < last"):
        raised_cosines(5, "50 ms", "2 ms", dt="1 ms")
    with pytest.raises(cx.ContractError, match="offset above 0"):
        raised_cosines(5, "2 ms", "50 ms", offset="0 ms", dt="1 ms")
    with pytest.raises(cx.ContractError, match=r"n: wanted a whole number from 2, got 1"):
        raised_cosines(1, "2 ms", "50 ms", dt="1 ms")
    with pytest.raises(cx.ContractError, match="samples that cannot tell them apart"):
        raised_cosines(10, "1 ms", "3 ms", dt="1 ms")
    with pytest.raises(cx.ContractError, match="samples that cannot tell them apart: 1"):
        raised_cosines(5, "2 ms", "50 ms", dt="1 s")
    with pytest.raises(cx.ContractError, match="offset: wanted at most 1000000 samples"):
        raised_cosines(2, "0 ms", "1 ms", offset="1e-9 ms", dt="1 ms")
    with pytest.raises(cx.UnitError, match="first"):
        raised_cosines(5, 2, "50 ms", dt="1 ms")
    with pytest.raises(cx.ContractError, match="time step"):
        raised_cosines(5, "2 ms", "50 ms")
