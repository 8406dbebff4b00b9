"""Films on the grid of a model: right, lazy, and the same bits however they are read."""

from __future__ import annotations

import time

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, UnitError
from convis_xr.io import open_stimulus, resample
from convis_xr.io.video import VideoReader
from tests.io.films import noise, stimulus, write_film

METHODS = {"space": st.sampled_from(["area", "linear", "nearest"]), "time": st.sampled_from(["hold", "linear"])}


@given(
    chunks=st.tuples(st.integers(1, 9), st.integers(5, 12), st.integers(7, 16)),
    dt=st.sampled_from([None, "7 ms", "40 ms", "90 ms"]),
    size=st.sampled_from([None, (3, 5), (12, 16), (20, 31)]),
    channels=st.sampled_from([0, 3]),
    begin=st.integers(0, 6),
    space=METHODS["space"],
    how=METHODS["time"],
)
def test_however_it_is_chunked_and_cut_the_bits_are_the_same(chunks, dt, size, channels, begin, space, how):
    film = stimulus(noise(9, 12, 16, channels=channels))
    if dt is None and size is None:
        size = (5, 5)
    whole = resample(film, dt, size=size, space=space, time=how)
    chunked = film.chunk(dict(zip(("time", "y", "x"), chunks, strict=True)))
    other = resample(chunked, dt, size=size, space=space, time=how)
    assert whole.dtype == other.dtype
    xr.testing.assert_identical(whole.compute(), other.compute())
    xr.testing.assert_identical(
        whole.isel(time=slice(begin, begin + 2)).compute(), other.compute()[..., begin : begin + 2, :, :]
    )
    xr.testing.assert_identical(whole[..., 1:3, 2].compute(), whole.compute()[..., 1:3, 2])


def test_held_frames_keep_their_type_and_values():
    film = stimulus(noise(4, 6, 8))
    fast = resample(film, dt="1 ms")
    assert fast.dtype == np.uint8
    assert fast.attrs == film.attrs
    np.testing.assert_array_equal(fast.values, noise(4, 6, 8).repeat(40, axis=0))
    np.testing.assert_allclose(fast.time, np.arange(160) * 1e-3, atol=1e-12)
    check_stimulus(fast)


def test_frames_fade_into_the_next_one():
    film = stimulus(np.array([0.0, 10.0, 30.0]), valid_range=None)
    faded = resample(film, dt="10 ms", time="linear").values
    np.testing.assert_allclose(faded, [0, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 30, 30, 30])


def test_longer_steps_pick_the_frame_that_is_shown():
    film = stimulus(np.arange(10, dtype=np.uint8))
    assert resample(film, dt="100 ms").values.tolist() == [0, 2, 5, 7]


def test_area_is_the_mean_over_the_new_pixel():
    film = stimulus(noise(3, 12, 16))
    small = resample(film, pixel_size="0.4 deg")
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, noise(3, 12, 16).reshape(3, 3, 4, 4, 4).mean((2, 4)), rtol=1e-6)
    np.testing.assert_allclose(small.x, [-0.6, -0.2, 0.2, 0.6])
    np.testing.assert_allclose(small.y, [0.4, 0, -0.4], atol=1e-12)
    _, sampling = check_stimulus(small)
    assert sampling.pixel_deg == pytest.approx((0.4, 0.4))


def test_nearest_keeps_the_type():
    small = resample(stimulus(noise(3, 12, 15)), size=(4, 5), space="nearest")
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, noise(3, 12, 15)[:, 1::3, 1::3])


def test_channels_keep_their_names():
    film = stimulus(noise(2, channels=3)).assign_coords(channel=["r", "g", "b"])
    small = resample(film, dt="20 ms", size=(6, 8))
    assert list(small.channel.values) == ["r", "g", "b"]
    grey = film.isel(channel=1, drop=True)
    np.testing.assert_array_equal(small[1], resample(grey, dt="20 ms", size=(6, 8)))


