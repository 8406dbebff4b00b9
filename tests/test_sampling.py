from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pint
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.coordinates import grid
from convis_xr.sampling import Sampling


def _on(time: Any, units: str | None = "s", **attrs: Any) -> xr.DataArray:
    given = {**attrs} if units is None else {"units": units, **attrs}
    return xr.DataArray(np.zeros(len(time)), {"time": ("time", time, given)}, ("time",))


def _film(**kwargs: Any) -> xr.DataArray:
    return cx.as_stimulus(np.zeros((10, 4, 6)), **{"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1", **kwargs})


def _fault(data: Any) -> str:
    with pytest.raises(cx.ContractError) as caught:
        Sampling.of(data)
    assert ". Cure: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "time",
    [
        _on(np.arange(5.0) / 1000),
        _on(np.arange(5), "ms"),
        _on(np.arange(5, dtype="uint8"), "ms"),
        _on(np.arange(5, dtype="float32"), "ms"),
        _on(pd.timedelta_range(0, periods=5, freq="1ms"), None),
        _on(pd.date_range("2020", periods=5, freq="1ms"), None),
        _on(np.arange(5).astype("m8[ms]"), None),
        _on([7.0], "ms", step=1.0),
        _on(36000.123 + np.arange(5) / 1000),
        _on((np.arange(3_600_000) / 1000).astype("f4")),
    ],
)
def test_reads_one_millisecond_off_every_kind_of_time(time: xr.DataArray) -> None:
    assert Sampling.of(time).dt_s == pytest.approx(0.001, rel=1e-6)


@given(st.floats(1e-12, 1e9), st.integers(2, 50), st.floats(-1e3, 1e3))
def test_any_step_from_tiny_to_large(step: float, count: int, start: float) -> None:
    time = start * step + np.arange(count) * step
    assert Sampling.of(_on(time)).dt_s == pytest.approx(step, rel=1e-8)


@given(st.integers(0, 5000), st.integers(2, 500))
def test_every_part_of_a_grid_has_the_same_step(first: int, count: int) -> None:
    film = cx.as_stimulus(np.zeros(6000), dt=pint.Quantity(1 / 24, "s"), units="1")
    part = film.isel(time=slice(first, first + count))
    assert Sampling.of(part) == Sampling.of(film)


@pytest.mark.parametrize(
    ("time", "fault"),
    [
        (_on([0.0, 1, 1, 2]), "duplicates"),
        (_on(np.zeros(3)), "duplicates"),
        (_on([0.0, 1, 2, 4]), "steps from 1 to 2"),
        (_on([3.0, 2, 1]), "descending"),
        (_on(np.array([3, 2, 1], "uint8")), "descending"),
        (_on(np.arange(3)[::-1].astype("m8[ms]"), None), "descending"),
        (_on([0.0, np.nan, 2]), "NaN or infinity"),
        (_on(np.array(["2020-01-01", "NaT", "2020-01-03"], "M8[ns]"), None), "NaN or infinity"),
        (_on(np.array(["NaT", "2020-01-02", "2020-01-03"], "M8[ns]"), None), "NaN or infinity"),
        (_on([0.0, 1], None), "wanted units (s), got none"),
        (_on([0.0, 1], "deg"), "got degree"),
        (_on([0.0, 1], "Hz"), "got Hz"),
        (_on([0.0, 1], "seconds since 2000-01-01"), "a unit that pint knows"),
        (_on(["a", "b"]), "real numbers"),
        (_on([0j, 1j]), "real numbers"),
        (_on(np.array([0, 1], object)), "real numbers"),
        (_on([False, True]), "real numbers"),
        (_on([1.0], step="x"), "time.step"),
        (_on([1.0], step=-1), "time.step"),
        (_on([1.0], step=0), "time.step"),
        (_on([1.0], step=float("nan")), "time.step"),
        (xr.DataArray(np.zeros(3), dims="time"), "a coordinate with units"),
        (_on((9000 + np.arange(50) / 1000).astype("f4")), "time"),
        (np.zeros(3), "as_stimulus"),
    ],
)
def test_faults_of_a_time_axis(time: Any, fault: str) -> None:
    assert fault in _fault(time)


def test_a_dropped_frame_is_not_taken_for_rounding_of_float32() -> None:
    time = np.delete(4000 + np.arange(40) / 1000, 20).astype("f4")
    assert "uniform" in _fault(_on(time))
    assert "too coarse for steps of" in _fault(_on((7000 + np.arange(40) / 1000).astype("f4")))


def test_all_faults_at_once() -> None:
    message = _fault(xr.DataArray(np.zeros((3, 4, 5)), dims=("time", "y", "x")))
    assert [name in message for name in ("1. time", "2. y", "3. x")] == [True] * 3


