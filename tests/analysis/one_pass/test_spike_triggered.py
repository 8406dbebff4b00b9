"""Averages and covariances before spikes, against plain loops over the spikes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.one_pass import pairs

LAGS = 4


def film(steps: int = 60) -> xr.DataArray:
    values = np.random.default_rng(3).normal(2.0, 1.0, (steps, 2, 3))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="cd/m^2")


def counts(stimulus: xr.DataArray, cells: int = 3) -> xr.DataArray:
    values = np.random.default_rng(4).poisson(0.3, (stimulus.sizes["time"], cells)).astype(np.uint8)
    return xr.DataArray(values, {"time": stimulus.time}, ("time", "cell"), attrs={"units": "count"})


def windows(stimulus: xr.DataArray, response: xr.DataArray, cell: int) -> np.ndarray:
    """What was shown before each spike of a cell, one row for each (spike, lag, y, x)."""
    rows = []
    for k, count in enumerate(response.values[:, cell]):
        if k >= LAGS - 1:
            rows += [stimulus.values[k - LAGS + 1 : k + 1][::-1]] * int(count)
    return np.array(rows)


@pytest.mark.parametrize("block", [1, 100, 2**25])
def test_the_average_is_that_of_the_windows_before_spikes(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "BLOCK_BYTES", block)
    stimulus = film()
    response = counts(stimulus)
    average = cx.analysis.sta(stimulus.chunk(time=7), response, window="40 ms")
    assert average.dims == ("cell", "time", "y", "x")
    assert average.attrs["units"] == "cd/m^2"
    np.testing.assert_allclose(average.time, [0, 0.01, 0.02, 0.03])
    for cell in range(3):
        wanted = windows(stimulus, response, cell)
        np.testing.assert_allclose(average[cell], wanted.mean(0), rtol=1e-12)
        assert int(average.spikes[cell]) == len(wanted)
        assert int(average.left_out[cell]) == response.values[: LAGS - 1, cell].sum()


@pytest.mark.parametrize("block", [100, 2**25])
def test_the_covariance_is_that_of_the_windows_before_spikes(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "BLOCK_BYTES", block)
    stimulus = film() + 1e4  # far from 0 beside its spread
    stimulus.attrs["units"] = "cd/m^2"
    response = counts(stimulus)
    covariance = cx.analysis.stc(stimulus, response, window=LAGS)
    assert covariance.dims == ("cell", "time", "y", "x", "time_", "y_", "x_")
    assert covariance.attrs["units"] == "(cd/m^2)^2"
    for cell in range(3):
        rows = windows(stimulus, response, cell).reshape(-1, LAGS * 6)
        np.testing.assert_allclose(covariance[cell].values.reshape(LAGS * 6, -1), np.cov(rows.T), rtol=1e-6, atol=1e-8)


def test_what_made_a_cell_fire_comes_back_and_can_be_its_receptive_field() -> None:
    stimulus = cx.stimuli.white_noise("200 s", (4, 5), dt="10 ms", pixel_size="0.1 deg", seed=2)
    cell = cx.filters.RF(1, (6, 4, 5), bias=False)
    weight = np.zeros((6, 4, 5))
    weight[2, 1, 3], weight[4, 3, 0] = 1.0, -1.0  # 2 and 4 steps ago
    cell.set_weight(weight)
    drive = cell(stimulus)[:, 0, 0].drop_vars(["y", "x"])
    response = (drive > 0.3).astype("uint8").assign_attrs(units="count")
    average = cx.analysis.sta(stimulus, response, window=6) - 0.5
    assert np.unravel_index(int(np.argmax(average.values)), average.shape) == (2, 1, 3)
    assert np.unravel_index(int(np.argmin(average.values)), average.shape) == (4, 3, 0)
    other = cx.filters.RF(1, (6, 4, 5), bias=False)
    other.weight = average
    again = other(stimulus)[:, 0, 0]
    assert np.corrcoef(again[10:], drive[10:])[0, 1] > 0.95


def test_a_response_may_begin_later_than_the_stimulus() -> None:
    stimulus = film()
    response = counts(stimulus)
    part = response.isel(time=slice(20, 50))
    silent = response.copy(data=np.zeros_like(response))
    silent[20:50] = part
    average = cx.analysis.sta(stimulus, part, window=LAGS)
    np.testing.assert_allclose(average, cx.analysis.sta(stimulus, silent, window=LAGS), rtol=1e-12)
    assert int(average.left_out.sum()) == 0


@pytest.mark.parametrize("kind", ["ms", "dates", "spans"])
def test_time_may_be_told_in_any_way(kind: str) -> None:
    stimulus = film()
    response = counts(stimulus)
    steps = np.arange(60) * 10 + 1000
    labels = {
        "ms": steps.astype(float),
        "dates": np.datetime64("2026-01-01", "ns") + steps.astype("timedelta64[ms]"),
        "spans": steps.astype("timedelta64[ms]").astype("timedelta64[ns]"),
    }
    told = xr.Variable("time", labels[kind], {"units": "ms"} if kind == "ms" else {})
    shown = stimulus.drop_vars("time").assign_coords(time=told)
    for part in (slice(None), slice(20, 50)):
        seen = response.drop_vars("time").assign_coords(time=told)[part]
        average = cx.analysis.sta(shown, seen, window="40 ms")
        np.testing.assert_array_equal(average, cx.analysis.sta(stimulus, response[part], window=LAGS))
        np.testing.assert_allclose(average.time, [0, 0.01, 0.02, 0.03])
    other = "time labels as the stimulus has" if kind != "ms" else "from -1 to"
    with pytest.raises(cx.ContractError, match=other):
        cx.analysis.sta(shown, response, window=LAGS)


def test_trials_and_cells_keep_their_labels() -> None:
    stimulus = film()
    one = counts(stimulus).assign_coords(cell=["a", "b", "c"])
    both = xr.concat([one, one * 0], xr.Variable("repeat", [5, 6]))
    average = cx.analysis.sta(stimulus, both, window=LAGS)
    assert average.dims == ("repeat", "cell", "time", "y", "x")
    np.testing.assert_array_equal(average.sel(repeat=5), cx.analysis.sta(stimulus, one, window=LAGS))
    assert average.sel(repeat=6).isnull().all()
    assert (cx.analysis.stc(stimulus, both, window=LAGS).sel(repeat=6).isnull()).all()


def test_time_courses_without_space_do() -> None:
    flash = cx.as_stimulus(np.arange(20.0), dt="1 ms", units="1")
    response = xr.DataArray(np.zeros(20), {"time": flash.time}, ("time",))
    response[10] = 2
    np.testing.assert_array_equal(cx.analysis.sta(flash, response, window=3), [10, 9, 8])


def test_what_does_not_fit_is_refused() -> None:
    stimulus = film()
    response = counts(stimulus)
    faults = {
        "time labels that are among": response.assign_coords(time=response.time + 0.004),
        "at least one value": response[:0],
        "from 0.1 to": response.assign_coords(time=response.time + 0.1),
        "counts of 0 or more": response.astype(float) - 1,
        "values per time step": response.rename(time="step"),
        "cells along a dimension": response.rename(cell="x"),
    }
    for message, bad in faults.items():
        with pytest.raises(cx.ContractError, match=message):
            cx.analysis.sta(stimulus, bad, window=LAGS)
    for window in (0, 61):
        with pytest.raises(cx.ContractError, match="window: wanted"):
            cx.analysis.sta(stimulus, response, window=window)
    with pytest.raises(cx.ContractError, match="one film"):
        cx.analysis.sta(stimulus.expand_dims(batch=2), response, window=LAGS)
    with pytest.raises(cx.ContractError, match="a DataArray, got ndarray"):
        cx.analysis.sta(stimulus, response.values, window=LAGS)


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_films_of_single_precision(dtype: str) -> None:
    values = np.random.default_rng(5).integers(0, 256, (400, 2, 3)).astype(dtype)
    stimulus = cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="1")
    response = counts(stimulus)
    exact = stimulus.astype(np.float64)
    found, wanted = (cx.analysis.sta(one, response, LAGS) for one in (stimulus, exact))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    found, wanted = (cx.analysis.stc(one, response, LAGS) for one in (stimulus, exact))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * float(wanted.max()))


def test_odd_cells_and_films_have_documented_results() -> None:
    stimulus = film()
    response = counts(stimulus) * 0
    response[30, 1], response[30, 2], response[40, 2] = 1, 1, 2
    average, covariance = cx.analysis.sta(stimulus, response, LAGS), cx.analysis.stc(stimulus, response, LAGS)
    assert average[0].isnull().all()
    np.testing.assert_allclose(average[1], stimulus[[30, 29, 28, 27]], rtol=1e-12)
    assert covariance[:2].isnull().all()
    assert covariance[2].notnull().all()
    grey = stimulus * 0 + 7.123
    grey.attrs["units"] = "1"
    np.testing.assert_allclose(cx.analysis.sta(grey, response, LAGS)[1:], 7.123, rtol=1e-12)
    np.testing.assert_allclose(cx.analysis.stc(grey, response, LAGS)[2], 0, atol=1e-12)
    with pytest.raises(cx.ContractError, match="fillna"):
        cx.analysis.sta(stimulus, response.where(response > 0), LAGS)


def test_what_does_not_fit_into_memory_is_refused() -> None:
    stimulus, response = film(), counts(film())
    with cx.set_options(memory="1 kB"):
        cx.analysis.sta(stimulus, response, LAGS)
        with pytest.raises(cx.ContractError, match=r"covariances of 3 cells over 24 weights.*coarser pixels"):
            cx.analysis.stc(stimulus, response, LAGS)
    with cx.set_options(memory="100 B"), pytest.raises(cx.ContractError, match=r"averages of 3 cells.*set_options"):
        cx.analysis.sta(stimulus, response, LAGS)
