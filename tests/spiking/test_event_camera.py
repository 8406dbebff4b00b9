"""Event cameras and integrating motion sensors on labelled films."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx


def film(values: object, units: str = "cd/m^2", dt: str = "1 ms") -> xr.DataArray:
    return cx.as_stimulus(np.asarray(values, float), dt=dt, units=units)


def test_contrast_is_what_counts_in_the_logarithm() -> None:
    course = 10 * np.exp(np.cumsum(np.random.default_rng(1).normal(size=300) * 0.2))
    bright, dark = (
        cx.spiking.EventCamera()(film(scale * course, units)) for scale, units in ((8, "cd/m^2"), (1, "lx"))
    )
    assert bright.on.sum() > 20
    assert bright.off.sum() > 20
    assert int(np.abs(bright.on.values.astype(int) - dark.on).sum()) <= 2  # a rounding of log(8 x) may move an event
    assert bright.on.attrs["units"] == bright.off.attrs["units"] == "count"
    assert bright.on.dtype == np.uint8


def test_linear_thresholds_have_the_unit_of_the_input() -> None:
    camera = cx.spiking.EventCamera("2 cd/m^2", "3 cd/m^2", mode="linear")
    events = camera(film([10, 14.5, 14.5, 5]))
    assert events.on.values.tolist() == [0, 2, 0, 0]
    assert events.off.values.tolist() == [0, 0, 0, 3]
    kilo = cx.spiking.EventCamera("2 cd/m^2", "3 cd/m^2", mode="linear")(film([0.01, 0.0145, 0.0145, 0.005], "kcd/m^2"))
    xr.testing.assert_equal(events, kilo)
    with pytest.raises(cx.UnitError, match="units of the input of EventCamera"):
        cx.spiking.EventCamera("2 cd/m^2", mode="linear")(film([1, 2], "1"))


def test_the_first_frame_makes_no_event_and_may_be_told() -> None:
    assert int(cx.spiking.EventCamera()(film([50, 50])).on.sum()) == 0
    camera = cx.spiking.EventCamera()
    camera.initial = "25 cd/m^2"
    assert camera(film([50, 50])).on.values.tolist() == [3, 0]
    told = cx.run(cx.spiking.EventCamera(), film([50, 50]), initial="25 cd/m^2", progress=False)
    assert told.on.values.tolist() == [3, 0]


def test_darkness_has_no_logarithm() -> None:
    with pytest.raises(cx.ContractError, match=r"finite values above 0 for a logarithm, got 0 .*Cure: an offset"):
        cx.spiking.EventCamera()(film([1, 0]))
    camera = cx.spiking.EventCamera()
    camera.initial = "zeros"
    with pytest.raises(cx.ContractError, match="above 0 for a logarithm"):
        camera(film([1, 1]))
    assert int(cx.spiking.EventCamera("0.5 cd/m^2", mode="linear")(film([1, 0])).off.sum()) == 2


@pytest.mark.parametrize("threshold", [0.2, "0.2 cd/m^2"])
def test_gaps_are_refused_whatever_is_compared(threshold: object) -> None:
    camera = cx.spiking.EventCamera(threshold, mode="log" if threshold == 0.2 else "linear")
    with pytest.raises(cx.ContractError, match=r"wanted finite values, got nan .*Cure: fill the gaps"):
        cx.run(camera, film([1, np.nan, 2]), nan="propagate", progress=False)


def test_refractory_pixels_and_leaks() -> None:
    camera = cx.spiking.EventCamera("1 cd/m^2", mode="linear", refractory="2 ms")
    assert camera(film([0, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5])).on.values.tolist() == [0, 1, 0, 1, 0, 1, 0]
    leaky = cx.spiking.EventCamera(leak="10 Hz")(film(np.ones(2000)))
    assert int(leaky.on.sum()) in (19, 20)


def test_one_polarity_may_be_asked_for() -> None:
    only = cx.run(cx.spiking.EventCamera(), film([1, 2, 1]), outputs=["off"], progress=False)
    assert list(only.data_vars) == ["off"]
    with cx.set_options(dt="1 ms"):
        made = cx.spiking.EventCamera()(torch.tensor([1.0, 2.0]).view(1, 1, 2, 1, 1))
    assert made["on"].flatten().tolist() == [0, 3]


def test_too_many_events_for_a_count_are_refused() -> None:
    with pytest.raises(OverflowError, match="255"):
        cx.spiking.EventCamera("1 cd/m^2", mode="linear")(film([0, 300]))


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(cx.ParameterError, match="threshold_off: wanted a value above 0"):
        cx.spiking.EventCamera(0.2, 0.0)
    with pytest.raises(cx.ParameterError, match="threshold_on: wanted a value between 0"):
        cx.spiking.EventCamera(-0.2)
    with pytest.raises(cx.ParameterError, match="threshold_on: wanted a change of the logarithm"):
        cx.spiking.EventCamera("2 cd/m^2")
    with pytest.raises(cx.ParameterError, match="mode"):
        cx.spiking.EventCamera(mode="cubic")  # type: ignore[arg-type]
    with pytest.raises(cx.UnitError, match="threshold_off"):
        cx.spiking.EventCamera("2 cd/m^2", 0.1, mode="linear")


@pytest.mark.parametrize("dt", ["1 ms", "5 ms"])
def test_a_sensor_counts_the_integral_of_its_input(dt: str) -> None:
    steps = round(2000 / float(dt.split()[0]))
    drive = np.full((steps, 2, 1), 37.3)
    drive[:, 1] = -12.9
    sensor = cx.spiking.IntegratingMotionSensor(threshold_on=0.5, threshold_off=0.4)
    spikes = sensor(cx.as_stimulus(drive, dt=dt, pixel_size="0.1 deg", units="Hz")).sum("time")
    assert spikes.on.values.ravel().tolist() == [int(2 * 37.3 / 0.5), 0]
    assert spikes.off.values.ravel().tolist() == [0, int(2 * 12.9 / 0.4)]


def test_fed_with_the_rate_of_change_it_is_the_linear_camera() -> None:
    light = np.cumsum(np.random.default_rng(3).normal(size=200))
    change = np.diff(light, prepend=light[0]) / 1e-3
    sensor = cx.spiking.IntegratingMotionSensor("0.7 cd/m^2")(film(change, "cd/m^2/s"))
    camera = cx.spiking.EventCamera("0.7 cd/m^2", mode="linear")(film(light))
    assert camera.on.sum() > 20
    xr.testing.assert_equal(sensor, camera)
    with pytest.raises(cx.UnitError, match="units of the input of IntegratingMotionSensor"):
        cx.spiking.IntegratingMotionSensor("0.7 cd/m^2")(film(change, "mV"))