def test_ten_hours_at_one_kilohertz_cost_nothing() -> None:
    coords = grid({"time": 36_000_000}, Sampling("1 ms"))
    film = xr.DataArray(np.broadcast_to(np.float32(0), 36_000_000), coords, ("time",))
    assert type(film.xindexes["time"]).__name__ == "RangeIndex"
    assert Sampling.of(film).dt_s == 0.001
    assert Sampling.of(film.isel(time=slice(5, 10**6, 3))).dt_s == 0.003
    assert Sampling.of(film.isel(time=slice(5, 6))).dt_s == 0.001
    assert "descending" in _fault(film.isel(time=slice(None, None, -1)))
    for units, fault in ((None, "got none"), ("deg", "got degree"), ("x y z", "pint knows")):
        broken = film.copy(deep=False)
        broken.coords["time"].attrs = {} if units is None else {"units": units}
        assert fault in _fault(broken)


def test_pixels_not_square_and_descending_y() -> None:
    film = _film(pixel_size=("0.1 deg", "0.2 deg"))
    assert Sampling.of(film).pixel_deg == (0.1, 0.2)
    assert Sampling.of(film.isel(y=slice(None, None, -1))).pixel_deg == (0.1, 0.2)
    assert Sampling.of(film.isel(y=[0], x=[0])).pixel_deg == (0.1, 0.2)
    assert Sampling.of(film.isel(y=0)).pixel_deg == (0.2, 0.2)
    assert "descending" in _fault(film.isel(x=slice(None, None, -1)))


@pytest.mark.parametrize(
    "pair",
    [
        ("6 arcmin", "0.2 deg"),
        ["0.1 deg", "0.2 deg"],
        pint.Quantity([0.1, 0.2], "deg"),
        pint.UnitRegistry().Quantity(np.array([6, 12]), "arcmin"),
    ],
)
def test_pair_of_pitches(pair: Any) -> None:
    assert Sampling(pixel_size=pair).pixel_deg == pytest.approx((0.1, 0.2), rel=1e-12)


def test_own_properties_make_the_same_sampling() -> None:
    for sampling in (Sampling("1 ms", "0.05 deg"), Sampling("1 ms", ("0.1 deg", "0.2 deg"))):
        again = Sampling(sampling.dt, sampling.pixel_size)
        assert again == sampling
        assert hash(again) == hash(sampling)
        assert again.agrees(sampling)
    assert not Sampling("1 ms").agrees(Sampling())
    assert not Sampling("1 ms").agrees(Sampling("1.001 ms"))


@pytest.mark.parametrize("value", ["arcmin", "arcminute"])
def test_pixel_coordinates_in_other_angles(value: str) -> None:
    film = _film().assign_coords(y=("y", 6 * np.arange(4.0), {"units": value}))
    assert Sampling.of(film).pixel_deg == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("unit", ["px", "pixel"])
def test_coordinates_in_pixels_are_refused(unit: str) -> None:
    assert "multiply by the pixel pitch" in _fault(_film().assign_coords(x=("x", np.arange(6.0), {"units": unit})))


def test_quantified_data_and_datasets() -> None:
    film = _film()
    assert Sampling.of(film.pint.quantify()) == Sampling.of(film)
    assert Sampling.of(film.to_dataset(name="film").pint.quantify()) == Sampling.of(film)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"dt": 0.001}, "dt: wanted a time"),
        ({"dt": "1 deg"}, "dt: wanted a time"),
        ({"dt": "0 s"}, "dt: wanted something above zero"),
        ({"dt": "-1 ms"}, "dt: wanted something above zero"),
        ({"dt": "nan s"}, "dt: wanted"),
        ({"dt": "1 Hz"}, "dt: wanted a time"),
        ({"pixel_size": 0.05}, "pixel_size: wanted a visual angle"),
        ({"pixel_size": "3 px"}, "multiply by the pixel pitch"),
        ({"pixel_size": "0 deg"}, "above zero"),
        ({"pixel_size": ("1 deg",) * 3}, "pixel_size: wanted"),
        ({"pixel_size": ("1 deg", 2)}, "pixel_size: wanted a visual angle"),
    ],
)
def test_wrong_scales(arguments: dict[str, Any], wanted: str) -> None:
    with pytest.raises(cx.UnitError, match=wanted):
        Sampling(**arguments)


@pytest.mark.parametrize(
    "length", [5, np.int64(5), torch.tensor(5), xr.DataArray(5), "5 ms", "0.005 s", pint.Quantity(5, "ms")]
)
def test_lengths_in_samples_or_time(length: Any) -> None:
    assert Sampling("1 ms").steps(length) == 5


@pytest.mark.parametrize("length", [5.5, 5.0, -5, True, None, [1, 2], 1j, np.nan, np.inf, "5", "1 deg", "-5 ms"])
def test_what_is_no_length(length: Any) -> None:
    with pytest.raises(cx.UnitError, match=r"skip: wanted .* Cure: "):
        Sampling("1 ms").steps(length, "skip")


def test_what_is_not_known_is_asked_for() -> None:
    with pytest.raises(cx.ContractError, match=r'LowPass: wanted a time step.*set_options\(dt="1 ms"\)'):
        Sampling().need_dt("LowPass")
    with pytest.raises(cx.ContractError, match="Blur: wanted a pixel size"):
        Sampling().need_pixel("Blur")
    assert Sampling(pixel_size="0.05 deg").pixels("1 deg") == pytest.approx(20)
