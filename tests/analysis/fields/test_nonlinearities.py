"""Binned means against plain loops, intervals against statsmodels, curves that come back."""

from __future__ import annotations

from itertools import pairwise

import dask.array
import numpy as np
import pytest
import xarray as xr
from statsmodels.stats.proportion import proportion_confint

import convis_xr as cx
from convis_xr.analysis.fields import nonlinearities


def grid(steps: int) -> dict[str, object]:
    return {"time": ("time", np.arange(steps) * 0.01, {"units": "s"})}


def signal(steps: int = 2000, cells: int = 2) -> xr.DataArray:
    values = np.random.default_rng(0).normal(0, 1, (steps, cells))
    return xr.DataArray(values, grid(steps), ("time", "cell"), attrs={"units": "mV"})


def counts(drive: xr.DataArray, repeats: int = 0) -> xr.DataArray:
    rate = np.exp(drive.values - 1)
    shape = (repeats, *rate.shape) if repeats else rate.shape
    named = ("repeat", "time", "cell") if repeats else ("time", "cell")
    values = np.random.default_rng(1).poisson(np.broadcast_to(rate, shape)).astype(float)
    return xr.DataArray(values, {"time": drive.time}, named, attrs={"units": "count"})


@pytest.mark.parametrize("block", [1000, 2**25])
@pytest.mark.parametrize("repeats", [0, 3])
def test_each_bin_holds_the_mean_of_what_is_in_it(block: int, repeats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonlinearities, "BLOCK_BYTES", block)
    drive = signal()
    response = counts(drive, repeats)
    response[..., 100:200, :] = np.nan
    edges = np.linspace(-1.5, 2, 8)
    found = cx.analysis.nonlinearity(drive.chunk(time=300), response.chunk(time=170), edges)
    assert found.response.dims == ("cell", "bin")
    for cell in range(2):
        for at, (left, right) in enumerate(pairwise(edges)):
            inside = (drive.values[:, cell] >= left) & (drive.values[:, cell] < right)
            values = response.values[..., inside, cell].ravel()
            seen = values[np.isfinite(values)]
            np.testing.assert_allclose(found.response[cell, at], seen.mean())
            np.testing.assert_allclose(found.error[cell, at], seen.std(ddof=1) / np.sqrt(len(seen)))
            assert int(found.steps[cell, at]) == len(seen)
    assert found.response.attrs["units"] == "count"
    assert found.generator.attrs["units"] == "mV"
    np.testing.assert_allclose(found.upper - found.response, 1.959964 * found.error, rtol=1e-6)


def test_quantile_bins_hold_as_much_each_and_the_curve_comes_back() -> None:
    drive = signal(20_000, 1)
    found = cx.analysis.nonlinearity(drive, counts(drive), 10, interval="poisson")
    assert (found.steps == 2000).all()
    middle = found.isel(cell=0, bin=slice(1, -1))
    inside = (np.exp(middle.generator - 1) > middle.lower - 0.02) & (np.exp(middle.generator - 1) < middle.upper + 0.02)
    assert inside.all()


def test_intervals_are_the_exact_ones() -> None:
    drive = signal(300, 1)
    response = counts(drive)
    ones = (response > 0).astype(int).assign_attrs(units="count")
    found = cx.analysis.nonlinearity(drive, ones, 5, interval="binomial", level=0.9)
    for at in range(5):
        steps = int(found.steps[0, at])
        total = round(float(found.response[0, at]) * steps)
        low, high = proportion_confint(total, steps, 0.1, "beta")
        np.testing.assert_allclose([found.lower[0, at], found.upper[0, at]], [low, high], atol=1e-12)
    silent = cx.analysis.nonlinearity(drive, response * 0, 3, interval="poisson").isel(cell=0)
    np.testing.assert_allclose(silent.lower, 0)
    np.testing.assert_allclose(silent.upper * silent.steps, -np.log(0.025), rtol=1e-6)
    # Garwood for 10 events, from tables
    ten = xr.DataArray([10.0, 0.0], grid(2), ("time",), attrs={"units": "count"})
    table = cx.analysis.nonlinearity(ten * 0 + 0.5, ten, [0.0, 1.0], interval="poisson")
    np.testing.assert_allclose([table.lower[0] * 2, table.upper[0] * 2], [4.7954, 18.3904], atol=1e-4)


