"""Distances of spike trains against closed forms and the least cost by dynamic programming."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from tests.analysis.scores.simulated import DT, over_time

TRIALS = over_time(np.random.default_rng(1).poisson(0.15, (4, 40, 2)), ("repeat", "time", "cell"))


def trains(repeat: int, cell: int) -> np.ndarray:
    return np.repeat(TRIALS.time.values, TRIALS.values[repeat, :, cell])


def squared_van_rossum(a: np.ndarray, b: np.ndarray, tau: float) -> float:
    """The integral of products of exponentials is tau/2 exp(-|s - t|/tau)."""
    kernel = lambda p, q: np.exp(-np.abs(p[:, None] - q[None, :]) / tau).sum()  # noqa: E731
    return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)


def victor_purpura(a: np.ndarray, b: np.ndarray, cost: float) -> float:
    table = np.zeros((len(a) + 1, len(b) + 1))
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i in range(len(a)):
        for j in range(len(b)):
            move = table[i, j] + cost * abs(a[i] - b[j])
            table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, move)
    return float(table[-1, -1])


@pytest.mark.parametrize("form", ["counts", "lazy counts", "table"])
def test_between_trials(form: str) -> None:
    spikes = {"counts": TRIALS, "lazy counts": TRIALS.chunk(time=7), "table": cx.analysis.spike_times(TRIALS)}[form]
    rossum = cx.analysis.van_rossum_distance(spikes, "30 ms")
    purpura = cx.analysis.victor_purpura_distance(spikes, "20 Hz")
    assert rossum.dims == purpura.dims == ("cell", "repeat", "repeat_")
    for cell in range(2):
        for one in range(4):
            for other in range(4):
                a, b = trains(one, cell), trains(other, cell)
                wanted = np.sqrt(max(squared_van_rossum(a, b, 0.03), 0))
                assert float(rossum[cell, one, other]) == pytest.approx(wanted, abs=1e-6)
                assert float(purpura[cell, one, other]) == pytest.approx(victor_purpura(a, b, 20.0), abs=1e-9)


def test_between_cells_in_any_order_of_labels() -> None:
    named = TRIALS[0].assign_coords(cell=["b", "a"])
    made = cx.analysis.victor_purpura_distance(named, "20 Hz", along="cell")
    assert made.dims == ("cell", "cell_")
    assert list(made.cell.values) == list(made.cell_.values) == ["b", "a"]
    assert float(made.sel(cell="b", cell_="a")) == pytest.approx(victor_purpura(trains(0, 0), trains(0, 1), 20.0))
    again = cx.analysis.victor_purpura_distance(cx.analysis.spike_times(named), "20 Hz", along="cell")
    assert float(again.sel(cell="b", cell_="a")) == pytest.approx(float(made[0, 1]))
    three = over_time(np.array([[1, 1], [0, 1], [0, 0]]).T, ("time", "cell")).assign_coords(cell=[30, 10, 20])
    made = cx.analysis.victor_purpura_distance(three, "0 Hz", along="cell")
    np.testing.assert_array_equal(made[0], [0, 1, 2])


def test_silent_trains_count_and_limits_hold() -> None:
    silent = TRIALS.copy(data=TRIALS.values * np.array([1, 0, 1, 0])[:, None, None])
    number = silent.sum("time")
    made = cx.analysis.victor_purpura_distance(silent, "0 Hz")
    np.testing.assert_array_equal(made, np.abs(number - number.rename(repeat="repeat_")).transpose(*made.dims))
    rossum = cx.analysis.van_rossum_distance(silent, "1e6 s")
    np.testing.assert_allclose(
        rossum, np.abs(number - number.rename(repeat="repeat_")).transpose(*made.dims), atol=2e-2
    )
    one = over_time(np.array([[0, 1, 0], [0, 0, 0]]), ("repeat", "time"))
    assert float(cx.analysis.van_rossum_distance(one, "5 ms")[0, 1]) == pytest.approx(1.0)


def test_what_does_not_fit_is_refused() -> None:
    measure = cx.analysis.van_rossum_distance
    for bad, message in (
        (TRIALS[0], "spikes of several trains, over 'repeat'"),
        (TRIALS * 0.5, "whole counts per time step"),
        (cx.analysis.spike_times(TRIALS).drop_vars("repeat"), "over 'repeat', got a table with"),
    ):
        with pytest.raises(cx.ContractError, match=message):
            measure(bad, "10 ms")
    with pytest.raises(cx.UnitError, match=r'time_constant="0\.01 s"'):
        measure(TRIALS, 0.01)
    with pytest.raises(cx.ContractError, match="more than zero"):
        measure(TRIALS, "0 s")
    with pytest.raises(cx.ContractError, match="zero or more"):
        cx.analysis.victor_purpura_distance(TRIALS, "-1 Hz")


def test_times_in_another_unit() -> None:
    table = cx.analysis.spike_times(TRIALS)
    other = table.assign(time=(table.time * 1000).assign_attrs(units="ms"))
    wanted, got = (cx.analysis.victor_purpura_distance(one, "20 Hz") for one in (table, other))
    np.testing.assert_allclose(got, wanted, atol=1e-9)
    assert isinstance(got, xr.DataArray)
    assert pytest.approx(float(np.diff(TRIALS.time)[0])) == DT