def test_the_same_frames_at_other_times_are_another_film():
    film = stimulus(noise(3)).chunk()
    times = film.time.copy(data=[0.0, 0.04, 0.09])
    both = xr.Dataset({"a": resample(film, dt="10 ms"), "b": resample(film.assign_coords(time=times), dt="10 ms")})
    both = both.compute()
    np.testing.assert_array_equal(both.a[8], noise(3)[2])
    np.testing.assert_array_equal(both.b[8], noise(3)[1])


def test_the_middle_of_a_cut_out_stays_where_it_is():
    film = stimulus(noise(2, 12, 16)).isel(x=slice(8, None), y=slice(0, 6))
    small = resample(film, pixel_size="0.2 deg")
    assert float(small.x.mean()) == pytest.approx(0.4)
    assert float(small.y.mean()) == pytest.approx(0.3)
    assert small.y[0] > small.y[-1]


def test_pictures_that_stand_on_their_head_are_turned():
    film = stimulus(noise(2, 4, 4))
    xr.testing.assert_identical(
        resample(film.isel(y=slice(None, None, -1)), size=(2, 2)).compute(), resample(film, size=(2, 2)).compute()
    )


def test_ten_hours_at_a_millisecond_cost_nothing_until_read():
    frames = da.zeros((864_000, 88, 160), dtype=np.uint8, chunks=(500, -1, -1))
    film = stimulus(frames, dt="0.041666666666666664 s")
    begun = time.perf_counter()
    fast = resample(film, dt="1 ms")
    part = fast.isel(time=slice(30_000_000, 30_000_010)).load()
    assert fast.sizes["time"] == 36_000_000
    assert fast.data.npartitions < 100_000
    assert part.shape == (10, 88, 160)
    assert check_stimulus(fast)[1].dt_s == 0.001
    assert time.perf_counter() - begun < 10  # far below what writing out tasks or samples would take


def test_read_block_by_block_each_frame_is_decoded_once(tmp_path, monkeypatch):
    path = write_film(tmp_path / "film.mp4", noise(40))
    decoded, decode = [], VideoReader._decode
    monkeypatch.setattr(VideoReader, "_decode", lambda self, index: (decoded.append(index), decode(self, index))[1])
    fast = resample(open_stimulus(path, pixel_size="0.1 deg", chunk=7), dt="1 ms", size=(12, 16))
    blocks = [fast.isel(time=slice(at, at + 100)).values for at in range(0, fast.sizes["time"], 100)]
    assert decoded == list(range(40))
    np.testing.assert_array_equal(np.concatenate(blocks), fast.values)


def test_without_space_only_time_changes():
    assert resample(stimulus(np.arange(3.0), valid_range=None), dt="20 ms").values.tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ContractError, match=r"none without y and x"):
        resample(stimulus(np.arange(3.0), valid_range=None), size=(2, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dt": 0.001}, UnitError, r'dt="0\.001 s"|dt: wanted a time'),
        ({"dt": "3 deg"}, UnitError, "dt: wanted a time"),
        ({"pixel_size": "3 px"}, UnitError, "pixel_size: wanted a visual angle"),
        ({"pixel_size": "9 deg"}, ContractError, "y grid: wanted pixels within"),
        ({"size": (2, 2, 2)}, ContractError, "size: wanted whole pixels"),
        ({"size": (0, 2)}, ContractError, "size: wanted whole pixels"),
        ({"size": (2, 2), "space": "cubic"}, ContractError, "space: wanted one of area, linear, nearest"),
        ({"dt": "1 ms", "time": "cubic"}, ContractError, "time: wanted one of hold, linear"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        resample(stimulus(noise(3, 4, 4)), **arguments)


def test_bad_films():
    with pytest.raises(ContractError, match="labelled DataArray"):
        resample(np.zeros((3, 4, 4)), dt="1 ms")
    with pytest.raises(ContractError, match="time"):
        resample(stimulus(noise(3, 4, 4)).drop_vars("time"), dt="1 ms")
    with pytest.raises(ContractError, match="wanted only batch"):
        resample(stimulus(noise(3, 4, 4)).rename(x="lon"), dt="1 ms")
