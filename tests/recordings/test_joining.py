"""`join`: what fits together, and what a mismatch looks like."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.recordings import bin_spikes, join, spike_table


@pytest.fixture
def film():
    return cx.as_stimulus(np.random.default_rng(0).normal(size=(6000, 2, 2)), dt="10 ms", pixel_size="1 deg", units="1")


@pytest.fixture
def trains():
    draw = np.random.default_rng(1)
    return {cell: np.sort(draw.uniform(0, 60, 300)) for cell in "abc"}


def scaled(trains, factor=1.0, shift=0.0):
    return spike_table({cell: train * factor + shift for cell, train in trains.items()})


def test_what_fits_is_binned_on_the_stimulus(film, trains):
    shown, response = join(film, scaled(trains))
    xr.testing.assert_identical(shown, film)
    xr.testing.assert_identical(response, bin_spikes(scaled(trains), film))
    assert cx.analysis.sta(shown, response, window="50 ms").sizes["cell"] == 3


def test_offset_and_clock_are_taken(film, trains):
    shifted = scaled(trains, 1.002, 5.0)
    with pytest.raises(cx.ContractError, match=r'looks like a shift: offset="-5\.\d* s"'):
        join(film, shifted)
    response = join(film, shifted, offset=f"{-5 / 1.002} s", clock=1 / 1.002)[1]
    np.testing.assert_array_equal(response.values, bin_spikes(scaled(trains), film).values)


@pytest.mark.parametrize(
    ("factor", "meaning"),
    [
        (1e3, "ms read as s"),
        (1e6, "us read as s"),
        (1e-3, "s read as ms"),
        (2e4, "samples of 20000 Hz read as s"),
        (1.05, r"a clock that runs fast: clock=0\.95"),
        (0.95, r"a clock that runs slow, or a recording that ends early: clock=1\.05"),
        (0.5, "another stimulus"),
        (3.3, "another stimulus"),
    ],
)
def test_a_ratio_of_spans_tells_what_it_looks_like(film, trains, factor, meaning):
    with pytest.raises(cx.ContractError, match=f"wanted spikes of the stimulus' span, 0 to 60 s, got 900 .*{meaning}"):
        join(film, scaled(trains, factor))


def test_a_clock_a_hundredth_off_raises_although_all_spikes_are_within(film, trains):
    with pytest.raises(cx.ContractError, match="clock that runs slow"):
        join(film, scaled(trains, 0.985))
    join(film, scaled(trains, 0.995))  # too little to tell from chance


def test_spikes_before_the_stimulus_are_counted_where_that_is_meant(film, trains):
    early = spike_table({cell: np.append(train, -4.0) for cell, train in trains.items()})
    with pytest.raises(cx.ContractError, match="from -4 to"):
        join(film, early)
    response = join(film, early, tolerance=0.1)[1]
    assert response["outside"].values.tolist() == [1, 1, 1]


def test_few_spikes_do_not_tell_a_span(film):
    assert int(join(film, spike_table({0: [3.0]}))[1].sum()) == 1
    assert int(join(film, spike_table({0: [1.0, 2.0, 3.0]}))[1].sum()) == 3
    table = xr.Dataset(coords={"cell": [4, 5]})
    assert int(join(film, spike_table({}), cells=table)[1].sum()) == 0
    with pytest.raises(cx.ContractError, match="0 of them within"):
        join(film, spike_table({0: [61.0]}), tolerance=1.0)


def test_frame_times_put_the_frames_on_a_clock(film, trains):
    times = np.arange(6000) * 10.0
    times[3000:] += 20.0  # two refreshes were missed
    frame_times = xr.DataArray(times, dims="time", attrs={"units": "ms"})
    shown, response = join(film, scaled(trains), frame_times=frame_times, dt="10 ms")
    assert shown.sizes["time"] == response.sizes["time"] == 6002
    np.testing.assert_array_equal(shown[2999:3003].values, film.values[[2999, 2999, 2999, 3000]])
    uneven = film.assign_coords(time=frame_times)
    xr.testing.assert_identical(join(uneven, scaled(trains))[0].compute(), shown.compute())


def test_another_step_and_other_input_raise(film, trains):
    join(film, scaled(trains), dt="0.01 s")
    with pytest.raises(cx.ContractError, match=r"dt: wanted 0\.01 s, the stimulus' own, got 1 ms\. Cure: .*resample"):
        join(film, scaled(trains), dt="1 ms")
    with pytest.raises(cx.ContractError, match=r"stimulus: wanted a DataArray over time, got ndarray"):
        join(film.values, scaled(trains))
    with pytest.raises(cx.ContractError, match=r"stimulus: wanted a DataArray over time, got Dataset"):
        join(film.to_dataset(name="film"), scaled(trains))
    with pytest.raises(cx.ContractError, match="time: wanted a coordinate with units"):
        join(film.drop_vars("time"), scaled(trains))
    with pytest.raises(cx.ContractError, match="clock: wanted a factor"):
        join(film, scaled(trains, 1e-3), clock=1e3)
