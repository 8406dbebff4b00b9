"""Inrimage-4 files."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from convis_xr.errors import FormatError
from convis_xr.io import open_stimulus
from tests.io.films import noise

SCALES = {"dt": "40 ms", "pixel_size": "0.1 deg"}


def write_inr(path, values, kind="unsigned fixed", bits=8, cpu="decm", **fields):
    """By the description of the format, not by our writer. ``values`` are (z, y, x, v)."""
    z, y, x, v = values.shape
    header = {
        "XDIM": x,
        "YDIM": y,
        "ZDIM": z,
        "VDIM": v,
        "TYPE": kind,
        "PIXSIZE": f"{bits} bits",
        "SCALE": "2**0",
        "CPU": cpu,
    }
    text = "#INRIMAGE-4#{\n" + "".join(
        f"{name}={value}\n" for name, value in (header | fields).items() if value is not None
    )
    size = -(-(len(text) + 4) // 256) * 256
    path.write_bytes(text.encode().ljust(size - 4, b"\n") + b"##}\n" + values.tobytes())
    return path


def test_planes_are_frames(tmp_path):
    film = open_stimulus(write_inr(tmp_path / "film.inr", noise(5)[..., None]), **SCALES, chunk=2)
    assert film.dims == ("time", "y", "x")
    np.testing.assert_array_equal(film, noise(5))


def test_components_are_channels(tmp_path):
    values = noise(4, channels=3)
    film = open_stimulus(write_inr(tmp_path / "film.inr", values.transpose(1, 2, 3, 0)), **SCALES)
    assert film.dims == ("channel", "time", "y", "x")
    np.testing.assert_array_equal(film, values)
    np.testing.assert_array_equal(film[1, 2:0:-1, 3], values[1, 2:0:-1, 3])


@pytest.mark.parametrize(
    ("kind", "bits", "cpu", "code"),
    [
        ("unsigned fixed", 16, "sun", ">u2"),
        ("signed fixed", 16, "pc", "<i2"),
        ("float", 32, "decm", "<f4"),
        ("float", 64, "sgi", ">f8"),
    ],
)
def test_types_and_byte_orders(tmp_path, kind, bits, cpu, code):
    values = noise(3)[..., None].astype(code)
    film = open_stimulus(write_inr(tmp_path / "film.inr", values, kind, bits, cpu), **SCALES, units="1").load()
    assert film.dtype == np.dtype(code).newbyteorder("=")
    np.testing.assert_array_equal(film, noise(3))


def test_as_an_engine_of_xarray(tmp_path):
    path = write_inr(tmp_path / "film.inr", noise(5)[..., None])
    np.testing.assert_array_equal(xr.open_dataset(path).stimulus[3], noise(5)[3])


class TestBadFiles:
    @pytest.mark.parametrize(
        "content", [b"", b"text\n" * 200, b"#INRIMAGE-4#{\nXDIM=3\n", b"#INRIMAGE-4#{\n" + b"\n" * 99999]
    )
    def test_no_header(self, tmp_path, content):
        (tmp_path / "bad.inr").write_bytes(content)
        with pytest.raises(FormatError, match=r"bad\.inr: wanted a"):
            open_stimulus(tmp_path / "bad.inr", **SCALES)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"ZDIM": 6}, "wanted 4608 bytes of data"),
            ({"XDIM": 999999999}, "bytes of data, as its header says"),
            ({"XDIM": 0}, "at least one sample"),
            ({"XDIM": -4}, "wanted XDIM=number"),
            ({"YDIM": None}, "wanted YDIM=number in its header, got none"),
            ({"TYPE": "packed"}, "a TYPE, PIXSIZE and CPU"),
            ({"PIXSIZE": "7 bits"}, "a TYPE, PIXSIZE and CPU"),
            ({"CPU": "abacus"}, "a TYPE, PIXSIZE and CPU"),
            ({"SCALE": "2**4"}, r"wanted SCALE=2\*\*0"),
        ],
    )
    def test_lying_headers(self, tmp_path, fields, message):
        path = write_inr(tmp_path / "bad.inr", noise(5)[..., None], **fields)
        with pytest.raises(FormatError, match=rf"bad\.inr: .*{message}"):
            open_stimulus(path, **SCALES)
