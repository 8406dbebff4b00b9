"""What holds for every generator: lazy, random access, and no chunk matters."""

from __future__ import annotations

import functools
import tracemalloc

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr import Sampling, set_options, stimuli
from convis_xr.contract import check_stimulus, valid_range
from convis_xr.stimuli.frames import BLOCK_BYTES, Frames, lazy

DURATION, SIZE = "60 ms", (5, 7)
GENERATORS = {
    "moving_grating": {"spatial_frequency": "1 cpd", "temporal_frequency": "7.3 Hz", "direction": "33 deg"},
    "square_grating": {"spatial_frequency": "1 cpd", "speed": "9 deg/s", "direction": "190 deg", "waveform": "square"},
    "counterphase_grating": {"spatial_frequency": "1 cpd", "temporal_frequency": "31 Hz", "phase": "20 deg"},
    "moving_bar": {"width": "0.2 deg", "speed": "10 deg/s", "length": "0.3 deg", "direction": "70 deg"},
    "sharp_bar": {"width": "0.2 deg", "speed": "10 deg/s", "sharp": True, "contrast": -0.7, "background": 0.1},
    "random_checker": {"checker_size": "0.2 deg", "refresh": "7 ms", "seed": 3},
    "white_noise": {"refresh": 2, "seed": 3},
    "sparse_noise": {"spot_size": "0.1 deg", "p": 0.2, "seed": 3},
    "uniform": {"contrast": -0.2},
    "pulse": {"onset": "10 ms", "length": "20 ms", "radius": "0.2 deg", "edge": "0.1 deg", "background": -0.5},
    "impulse": {"at": 17},
    "step": {"at": "13 ms", "contrast": -1},
    "frequency_sweep": {"stop": "80 Hz", "contrast": 0.8},
    "contrast_sweep": {"temporal_frequency": "60 Hz"},
}
FUNCTIONS = {"square_grating": "moving_grating", "sharp_bar": "moving_bar"}


def make(name: str, **changed: object) -> xr.DataArray:
    function = getattr(stimuli, FUNCTIONS.get(name, name))
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        return function(DURATION, SIZE, **GENERATORS[name], **changed)


@functools.cache
def whole(name: str, dtype: str = "float32") -> np.ndarray:
    return make(name, dtype=dtype).values


def raise_if_computed(graph: object, keys: object, **options: object) -> None:
    raise RuntimeError("computed")


