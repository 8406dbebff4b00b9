"""numpy's files."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.errors import ContractError, FormatError
from convis_xr.io import open_stimulus
from tests.io.films import noise

SCALES = {"dt": "40 ms", "pixel_size": "0.1 deg"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("npy") / "film.npy"
    np.save(made, noise(9))
    return made


@given(chunk=st.integers(1, 10), part=st.slices(9))
def test_lazily_and_chunked(path, chunk, part):
    film = open_stimulus(path, **SCALES, chunk=chunk)
    np.testing.assert_array_equal(film.data[part].compute(), noise(9)[part])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(film)), noise(9))


def test_levels_of_eight_bits_need_no_unit_others_do(path, tmp_path):
    assert open_stimulus(path, **SCALES).attrs == {"units": "1", "valid_range": [0.0, 255.0]}
    np.save(tmp_path / "float.npy", np.zeros((3, 4, 5)))
    with pytest.raises(ContractError, match="units: wanted a unit"):
        open_stimulus(tmp_path / "float.npy", **SCALES)
    film = open_stimulus(tmp_path / "float.npy", **SCALES, units="cd/m**2", valid_range=(0, 100))
    assert film.attrs == {"units": "cd/m^2", "valid_range": [0.0, 100.0]}


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<f4", ">f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders(tmp_path, dtype, order):
    values = np.asarray(noise(3), dtype=dtype, order=order)
    np.save(tmp_path / "film.npy", values)
    film = open_stimulus(tmp_path / "film.npy", **SCALES, units="1").load()
    np.testing.assert_array_equal(film, values)
    assert film.dtype.isnative


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((7,), None), ((4, 5), None), ((2, 3, 4, 5), None), ((1, 2, 3, 4, 5), None), ((4, 5, 7), ("y", "x", "time"))],
)
def test_axes(tmp_path, shape, dims):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    np.save(tmp_path / "film.npy", values)
    film = open_stimulus(tmp_path / "film.npy", **SCALES, units="1", dims=dims)
    expected = {
        1: ("time",),
        3: ("time", "y", "x"),
        4: ("channel", "time", "y", "x"),
        5: ("batch", "channel", "time", "y", "x"),
    }
    assert film.dims == expected[film.ndim]
    np.testing.assert_array_equal(film.values.ravel(), (values if dims is None else values.transpose(2, 0, 1)).ravel())


def test_as_an_engine_of_xarray(path):
    assert xr.open_dataset(path).stimulus.shape == (9, 24, 32)
    assert xr.open_dataset(path, engine="convis_npy", dt="1 ms").time.values[-1] == pytest.approx(0.008)


class TestBadFiles:
    @pytest.mark.parametrize(
        "content", [b"", b"text, no numbers", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'a': 1}        "]
    )
    def test_no_npy(self, tmp_path, content):
        (tmp_path / "bad.npy").write_bytes(content)
        with pytest.raises(FormatError, match=r"bad\.npy: wanted a \.npy file"):
            open_stimulus(tmp_path / "bad.npy", **SCALES)

    def test_a_header_that_promises_more_than_there_is(self, path, tmp_path):
        (tmp_path / "cut.npy").write_bytes(path.read_bytes()[:-1])
        with pytest.raises(FormatError, match=r"cut\.npy: wanted 6912 bytes of data.*got 6911 bytes"):
            open_stimulus(tmp_path / "cut.npy", **SCALES)

    @pytest.mark.parametrize("shape", ["(-3, 4, 5)", "(10**12, 4, 5)", "('a',)"])
    def test_impossible_shapes(self, tmp_path, shape):
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
        (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        with pytest.raises(FormatError, match=r"bad\.npy"):
            open_stimulus(tmp_path / "bad.npy", **SCALES)

    @pytest.mark.parametrize(
        "values", [np.array([{}, None]), np.array(["a", "b"]), np.zeros(3, complex), np.zeros(2, "i4,f4")]
    )
    def test_what_is_no_number(self, tmp_path, values):
        np.save(tmp_path / "bad.npy", values, allow_pickle=True)
        with pytest.raises(FormatError, match=r"bad\.npy: wanted real numbers"):
            open_stimulus(tmp_path / "bad.npy", **SCALES)

    def test_no_samples(self, tmp_path):
        np.save(tmp_path / "bad.npy", np.zeros((0, 4, 4), np.uint8))
        with pytest.raises(FormatError, match="at least one sample"):
            open_stimulus(tmp_path / "bad.npy", **SCALES)

    def test_axes_that_do_not_fit(self, path):
        with pytest.raises(ContractError, match="dims: wanted axes"):
            open_stimulus(path, **SCALES, dims=("time", "x"))

    def test_gone_or_shortened_after_opening(self, path, tmp_path):
        (tmp_path / "film.npy").write_bytes(path.read_bytes())
        film = open_stimulus(tmp_path / "film.npy", **SCALES)
        (tmp_path / "film.npy").write_bytes(path.read_bytes()[:500])
        with pytest.raises(FormatError, match=r"film\.npy: wanted 6912 bytes"):
            film.load()
        (tmp_path / "film.npy").unlink()
        with pytest.raises(FormatError, match=r"film\.npy: .*got no file"):
            film.load()
