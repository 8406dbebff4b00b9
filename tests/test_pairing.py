"""A response beside its stimulus: which steps it belongs to, and what cannot be one."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.pairing import check_response, stretch

FILM = cx.as_stimulus(np.zeros((20, 2, 3)), dt="10 ms", pixel_size="0.1 deg", units="1")
SAMPLING = cx.Sampling.of(FILM)


def counts(times: np.ndarray, units: str = "s") -> xr.DataArray:
    time = xr.Variable("time", times, {"units": units})
    return xr.DataArray(np.zeros(len(times), "u1"), {"time": time}, ["time"], attrs={"units": "count"})


@given(start=st.integers(0, 19), steps=st.integers(1, 20), units=st.sampled_from(["s", "ms", "min"]))
def test_a_stretch_is_found_whatever_its_unit(start: int, steps: int, units: str) -> None:
    scale = {"s": 1, "ms": 1e3, "min": 1 / 60}[units]
    times = (start + np.arange(steps)) * 0.01 * scale
    if start + steps <= 20:
        assert stretch(FILM, counts(times, units), SAMPLING) == slice(start, start + steps)
    else:
        with pytest.raises(cx.ContractError, match="among the stimulus'"):
            stretch(FILM, counts(times, units), SAMPLING)


@pytest.mark.parametrize(
    "times",
    [
        np.arange(5) * 0.02,
        np.arange(5) * 0.01 + 0.004,
        np.array([0.0, 0.01, 0.03, 0.03, 0.04]),
        np.array([0.0, 0.01, np.nan]),
        np.arange(5) * 0.01 - 0.01,
    ],
    ids=["another step", "between the labels", "uneven", "NaN", "too early"],
)
def test_labels_that_are_not_the_stimulus_own(times: np.ndarray) -> None:
    with pytest.raises(cx.ContractError, match="one grid"):
        stretch(FILM, counts(times), SAMPLING)


def test_dates_and_numbers_are_not_one_axis() -> None:
    dates = counts(np.arange(3)).assign_coords(time=np.array(["2020-01-01"] * 3, "M8[ns]"))
    with pytest.raises(cx.ContractError, match="one axis of time"):
        stretch(FILM, dates, SAMPLING)


def test_dates_are_compared_as_they_are() -> None:
    time = np.datetime64("2020-01-01", "ns") + np.arange(20) * np.timedelta64(10, "ms")
    film = FILM.assign_coords(time=time)
    assert stretch(film, film[3:9], SAMPLING) == slice(3, 9)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (np.zeros(3), "a DataArray"),
        (xr.DataArray(np.zeros(3), dims="cell"), "time"),
        (xr.DataArray(np.zeros(0), dims="time"), "at least one"),
        (xr.DataArray(np.zeros((3, 2)), dims=["time", "x"]), "stack"),
        (xr.DataArray(np.array(["a", "b"]), dims="time"), "real numbers"),
        (xr.DataArray([0.0, np.nan], dims="time"), "fillna"),
        (xr.DataArray([0.0, np.inf], dims="time"), "finite"),
    ],
)
def test_what_cannot_be_a_response(response: object, words: str) -> None:
    with pytest.raises(cx.ContractError, match=words):
        check_response(response)  # type: ignore[arg-type]


def test_frames_and_missing_values_where_they_may_be() -> None:
    frames = xr.DataArray(np.full((3, 2, 2), np.nan), dims=["time", "y", "x"])
    xr.testing.assert_identical(check_response(frames, frames=True, missing=True), frames)
    with pytest.raises(cx.ContractError, match="infinity"):
        check_response(frames.fillna(np.inf), frames=True, missing=True)


def test_a_lazy_response_stays_lazy() -> None:
    lazy = xr.DataArray(np.zeros((6, 2)), dims=["time", "cell"]).chunk(time=2)
    assert check_response(lazy).chunks is not None


def test_a_response_in_a_file_is_not_taken_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convis_xr.pairing.VALUES", 8)
    values = counts(0.01 * np.arange(20)).astype("f8").rename("response")
    values[13] = np.nan
    values.to_netcdf(tmp_path / "response.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "response.nc", engine="h5netcdf") as found:
        assert check_response(found.response, missing=True).isnull().sum() == 1
    with xr.open_dataset(tmp_path / "response.nc", engine="h5netcdf") as found:
        checked = check_response(found.response, missing=True)
        assert not checked.variable._in_memory
        with pytest.raises(cx.ContractError, match="finite values, got NaN"):
            check_response(found.response)
