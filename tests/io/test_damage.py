"""However a file is damaged: it is read, or there is one of our own errors; nothing else comes through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convis_xr.errors import ConvisError, FormatError
from convis_xr.io import open_stimulus, save_stimulus
from tests.io.films import noise, stimulus, write_film

KINDS = ["mp4", "avi", "gif", "npy", "inr", "png", "pgm", "tif"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_film(folder / "film.mp4", noise(8))
    for suffix in ("avi", "gif", "npy", "inr"):
        save_stimulus(stimulus(noise(8)), folder / f"film.{suffix}")
    for suffix in ("png", "pgm", "tif"):
        Image.fromarray(noise(1)[0]).save(folder / f"film.{suffix}")
    return folder


# Pillow warns of odd entries in a tiff, and still reads it or fails
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", KINDS)
@given(data=st.data())
def test_no_foreign_error_comes_through(sources, tmp_path_factory, suffix, data):
    content = bytearray((sources / f"film.{suffix}").read_bytes())
    places = st.one_of(st.integers(0, 299), st.integers(0, len(content) - 1))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=20)):
        content[min(place, len(content) - 1)] = byte
    path = tmp_path_factory.mktemp("damaged") / f"film.{suffix}"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    message, values = str(path), np.zeros(1)
    try:
        film = open_stimulus(path, dt="40 ms", pixel_size="0.1 deg", units="1")
        values = film.isel(y=slice(0, 50), x=slice(0, 50), time=slice(0, 50)).values
    except FormatError as error:
        message = str(error)
    except ConvisError:
        return  # read, but no stimulus
    assert str(path) in message
    assert np.isrealobj(values)
