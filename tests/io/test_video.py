"""Films: the right frames at the right times, however they are asked for."""

from __future__ import annotations

import pickle
from fractions import Fraction

import av
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, FormatError
from convis_xr.io import open_stimulus, resample
from convis_xr.io.colour import REC709
from convis_xr.io.video import VideoReader
from tests.io.films import noise, write_film

#: suffix, codec, pixel format: each keeps grey levels bit by bit
KINDS = {
    "mp4": ("libx264", "yuv420p"),
    "mkv": ("libx264", "yuv420p"),
    "avi": ("ffv1", "gray"),
    "gif": ("gif", "gray"),
    "mov": ("libx264", "yuv444p"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return {
        suffix: write_film(folder / f"film.{suffix}", noise(), codec=codec, pixels=pixels, rate=25)
        for suffix, (codec, pixels) in KINDS.items()
    }


@pytest.mark.parametrize("suffix", KINDS)
def test_frames_and_times_are_those_of_the_file(films, suffix):
    film = open_stimulus(films[suffix], pixel_size="0.1 deg")
    assert film.dims == ("time", "y", "x")
    assert film.dtype == np.uint8
    assert film.attrs == {"units": "1", "valid_range": [0.0, 255.0]}
    np.testing.assert_array_equal(film.values, noise())
    np.testing.assert_allclose(film.time, np.arange(20) / 25, atol=1e-12)
    _, sampling = check_stimulus(film)
    assert sampling.dt_s == pytest.approx(0.04)
    assert sampling.pixel_deg == (0.1, 0.1)


@pytest.mark.parametrize("suffix", KINDS)
@given(data=st.data())
def test_any_selection_in_any_order_gives_the_same_frames(films, suffix, data):
    film = xr.open_dataset(films[suffix], engine="convis_video").stimulus
    whole = noise()
    for _ in range(4):
        wanted, rows = data.draw(_selections(20)), data.draw(_selections(24))
        picked = film.isel(time=wanted, y=rows).values
        np.testing.assert_array_equal(
            picked, whole[wanted][..., rows, :] if np.ndim(wanted) == 0 else whole[wanted][:, rows]
        )


@given(chunk=st.integers(1, 25))
def test_chunked_is_sequential(films, chunk):
    film = open_stimulus(films["mp4"], pixel_size="0.1 deg", chunk=chunk)
    assert film.chunksizes["time"][0] == min(chunk, 20)
    np.testing.assert_array_equal(film.values, noise())


def _selections(size):
    # xarray itself fails on empty slices that go backward
    slices = st.slices(size).filter(lambda part: len(range(*part.indices(size))) > 0)
    return st.one_of(
        slices, st.lists(st.integers(-size, size - 1), min_size=1, max_size=30), st.integers(-size, size - 1)
    )


def test_xarray_guesses_the_engine_by_the_name(films):
    assert xr.open_dataset(films["mp4"]).stimulus.shape == (20, 24, 32)


def test_without_pixel_size_the_backend_gives_no_coordinates_and_open_stimulus_asks(films):
    assert "x" not in xr.open_dataset(films["mp4"], engine="convis_video").coords
    with pytest.raises(ContractError, match=r"wanted a scale.*pixel_size="):
        open_stimulus(films["mp4"])


def test_the_given_time_step_replaces_that_of_the_file(films):
    film = open_stimulus(films["mp4"], dt="10 ms", pixel_size="0.1 deg")
    assert film.time.values[-1] == pytest.approx(0.19)


def test_pickled_it_opens_the_file_anew(films):
    film = open_stimulus(films["mp4"], pixel_size="0.1 deg", chunk=7)
    film[3:5].load()  # a decoder is open now
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(film)).values, noise())


def test_reading_on_decodes_each_frame_once(films, monkeypatch):
    film = xr.open_dataset(films["mp4"], engine="convis_video").stimulus
    begun, begin = [], VideoReader._begin
    monkeypatch.setattr(VideoReader, "_begin", lambda self, key: (begun.append(key), begin(self, key)))
    for index in range(0, 20, 4):
        film[max(index - 1, 0) : index + 4].load()  # the last frame is asked for again, and still there
    assert begun == [0]


def test_uneven_time_stamps_are_kept_and_can_be_resampled(tmp_path):
    ticks = np.array([0, 40, 80, 200, 240, 300])  # ms; frames were dropped
    frames = noise(6)
    path = write_film(tmp_path / "vfr.mkv", frames, ticks=ticks, clock=Fraction(1, 1000))
    film = open_stimulus(path, pixel_size="0.1 deg")
    np.testing.assert_allclose(film.time, ticks / 1000)
    with pytest.raises(ContractError, match=r"uniform grid.*convis_xr\.io\.resample"):
        check_stimulus(film)
    even = resample(film, dt="20 ms")
    shown = np.searchsorted(ticks, np.arange(even.sizes["time"]) * 20, side="right") - 1
    np.testing.assert_array_equal(even.values, frames[shown])
    check_stimulus(even)


