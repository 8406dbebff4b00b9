"""Intervals: they hold what is true as often as they say, and are what scipy gives for the same draws."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import convis_xr as cx
from tests.analysis.scores.simulated import over_time, signal_and_trials

SIGNAL, TRIALS = signal_and_trials(6, steps=120)


def mean(values: xr.DataArray) -> xr.DataArray:
    return values.mean("time").assign_attrs(units="mV")


@pytest.mark.parametrize("method", ["percentile", "basic", "BCa"])
def test_a_mean_is_that_of_scipy(method: str) -> None:
    values = over_time(np.random.default_rng(1).gamma(1.0, size=(60, 2)), ("time", "cell"), "mV")
    got = cx.analysis.bootstrap(mean, values, over="time", block=1, resamples=300, method=method, seed=7)
    assert got.dims == ("bound", "cell")
    assert list(got.bound.values) == ["lower", "upper"]
    assert got.attrs["units"] == "mV"
    for cell in range(2):
        wanted = stats.bootstrap(
            (values.values[:, cell],), np.mean, n_resamples=300, method=method, rng=np.random.default_rng(7)
        ).confidence_interval
        np.testing.assert_allclose(got[:, cell], wanted, rtol=1e-9)


def test_the_same_seed_gives_the_same_interval() -> None:
    interval = lambda seed: cx.analysis.bootstrap(  # noqa: E731
        cx.analysis.correlation, SIGNAL, TRIALS, over="time", block=10, resamples=50, seed=seed
    )
    np.testing.assert_array_equal(interval(1), interval(1))
    assert not np.array_equal(interval(1), interval(2))


@pytest.mark.parametrize("over", ["time", "cell"])
def test_the_score_lies_within(over: str) -> None:
    block = "50 ms" if over == "time" else None
    kinds = {"resamples": 200, "over": over, "block": block}
    bounds = cx.analysis.bootstrap(cx.analysis.correlation, SIGNAL.chunk(time=50), TRIALS.chunk(time=50), **kinds)
    score = cx.analysis.correlation(SIGNAL, TRIALS)
    score = score.mean("cell") if over == "cell" else score
    assert (bounds.sel(bound="lower") < score).all()
    assert (score < bounds.sel(bound="upper")).all()


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """Of a mean of values that come in runs of five: blocks of time must be at least as long."""
    covered: dict[int, list[float]] = {1: [], 5: []}
    for seed in range(15):
        values = np.repeat(np.random.default_rng(seed).normal(3.0, 1.0, (80, 40)), 5, axis=0)
        shown = over_time(values, ("time", "cell"), "mV")
        for block, rates in covered.items():
            low, high = cx.analysis.bootstrap(
                mean, shown, over="time", block=block, resamples=200, level=0.8, seed=seed
            )
            rates.append(((low < 3.0) & (high > 3.0)).mean().item())
    assert 0.75 < np.mean(covered[5]) < 0.85  # 600 intervals: 0.8 +- 0.016
    assert np.mean(covered[1]) < 0.5  # too short: erf(1.28 / sqrt(5) / sqrt(2)) = 0.43


def test_blocks_are_kept_together_and_labels_stay() -> None:
    seen = []

    def score(values: xr.DataArray) -> xr.DataArray:
        seen.append(values)
        return mean(values)

    values = over_time(np.arange(23.0), units="mV")
    cx.analysis.bootstrap(score, values, over="time", block="50 ms", resamples=20)
    for drawn in seen:
        parts = drawn.values.reshape(4, 5)
        assert (np.diff(parts) == 1).all()
        assert (parts[:, 0] % 5 == 0).all()
        np.testing.assert_array_equal(drawn.time, values.time[:20])
    rate = cx.analysis.bootstrap(
        cx.analysis.bits_per_spike, over_time(np.ones(60) * 30, units="Hz"), over_time(np.tile([0.0, 1, 0], 20)),
        over="time", block=3, resamples=20,
    )  # fmt: skip
    assert np.isfinite(rate).all()


def test_what_makes_no_sense_is_refused() -> None:
    draw = cx.analysis.bootstrap
    for score in (cx.analysis.feve, cx.analysis.cc_norm, cx.analysis.correlation):
        with pytest.raises(cx.ContractError, match="changes with the noise of trials that are drawn twice"):
            draw(score, SIGNAL, TRIALS, over="repeat")
    correlation = cx.analysis.correlation
    for message, arguments in {
        "block: wanted a length": {"over": "time"},
        "block: wanted a length of blocks where": {"over": "cell", "block": 3},
        "one of repeat, time, cell": {"over": "channel"},
        "two of time or more": {"over": "time", "block": "1 s"},
        "one of percentile": {"over": "repeat", "method": "t"},
        "between 0 and 1": {"over": "repeat", "level": 95},
        "resamples: wanted": {"over": "repeat", "resamples": 0},
    }.items():
        with pytest.raises(cx.ContractError, match=message):
            draw(correlation, SIGNAL, TRIALS, **arguments)
    with pytest.raises(cx.ContractError, match="data along repeat"):
        draw(mean, TRIALS[0], over="repeat")


def test_trials_may_be_drawn_for_what_is_averaged_over_them() -> None:
    average = lambda trials: trials.mean("repeat")  # noqa: E731
    low, high = cx.analysis.bootstrap(average, TRIALS[:, :, 0], over="repeat", resamples=200)
    assert low.dims == ("time",)
    assert 0.75 < float(((low < SIGNAL[:, 0]) & (SIGNAL[:, 0] < high)).mean()) < 0.98  # of six trials: not quite 0.95


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_scores_that_are_nan_or_alike_are_quiet(method: str) -> None:
    rng = np.random.default_rng(0)
    prediction = xr.DataArray(rng.normal(size=(40, 1)), dims=("time", "cell")).isel(cell=[0, 0, 0])
    silent = prediction * 0
    found = cx.analysis.bootstrap(cx.analysis.correlation, prediction, silent, over="cell", resamples=9, method=method)
    assert np.isnan(found).all()
    same = cx.analysis.bootstrap(
        cx.analysis.correlation, prediction, prediction, over="cell", resamples=9, method=method
    )
    assert np.isnan(same).all() == (method == "BCa")
    with pytest.raises(cx.ContractError, match="resamples: wanted 2 or more"):
        cx.analysis.bootstrap(cx.analysis.correlation, prediction, prediction, over="cell", resamples=1)
