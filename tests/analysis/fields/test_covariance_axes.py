"""Axes of known cells are found and no others; the nested test against one that projects the stimulus."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.fields.covariance_axes import _nested
from convis_xr.analysis.one_pass import pairs

LAGS = 3


def film(steps: int = 6000, seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).normal(0, 1, (steps, 1, 4))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="1")


def spikes(stimulus: xr.DataArray, rate: np.ndarray) -> xr.DataArray:
    counts = np.random.default_rng(7).poisson(rate)
    return xr.DataArray(counts.T, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})


def test_axes_that_excite_and_suppress_are_found_and_no_others() -> None:
    stimulus = film()
    x = stimulus.values[:, 0]
    late = np.roll(x, 2, axis=0)
    energy = 0.15 * x[:, 1] ** 2  # excites
    gated = 0.4 * np.exp(-1.5 * late[:, 2] ** 2)  # is suppressed
    nothing = np.full(len(x), 0.2)
    found = cx.analysis.stc_axes(stimulus, spikes(stimulus, np.array([energy, gated, nothing])), LAGS)
    assert found.axis_field.dims == ("cell", "axis", "time", "y", "x")
    assert list(found.significant.sum("axis")) == [1, 1, 0]
    assert bool(found.significant[0, 0])
    assert bool(found.significant[1, -1])
    assert abs(float(found.axis_field[0, 0, 0, 0, 1])) > 0.95
    assert abs(float(found.axis_field[1, -1, 2, 0, 2])) > 0.95
    np.testing.assert_allclose((found.axis_field[0] ** 2).sum(("time", "y", "x")), 1.0)
    assert (np.diff(found.eigenvalue) <= 0).all()
    assert float(found.eigenvalue[0, 0]) > float(found.null_upper[0, 0])
    assert float(found.eigenvalue[1, -1]) < float(found.null_lower[1, -1])


def test_eigenvalues_are_those_of_the_covariance() -> None:
    stimulus = film(2000)
    response = spikes(stimulus, np.exp(0.5 * stimulus.values[:, 0, :2].T) * 0.2)
    found = cx.analysis.stc_axes(stimulus, response, LAGS, shifts=40)
    covariance = cx.analysis.stc(stimulus, response, LAGS)
    for cell in range(2):
        wanted = np.linalg.eigvalsh(covariance[cell].values.reshape(12, 12))[::-1]
        np.testing.assert_allclose(found.eigenvalue[cell], wanted, rtol=1e-8)


def test_false_alarms_are_as_rare_as_said() -> None:
    stimulus = film(1500)
    response = spikes(stimulus, np.full((60, 1500), 0.3))
    found = cx.analysis.stc_axes(stimulus, response, 2, shifts=100, level=0.1, seed=3)
    wrong = int(found.significant.any("axis").sum())
    assert wrong <= 13  # of 60 at 10 %: 6 are expected, more than 13 have a probability of 0.2 %


def test_an_axis_that_was_found_is_taken_out_of_the_stimulus() -> None:
    """Projected by hand out of rows, before the covariances: the same null for the second axis."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 5))
    weights = rng.poisson(0.1 * rows[:, 0] ** 2 + 0.08 * rows[:, 1] ** 2, (3000,))
    shifts = rng.integers(10, 2990, 60)

    def cov(x: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.cov(x.T, fweights=n)

    null = np.array([cov(rows, np.roll(weights, shift)) for shift in shifts])
    values, axes, significant, _, upper = _nested(cov(rows, weights), null, 0.05)
    assert list(significant) == [True, True, False, False, False]
    rest = rows - np.outer(rows @ axes[0], axes[0])
    largest = [np.linalg.eigvalsh(cov(rest, np.roll(weights, shift)))[-1] for shift in shifts]
    np.testing.assert_allclose(upper[1], max(largest), rtol=1e-8)
    assert values[1] > upper[1]


def test_cells_with_no_spikes_or_one_have_no_axes() -> None:
    stimulus = film(400)
    counts = np.zeros((3, 400))
    counts[1, 100] = 1
    counts[2, ::3] = 1
    response = xr.DataArray(counts.T, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})
    found = cx.analysis.stc_axes(stimulus, response, LAGS, shifts=40)
    assert np.isnan(found.eigenvalue[:2]).all()
    assert not found.significant[:2].any()
    assert np.isfinite(found.eigenvalue[2]).all()


def test_what_is_wrong_is_said() -> None:
    stimulus = film(50)
    response = spikes(stimulus, np.full((1, 50), 0.5))
    with pytest.raises(cx.ParameterError, match="2 / level - 1 shifts or more"):
        cx.analysis.stc_axes(stimulus, response, LAGS, shifts=10)
    with pytest.raises(cx.ContractError, match="by at least 30 of 48 steps to either side"):
        cx.analysis.stc_axes(stimulus, response, LAGS, min_shift="0.3 s")
    with cx.set_options(memory="100 KiB"), pytest.raises(cx.ContractError, match="over 12 weights"):
        cx.analysis.stc_axes(stimulus, response, LAGS)


def test_shifted_responses_are_never_copied_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "BLOCK_BYTES", 2**19)
    stimulus = film(30000)
    response = spikes(stimulus, np.full((4, 30000), 0.02)).astype("uint8").assign_attrs(units="count")
    cx.analysis.stc_axes(stimulus[:400], response[:400], 1, shifts=39)  # imports
    tracemalloc.start()
    cx.analysis.stc_axes(stimulus, response, 1, shifts=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 101 * response.nbytes, peak  # 12 MB, of one byte each
