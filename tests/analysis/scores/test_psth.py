"""Rates over time against plain loops."""

from __future__ import annotations

import dask
import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from tests.analysis.scores.simulated import DT, over_time


def counts(missing: bool = False) -> xr.DataArray:
    values = np.random.default_rng(1).poisson(0.8, (5, 23, 2)).astype(float)
    if missing:
        values[0, :9, 0] = np.nan  # two bins and a part of a third
        values[1:, 4:8, 1] = np.nan
        values[:, 12:16, 1] = np.nan
    return over_time(values, ("repeat", "time", "cell"))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("chunks", [None, {"time": 5, "repeat": 2}])
def test_with_loops(missing: bool, chunks: dict[str, int] | None) -> None:
    response = counts(missing)
    got = cx.analysis.psth(response if chunks is None else response.chunk(chunks), "40 ms")
    assert (got.rate.chunks is None) == (chunks is None)
    with dask.config.set(scheduler="synchronous"):
        got = got.compute()
    assert dict(got.sizes) == {"time": 5, "cell": 2}  # three steps fill no bin
    np.testing.assert_allclose(got.time, 1.5 + 0.04 * np.arange(5))
    for cell in range(2):
        for at in range(5):
            part = response.values[:, 4 * at : 4 * at + 4, cell]
            rates = np.array([row[~np.isnan(row)].mean() / DT for row in part if not np.isnan(row).all()])
            assert int(got.repeats[at, cell]) == len(rates)
            wanted = (rates.mean(), rates.std(ddof=1) / np.sqrt(len(rates))) if len(rates) > 1 else (
                rates.mean() if len(rates) else np.nan, np.nan)  # fmt: skip
            np.testing.assert_allclose([got.rate[at, cell], got.standard_error[at, cell]], wanted)
    assert got.rate.attrs["units"] == got.standard_error.attrs["units"] == "Hz"
    assert got.time.attrs["units"] == "s"


def test_rates_and_single_trials_do() -> None:
    response = counts()
    hertz = (response / DT).assign_attrs(units="Hz")
    np.testing.assert_allclose(cx.analysis.psth(hertz, 4).rate, cx.analysis.psth(response, "40 ms").rate)
    one = cx.analysis.psth(response[0], 4)
    assert one.standard_error.isnull().all()
    np.testing.assert_allclose(one.rate[0], response[0, :4].sum("time") / 0.04)


def test_the_standard_error_is_the_spread_of_means() -> None:
    many = over_time(np.random.default_rng(2).poisson(0.5, (8, 2, 4000)), ("repeat", "time", "cell"))
    histogram = cx.analysis.psth(many, "20 ms")
    spread = float(histogram.rate.std())
    assert spread == pytest.approx(np.sqrt(0.5 / DT / 0.02 / 8), rel=0.03)
    assert float(np.sqrt((histogram.standard_error**2).mean())) == pytest.approx(spread, rel=0.03)


def test_bins_that_do_not_fit_are_refused() -> None:
    for bin, message in (("25 ms", "whole number of time steps of 0.01 s"), ("0 s", "whole number"), (24, "no more")):
        with pytest.raises(cx.ContractError, match=f"bin: wanted .*{message}"):
            cx.analysis.psth(counts(), bin)
    with pytest.raises(cx.UnitError, match=r"got 0\.02"):
        cx.analysis.psth(counts(), 0.02)
    with pytest.raises(cx.UnitError, match="response"):
        cx.analysis.psth(counts().assign_attrs(units="mV"), 2)
    with pytest.raises(cx.ContractError, match="time: wanted a coordinate"):
        cx.analysis.psth(counts().drop_vars("time"), 2)


def test_half_precision_does_not_overflow() -> None:
    time = xr.Variable("time", np.arange(4) * 0.001, {"units": "s"})
    counts = xr.DataArray(
        np.full((2, 4), 100, np.float16), {"time": time}, ("repeat", "time"), attrs={"units": "count"}
    )
    assert (cx.analysis.psth(counts, 2).rate == 1e5).all()