@pytest.mark.parametrize("name", GENERATORS)
@given(data=st.data())
def test_no_chunk_matters(name: str, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    chunk = data.draw(st.integers(1, 70))
    first, last = sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    stride = data.draw(st.integers(1, 9))
    made = make(name, chunk=chunk, dtype=dtype)
    np.testing.assert_array_equal(made.values, whole(name, dtype))
    part = made.isel(time=slice(first, last, stride), y=slice(1, 4), x=3)
    np.testing.assert_array_equal(part.values, whole(name, dtype)[first:last:stride, 1:4, 3])


# the sweeps are spread over their own length
@pytest.mark.parametrize("name", [name for name in GENERATORS if not name.endswith("sweep")])
def test_the_future_changes_no_past(name: str) -> None:
    function = getattr(stimuli, FUNCTIONS.get(name, name))
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        longer = function("90 ms", SIZE, **GENERATORS[name])
    np.testing.assert_array_equal(longer[:60].values, whole(name))


@pytest.mark.parametrize("name", GENERATORS)
def test_keeps_the_contract(name: str) -> None:
    made = make(name)
    checked, sampling = check_stimulus(made)
    assert checked.dims == ("time", "y", "x")
    assert checked.shape == (60, 5, 7)
    assert sampling == Sampling("1 ms", "0.1 deg")
    assert made.dtype == np.float32
    assert made.attrs["units"] == "1"
    assert valid_range(made) == (0.0, 1.0)
    assert made.attrs["long_name"]
    values = whole(name)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() <= 1
    # the contrast that is written down is the greatest that occurs
    assert np.abs(values / 0.5 - 1).max() <= made.attrs["contrast"] + 1e-6


@pytest.mark.parametrize("name", GENERATORS)
def test_attributes_and_values_survive_zarr_and_netcdf(name: str, tmp_path) -> None:
    made = make(name, chunk=25)
    made.to_dataset(name="stimulus").to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    with xr.open_zarr(tmp_path / "a.zarr", consolidated=False) as back:
        xr.testing.assert_identical(back["stimulus"].load(), made.load())
    made.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "a.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back, made)
        assert back.attrs["units"] == "1"
        assert list(back.attrs["valid_range"]) == [0.0, 1.0]


@pytest.mark.parametrize("name", GENERATORS)
def test_absolute_luminance_is_the_relative_one_times_the_mean(name: str) -> None:
    bright = make(name, units="cd/m^2", mean="120 cd/m^2")
    assert bright.attrs["units"] == "cd/m^2"
    assert valid_range(bright) == (0.0, 240.0)
    np.testing.assert_allclose(bright.values, whole(name) * 240, rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("name", GENERATORS)
def test_nothing_is_computed_before_it_is_read(name: str) -> None:
    with dask.config.set(scheduler=raise_if_computed):
        made = make(name)
        with pytest.raises(RuntimeError, match="computed"):
            made.load()


@pytest.mark.parametrize("name", ["moving_grating", "random_checker", "moving_bar", "step"])
def test_ten_hours_cost_nothing_until_they_are_read(name: str) -> None:
    function = getattr(stimuli, name)
    make(name)  # so that no import is counted
    tracemalloc.start()
    try:
        long = function("10 h", (100, 100), dt="1 ms", pixel_size="0.1 deg", **GENERATORS[name])
        peak = tracemalloc.get_traced_memory()[1]
        assert long.sizes["time"] == 36_000_000
        part = long.isel(time=slice(18_000_000, 18_000_100)).load()
        read = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert read < 150e6
    assert part.shape == (100, 100, 100)
    np.testing.assert_allclose(part["time"].values[:2], [18_000.0, 18_000.001], rtol=0, atol=1e-9)
    assert Sampling.of(part) == Sampling("1 ms", "0.1 deg")


def test_late_frames_are_as_exact_as_early_ones() -> None:
    arguments = {"spatial_frequency": "1 cpd", "temporal_frequency": "4 Hz", "dt": "1 ms", "pixel_size": "0.1 deg"}
    long = stimuli.moving_grating("10 h", 10, dtype="float64", **arguments)
    late = long.isel(time=slice(35_000_000, 35_000_250))
    np.testing.assert_allclose(late.values, long[:250].values, rtol=0, atol=1e-9)


def test_blocks_are_of_a_fair_size_and_only_what_is_asked_for_is_rendered() -> None:
    asked: list[int] = []

    def render(index: np.ndarray) -> np.ndarray:
        asked.extend(index.tolist())
        return np.broadcast_to(index[:, None, None], (len(index), 100, 100))

    data = lazy(render, (100_000, 100, 100), np.dtype(np.float32))
    assert BLOCK_BYTES / 2 < np.prod(data.chunksize) * 4 <= BLOCK_BYTES
    assert data[5_000:5_003, 2].compute(scheduler="synchronous")[:, 0].tolist() == [5000, 5001, 5002]
    assert asked == [5000, 5001, 5002]


@pytest.mark.parametrize(
    "key", [np.s_[3], np.s_[-1], np.s_[2:2], np.s_[::-2], np.s_[1:4, 1], np.s_[:, ::-1, 1], np.s_[[4, 1]]]
)
def test_frames_are_indexed_as_an_array(key: object) -> None:
    def render(index: np.ndarray) -> np.ndarray:
        return index[:, None, None] + np.arange(6.0).reshape(2, 3) / 10

    frames = Frames(render, (9, 2, 3), np.dtype(np.float64))
    expected = render(np.arange(9))
    np.testing.assert_array_equal(frames[key if isinstance(key, tuple) else (key,)], expected[key])
    np.testing.assert_array_equal(lazy(render, (9, 2, 3), np.dtype(np.float64), 4)[key].compute(), expected[key])


def test_the_same_stimulus_has_the_same_name() -> None:
    assert make("white_noise").data.name == make("white_noise").data.name
    assert make("white_noise").data.name != make("white_noise", chunk=3).data.name
