"""What is written is read back; what is interrupted leaves nothing."""

from __future__ import annotations

import tracemalloc

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError
from convis_xr.io import open_stimulus, save_stimulus, to_images, to_inr, to_npy
from tests.io.films import noise, stimulus

#: how a film is read back, by its name; "" is a folder of pictures
SCALES = {"dt": "40 ms", "pixel_size": "0.1 deg"}
GREY = {"a.zarr": {}, "a.nc": {}, "a.h5": {}, "a.npy": SCALES, "a.inr": {}, "a.avi": {}, "a": SCALES}


@pytest.mark.parametrize("name", GREY)
@given(chunk=st.integers(1, 8))
def test_grey_film_comes_back_whole(tmp_path_factory, name, chunk):
    path = tmp_path_factory.mktemp("round") / name
    film = stimulus(noise(7, 5, 6))
    save_stimulus(film.chunk(time=chunk, y=3), path)
    again = open_stimulus(path, **GREY[name])
    xr.testing.assert_equal(again.compute(), film)
    assert again.attrs == film.attrs
    assert [file.name for file in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.zarr", "a.nc", "a.npy", "a.inr"])
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
@pytest.mark.parametrize("channels", [0, 2])
def test_numbers_of_any_kind_come_back(tmp_path, name, dtype, channels):
    film = stimulus((noise(7, channels=channels) - 9.0).astype(dtype), units="mV", valid_range=None)
    save_stimulus(film, tmp_path / name)
    again = open_stimulus(tmp_path / name, **(SCALES if name == "a.npy" else {}), units="mV")
    assert again.dtype == film.dtype
    xr.testing.assert_equal(again.compute(), film)


@pytest.mark.parametrize("name", ["a.zarr", "a.nc", "a.npy"])
def test_time_alone_and_batches_come_back(tmp_path, name):
    for film in (stimulus(np.arange(5.0)), stimulus(noise(3)[None, None].repeat(2, axis=0))):
        save_stimulus(film.chunk(time=2), tmp_path / name, overwrite=True)
        xr.testing.assert_equal(open_stimulus(tmp_path / name, **SCALES, units="1").compute(), film)


@pytest.mark.parametrize("suffix", [".png", ".ppm", ".tif", ".bmp"])
def test_pictures_in_colour_and_scaled(tmp_path, suffix):
    film = stimulus(noise(3, channels=3) / 255.0, valid_range=(0, 1))
    to_images(film, tmp_path / "film", suffix=suffix)
    again = open_stimulus(tmp_path / "film", **SCALES, luminance="channels")
    np.testing.assert_array_equal(again, noise(3, channels=3))


def test_pictures_of_sixteen_bits(tmp_path):
    film = stimulus(noise(3).astype(np.uint16) * 257, valid_range=(0, 65535))
    to_images(film, tmp_path / "film")
    np.testing.assert_array_equal(open_stimulus(tmp_path / "film", **SCALES), film)


def failing(block):
    if block.size and block.min() < 0:
        raise RuntimeError("the disk caught fire")
    return block


@pytest.mark.parametrize("name", [*GREY, "a.mp4", "a.gif"])
def test_an_interrupted_write_leaves_nothing_and_what_was_there(tmp_path, name):
    film = stimulus(np.zeros((8, 6, 6)))
    broken = film.copy(data=film.values - (np.arange(8) == 6)[:, None, None]).chunk(time=1)
    broken = broken.copy(data=broken.data.map_blocks(failing, dtype=float, meta=np.empty((0, 0, 0))))
    with pytest.raises(RuntimeError, match="caught fire"):
        save_stimulus(broken, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    save_stimulus(film, tmp_path / name)
    before = _content(tmp_path)
    with pytest.raises(RuntimeError, match="caught fire"):
        save_stimulus(broken, tmp_path / name, overwrite=True)
    assert _content(tmp_path) == before
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_stimulus(film, tmp_path / name)
    save_stimulus(film, tmp_path / name, overwrite=True)
    assert set(_content(tmp_path)) == set(before)


def _content(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["a.npy", "a.inr", "a.avi"])
def test_memory_does_not_grow_with_the_film(tmp_path, name):
    blocks = da.zeros((400, 256, 256), dtype=np.uint8, chunks=(10, -1, -1))  # 26 MB
    film = stimulus(blocks)
    tracemalloc.start()
    save_stimulus(film.isel(time=slice(0, 100)), tmp_path / f"short-{name}")
    short = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    save_stimulus(film, tmp_path / name)
    long = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert long < max(short, 2**24) * 3 < 400 * 256 * 256 * 4


def test_the_whole_film_is_checked_before_anything_is_written(tmp_path):
    with pytest.raises(ContractError, match="units"):
        to_npy(stimulus(noise(3)).drop_attrs(), tmp_path / "a.npy")
    with pytest.raises(ContractError, match="one of the suffixes"):
        save_stimulus(stimulus(noise(3)), tmp_path / "a.xyz")
    with pytest.raises(ContractError, match="whole numbers up to 32 bits"):
        to_inr(stimulus(noise(3).astype(np.int64)), tmp_path / "a.inr")
    with pytest.raises(ContractError, match="suffix: wanted one of"):
        to_images(stimulus(noise(3)), tmp_path / "a", suffix=".jpg")
    with pytest.raises(ContractError, match=r"\(time, y, x\), or 3 channels"):
        to_images(stimulus(noise(3, channels=2)), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_film_can_be_checked_and_saved_again(tmp_path):
    save_stimulus(stimulus(noise(9)).chunk(time=2), tmp_path / "a.zarr")
    save_stimulus(open_stimulus(tmp_path / "a.zarr", chunk=3), tmp_path / "b.zarr")
    film = open_stimulus(tmp_path / "b.zarr")
    check_stimulus(film)
    np.testing.assert_array_equal(film, noise(9))