def test_one_signal_serves_all_cells_and_may_be_longer_than_the_response() -> None:
    drive = signal()
    one = drive.isel(cell=0)
    response = counts(drive)[500:1500]
    found = cx.analysis.nonlinearity(one, response, 4)
    alone = cx.analysis.nonlinearity(one[500:1500], response.isel(cell=1), 4)
    np.testing.assert_allclose(found.response[1], alone.response)


def test_nothing_is_computed_but_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonlinearities, "BLOCK_BYTES", 8 * 2 * 100)
    largest = 0

    def watched(block: np.ndarray) -> np.ndarray:
        nonlocal largest
        largest = max(largest, len(block))
        return block

    drive = signal()
    lazy = drive.copy(
        data=dask.array.from_array(drive.values, chunks=(100, 2)).map_blocks(
            watched, dtype=float, meta=np.zeros((0, 0))
        )
    )
    cx.analysis.nonlinearity(lazy, counts(drive), [-1.0, 0.0, 1.0])
    assert 0 < largest <= 100


def test_cells_without_spikes_constant_signals_and_nan_are_told() -> None:
    drive = signal()
    drive[:, 1] = 3.0
    response = counts(drive)
    response[:, 0] = 0.0
    found = cx.analysis.nonlinearity(drive, response, 4)
    np.testing.assert_allclose(found.response[0], 0.0)
    assert list(found.steps[1]) == [0, 0, 0, 2000]
    assert np.isnan(found.response[1, :3]).all()
    gone = cx.analysis.nonlinearity(drive * np.nan, response, 4)
    assert np.isnan(gone.response).all()
    assert not gone.steps.any()


def test_what_is_wrong_is_said() -> None:
    drive = signal()
    response = counts(drive)
    with pytest.raises(cx.ContractError, match="wanted counts"):
        cx.analysis.nonlinearity(drive, response * 0.5, interval="poisson")
    with pytest.raises(cx.ContractError, match="0 or 1 in each step"):
        cx.analysis.nonlinearity(drive, response, interval="binomial")
    with pytest.raises(cx.ContractError, match="one for each cell"):
        cx.analysis.nonlinearity(drive[:, [0, 1, 1]], response)
    with pytest.raises(cx.ContractError, match="time labels"):
        cx.analysis.nonlinearity(drive[:100], response)
    with pytest.raises(cx.ParameterError, match="ascending edges"):
        cx.analysis.nonlinearity(drive, response, [1.0, 0.0])
    with pytest.raises(cx.ParameterError, match="1 bin or more"):
        cx.analysis.nonlinearity(drive, response, 0)
    with pytest.raises(cx.ParameterError, match="interval"):
        cx.analysis.nonlinearity(drive, response, interval="bayes")


def test_labels_of_cells_are_compared_and_large_means_lose_nothing() -> None:
    time = xr.Variable("time", np.arange(400) * 0.01, {"units": "s"})
    rng = np.random.default_rng(0)
    coords = {"time": time, "cell": ["a", "b"]}
    drive = xr.DataArray(rng.normal(size=(400, 2)), coords, ("time", "cell"), attrs={"units": "1"})
    rate = xr.DataArray(rng.normal(size=(400, 2)), coords, ("time", "cell"), attrs={"units": "mV"})
    with pytest.raises(cx.ContractError, match="generator: wanted the labels of the response along cell, b to a"):
        cx.analysis.nonlinearity(drive, rate.assign_coords(cell=["b", "a"]), 4)
    plain, high = (cx.analysis.nonlinearity(drive, (rate + at).assign_attrs(units="mV"), 4) for at in (0.0, 1e8))
    np.testing.assert_allclose(high.error, plain.error, rtol=1e-6)
    np.testing.assert_allclose(high.response - 1e8, plain.response, atol=1e-6)