def test_time_stamps_rounded_to_the_clock_of_the_file_are_even(tmp_path):
    frames = noise(40)
    ticks = np.round(np.arange(40) * 1000 / 24)  # as Matroska rounds 24 frames per second to ms
    path = write_film(tmp_path / "film.mkv", frames, ticks=ticks, clock=Fraction(1, 1000))
    _, sampling = check_stimulus(open_stimulus(path, pixel_size="0.1 deg"))
    assert sampling.dt_s == pytest.approx(1 / 24, rel=1e-3)


def test_one_frame_has_a_time_step(tmp_path):
    path = write_film(tmp_path / "one.mp4", noise(1))
    _, sampling = check_stimulus(open_stimulus(path, pixel_size="0.1 deg"))
    assert sampling.dt_s == pytest.approx(1 / 24)


def test_colours(tmp_path):
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    frames[0, ..., 0], frames[1, ..., 1], frames[2, ..., 2], frames[3] = 200, 200, 200, 200
    path = write_film(tmp_path / "colour.avi", frames, codec="ffv1", pixels="bgr0")
    grey = open_stimulus(path, pixel_size="0.1 deg")
    np.testing.assert_array_equal(grey.values[:, 0, 0], np.round(200 * np.append(REC709, 1)))
    colours = open_stimulus(path, pixel_size="0.1 deg", luminance="channels", chunk=2)
    assert colours.dims == ("channel", "time", "y", "x")
    assert list(colours.channel.values) == ["r", "g", "b"]
    np.testing.assert_array_equal(colours.values, frames.transpose(3, 0, 1, 2))
    np.testing.assert_array_equal(colours[1, 2:0:-1, 3].values, frames[2:0:-1, 3, :, 1])
    light = open_stimulus(path, pixel_size="0.1 deg", gamma=2.0)
    assert light.dtype == np.float32
    assert light.attrs["valid_range"] == [0.0, 1.0]
    np.testing.assert_allclose(light.values[:, 0, 0], (200 / 255) ** 2 * np.append(REC709, 1), rtol=1e-6)


class TestBadFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.mp4"):
            open_stimulus(tmp_path / "nowhere.mp4", pixel_size="0.1 deg")

    @pytest.mark.parametrize("suffix", KINDS)
    @pytest.mark.parametrize("content", [b"", b"no film at all\n" * 99, bytes(5000)], ids=["empty", "text", "zeros"])
    def test_no_film(self, tmp_path, suffix, content):
        path = tmp_path / f"bad.{suffix}"
        path.write_bytes(content)
        with pytest.raises(FormatError, match=rf"bad\.{suffix}: wanted a"):
            open_stimulus(path, pixel_size="0.1 deg")

    @pytest.mark.parametrize("suffix", KINDS)
    @pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
    def test_truncated(self, films, tmp_path, suffix, part):
        whole = films[suffix].read_bytes()
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(FormatError, match=rf"cut\.{suffix}"):
            _read_twenty(path)

    @pytest.mark.parametrize("suffix", ["mp4", "avi"])
    def test_damaged_in_the_middle(self, films, tmp_path, suffix):
        whole = bytearray(films[suffix].read_bytes())
        middle = len(whole) // 2
        whole[middle : middle + 500] = bytes(byte ^ 0x55 for byte in whole[middle : middle + 500])
        path = tmp_path / f"damaged.{suffix}"
        path.write_bytes(whole)
        film = open_stimulus(path, pixel_size="0.1 deg")
        with pytest.raises(FormatError, match=rf"damaged\.{suffix}: wanted frame \d+ of 20"):
            film.load()
        np.testing.assert_array_equal(film[0].values, noise()[0])  # what is whole can still be read

    def test_sound_without_pictures(self, tmp_path):
        path = tmp_path / "sound.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate = 16000
            container.mux(stream.encode(sound))
            container.mux(stream.encode())
        with pytest.raises(FormatError, match="without pictures"):
            open_stimulus(path, pixel_size="0.1 deg")

    def test_gone_between_opening_and_reading(self, films, tmp_path):
        path = tmp_path / "gone.mp4"
        path.write_bytes(films["mp4"].read_bytes())
        film = open_stimulus(path, pixel_size="0.1 deg")
        path.unlink()
        with pytest.raises(FormatError, match=r"gone\.mp4: wanted frame 0 of 20"):
            film.load()


def _read_twenty(path):
    film = open_stimulus(path, pixel_size="0.1 deg").load()
    # Matroska has no frame count and so cannot know that frames at its end are missing, but may not make up any
    if path.suffix == ".mkv" and film.sizes["time"] < 20:
        np.testing.assert_array_equal(film.values, noise()[: film.sizes["time"]])
        raise FormatError(f"{path}: fewer frames, all of them right")
