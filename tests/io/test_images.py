"""Folders of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convis_xr.errors import ContractError, FormatError
from convis_xr.io import open_stimulus
from tests.io.films import noise

SCALES = {"dt": "40 ms", "pixel_size": "0.1 deg"}


def write_pictures(folder, frames, suffix=".png", first=8):
    folder.mkdir(exist_ok=True)
    for index, picture in enumerate(frames, first):
        Image.fromarray(picture).save(folder / f"frame{index}{suffix}")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = write_pictures(tmp_path_factory.mktemp("pictures"), noise(5))  # frame8 to frame12: sorted by number
    (made / "notes.txt").write_text("no picture")
    return made


@given(chunk=st.integers(1, 6))
def test_a_folder_in_the_natural_order_of_its_names(folder, chunk):
    film = open_stimulus(folder, **SCALES, chunk=chunk)
    assert film.attrs == {"units": "1", "valid_range": [0.0, 255.0]}
    np.testing.assert_array_equal(film.values, noise(5))
    np.testing.assert_allclose(film.time, np.arange(5) * 0.04)


def test_patterns_and_single_pictures(folder):
    np.testing.assert_array_equal(open_stimulus(f"{folder}/frame1*.png", **SCALES), noise(5)[2:])
    np.testing.assert_array_equal(open_stimulus(folder / "frame8.png", **SCALES), noise(5)[:1])


def test_as_an_engine_of_xarray(folder):
    film = xr.open_dataset(folder, engine="convis_images").stimulus
    assert dict(film.sizes) == {"time": 5, "y": 24, "x": 32}
    assert not film.coords
    np.testing.assert_array_equal(film[[3, 1]], noise(5)[[3, 1]])
    assert xr.open_dataset(str(folder / "frame8.png")).stimulus.shape == (1, 24, 32)


@pytest.mark.parametrize("suffix", [".pgm", ".bmp", ".tif"])
def test_formats(tmp_path, suffix):
    np.testing.assert_array_equal(open_stimulus(write_pictures(tmp_path, noise(2), suffix), **SCALES), noise(2))


def test_sixteen_bits(tmp_path):
    frames = noise(2).astype(np.uint16) * 257
    film = open_stimulus(write_pictures(tmp_path, frames), **SCALES)
    assert film.dtype == np.uint16
    assert film.attrs["valid_range"] == [0.0, 65535.0]
    np.testing.assert_array_equal(film, frames)


def test_colours_and_opaque_alpha(tmp_path):
    frames = noise(2, channels=3).transpose(1, 2, 3, 0)
    opaque = np.concatenate([frames, np.full((*frames.shape[:3], 1), 255, np.uint8)], axis=3)
    for name, pictures in (("rgb", frames), ("rgba", opaque)):
        film = open_stimulus(write_pictures(tmp_path / name, pictures), **SCALES, luminance="channels")
        np.testing.assert_array_equal(film, frames.transpose(3, 0, 1, 2))
        grey = open_stimulus(tmp_path / name, **SCALES)
        np.testing.assert_allclose(grey, frames @ [0.2126, 0.7152, 0.0722], atol=0.501)


def test_scales_are_asked_for(folder):
    with pytest.raises(ContractError, match=r'dt="40 ms", pixel_size="0\.05 deg"'):
        open_stimulus(folder)


class TestBadPictures:
    def test_none(self, tmp_path):
        with pytest.raises(FormatError, match=r"wanted pictures, got none"):
            open_stimulus(tmp_path, **SCALES)
        with pytest.raises(FormatError, match=r"wanted pictures, got none"):
            open_stimulus(f"{tmp_path}/*.png", **SCALES)
        with pytest.raises(FileNotFoundError):
            open_stimulus(tmp_path / "nowhere", **SCALES)

    def test_of_different_sizes(self, tmp_path):
        write_pictures(tmp_path, [*noise(2), noise(1, 10, 12)[0]])
        with pytest.raises(
            FormatError, match=r"frame10\.png: wanted pictures of one size .*\(24, 32\).*got \(10, 12\)"
        ):
            open_stimulus(tmp_path, **SCALES)

    def test_of_different_depth(self, tmp_path):
        write_pictures(tmp_path, [noise(1)[0], noise(1)[0].astype(np.uint16)])
        with pytest.raises(FormatError, match=r"frame9\.png: wanted pictures of one size and type"):
            open_stimulus(tmp_path, **SCALES)

    @pytest.mark.parametrize("content", [b"", b"no picture\n", bytes(300)], ids=["empty", "text", "zeros"])
    def test_wrong_content(self, tmp_path, content):
        write_pictures(tmp_path, noise(1))
        (tmp_path / "frame9.png").write_bytes(content)
        with pytest.raises(FormatError, match=r"frame9\.png: wanted a picture"):
            open_stimulus(tmp_path, **SCALES)

    @pytest.mark.parametrize("suffix", [".png", ".pgm", ".bmp", ".tif", ".jpg"])
    def test_truncated(self, tmp_path, suffix):
        write_pictures(tmp_path, noise(2), suffix)
        path = tmp_path / f"frame9{suffix}"
        path.write_bytes(path.read_bytes()[:-300])
        with pytest.raises(FormatError, match=rf"frame9\{suffix}: wanted"):
            open_stimulus(tmp_path, **SCALES).load()
        np.testing.assert_array_equal(open_stimulus(tmp_path / f"frame8{suffix}", **SCALES).shape, (1, 24, 32))

    def test_transparent(self, tmp_path):
        write_pictures(tmp_path, np.full((1, 4, 4, 4), 99, np.uint8))
        with pytest.raises(FormatError, match="an opaque picture for frame 0"):
            open_stimulus(tmp_path, **SCALES).load()

    def test_changed_after_opening(self, tmp_path):
        write_pictures(tmp_path, noise(2))
        film = open_stimulus(tmp_path, **SCALES)
        Image.fromarray(noise(1, 5, 5)[0]).save(tmp_path / "frame9.png")
        with pytest.raises(FormatError, match=r"frame9\.png: wanted frame 1 with \(24, 32\)"):
            film.load()
        (tmp_path / "frame9.png").unlink()
        with pytest.raises(FormatError, match=r"frame9\.png: wanted frame 1: a picture.*no file"):
            film.load()


def test_a_gap_in_the_numbers_warns(tmp_path):
    folder = write_pictures(tmp_path / "a", noise(6))
    (folder / "frame10.png").unlink()
    with pytest.warns(UserWarning, match=r"path: wanted pictures numbered without gaps, got frame11.png after frame9"):
        assert open_stimulus(folder, **SCALES).sizes["time"] == 5


@pytest.mark.parametrize("names", [("a1", "a3", "a5"), ("a1_2", "b1_2"), ("x", "y"), ("only7",)])
def test_other_ways_to_number_do_not(tmp_path, names):
    for name, picture in zip(names, noise(3), strict=False):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    assert open_stimulus(tmp_path, **SCALES).sizes["time"] == len(names)
