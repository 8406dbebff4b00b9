"""`open_stimulus`: labelled files, and what is the same for all."""

from __future__ import annotations

import pickle
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, FormatError
from convis_xr.io import open_stimulus, save_stimulus
from convis_xr.options import set_options
from tests.io.films import noise, stimulus

LABELLED = ["zarr", "nc", "h5"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    made = {}
    for suffix in LABELLED:
        made[suffix] = folder / f"film.{suffix}"
        save_stimulus(stimulus(noise(9)).chunk(time=4), made[suffix])
    return made


@pytest.mark.parametrize("suffix", LABELLED)
@pytest.mark.parametrize("chunk", [1, 4, "200 ms", None])
def test_labelled_files_keep_everything(stores, suffix, chunk):
    film = open_stimulus(stores[suffix], chunk=chunk)
    assert film.chunks is not None
    xr.testing.assert_identical(film.compute(), stimulus(noise(9)).rename("stimulus"))
    check_stimulus(film)


def test_blocks_are_whole_chunks_of_the_file(stores):
    assert open_stimulus(stores["zarr"]).chunksizes["time"] == (9,)  # 8 MiB, in whole chunks of 4
    assert open_stimulus(stores["zarr"], chunk="120 ms").chunksizes["time"] == (3, 3, 3)


@pytest.mark.parametrize("suffix", LABELLED)
def test_what_contradicts_the_file_raises(stores, suffix):
    assert open_stimulus(stores[suffix], dt="0.04 s", pixel_size="6 arcmin").sizes["time"] == 9
    with pytest.raises(ContractError, match=r"dt: wanted 0\.04 s, as stored in .*, got 1 ms\. Cure: .*resample"):
        open_stimulus(stores[suffix], dt="1 ms")
    with pytest.raises(ContractError, match=r"pixel_size: wanted \(0\.1, 0\.1\) degree, as stored"):
        open_stimulus(stores[suffix], pixel_size="0.2 deg")


def test_files_without_coordinates_take_them_from_the_caller_or_the_options(tmp_path):
    bare = xr.Dataset({"film": (("time", "y", "x"), noise(3), {"units": "1"})})
    bare.to_netcdf(tmp_path / "bare.nc", engine="h5netcdf")
    with pytest.raises(ContractError, match="wanted a scale"):
        open_stimulus(tmp_path / "bare.nc")
    with set_options(dt="5 ms", pixel_size="0.3 deg"):
        _, sampling = check_stimulus(open_stimulus(tmp_path / "bare.nc"))
    assert (sampling.dt_s, sampling.pixel_deg) == (0.005, (0.3, 0.3))
    _, sampling = check_stimulus(open_stimulus(tmp_path / "bare.nc", dt="1 ms", pixel_size="0.3 deg"))
    assert sampling.dt_s == 0.001


def test_one_of_several_variables(tmp_path):
    film = stimulus(noise(3))
    xr.Dataset({"left": film, "right": film + 1}).to_zarr(tmp_path / "two.zarr", consolidated=False)
    np.testing.assert_array_equal(open_stimulus(tmp_path / "two.zarr", variable="right"), noise(3) + 1)
    for variable in (None, "up"):
        with pytest.raises(ContractError, match=r'left, right\. Cure: variable="left"'):
            open_stimulus(tmp_path / "two.zarr", variable=variable)


def test_hdf5_without_names(tmp_path):
    values = noise(6, 6, 6)  # equal sizes
    with h5py.File(tmp_path / "film.h5", "w") as file:
        file["movie"] = values
    film = open_stimulus(tmp_path / "film.h5", dt="10 ms", pixel_size="0.1 deg", units="1")
    assert film.dims == ("time", "y", "x")
    np.testing.assert_array_equal(film, values)
    turned = open_stimulus(tmp_path / "film.h5", dt="10 ms", pixel_size="0.1 deg", units="1", dims=("y", "x", "time"))
    np.testing.assert_array_equal(turned, values.transpose(2, 0, 1))


def test_netcdf_of_the_old_kind(tmp_path):
    film = stimulus(noise(5).astype(np.float32))
    film.to_dataset(name="film").to_netcdf(tmp_path / "old.nc", engine="scipy")
    xr.testing.assert_equal(open_stimulus(tmp_path / "old.nc", chunk=2).compute(), film)


def test_dates_are_times(tmp_path):
    film = stimulus(noise(3))
    film = film.assign_coords(time=np.datetime64("2020-01-01", "ns") + np.arange(3) * np.timedelta64(20, "ms"))
    film.to_dataset(name="film").to_zarr(tmp_path / "film.zarr", consolidated=False)
    _, sampling = check_stimulus(open_stimulus(tmp_path / "film.zarr"))
    assert sampling.dt_s == pytest.approx(0.02)


@pytest.mark.parametrize("suffix", ["nc", "h5"])
@pytest.mark.parametrize("content", [b"", b"text\n" * 99], ids=["empty", "text"])
def test_no_hdf5(tmp_path, suffix, content):
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=rf"bad\.{suffix}: wanted a file that h5netcdf understands"):
        open_stimulus(path)


def test_truncated_hdf5(stores, tmp_path):
    whole = stores["nc"].read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"cut\.nc"):
        open_stimulus(tmp_path / "cut.nc")


def test_data_that_cannot_be_read_name_the_file_and_the_place(stores, tmp_path):
    shutil.copytree(stores["zarr"], tmp_path / "film.zarr")
    chunk = tmp_path / "film.zarr" / "stimulus" / "c" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    film = open_stimulus(tmp_path / "film.zarr", chunk=4)
    np.testing.assert_array_equal(film[:4], noise(9)[:4])
    with pytest.raises(FormatError, match=r"film\.zarr: wanted data at time slice\(4, 8, 1\)"):
        film.load()


def test_labelled_films_can_be_pickled(stores):
    for suffix in LABELLED:
        film = pickle.loads(pickle.dumps(open_stimulus(stores[suffix], chunk=2)))
        np.testing.assert_array_equal(film[7:2:-2, 3], noise(9)[7:2:-2, 3])


def test_broken_zarr(tmp_path):
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(FormatError, match=r"empty\.zarr: wanted a file that zarr understands"):
        open_stimulus(tmp_path / "empty.zarr")
    (tmp_path / "text.zarr").mkdir()
    (tmp_path / "text.zarr" / "zarr.json").write_text("no json")
    with pytest.raises(FormatError, match=r"text\.zarr"):
        open_stimulus(tmp_path / "text.zarr")


@pytest.mark.parametrize("name", ["film.xyz", "film", "film.nwb"])
def test_unknown_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"?")
    with pytest.raises(FormatError, match=rf"{name}: wanted a"):
        open_stimulus(tmp_path / name)


def test_missing_file(tmp_path):
    for name in ("film.nc", "film.zarr", "film.xyz"):
        with pytest.raises(FileNotFoundError, match="wanted an existing file"):
            open_stimulus(tmp_path / name)


def test_an_engine_that_is_named(stores, tmp_path):
    (tmp_path / "film.data").write_bytes(stores["nc"].read_bytes())
    np.testing.assert_array_equal(open_stimulus(tmp_path / "film.data", engine="h5netcdf"), noise(9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"luminance": "channels"}, "luminance: wanted nothing, for"),
        ({"gamma": 2.2}, "gamma: wanted nothing, for"),
        ({"chunk": 0}, "chunk: wanted at least one sample"),
        ({"chunk": "1 ms"}, "chunk: wanted at least one sample"),
        ({"units": "floops"}, "units: wanted a unit that pint knows"),
        ({"valid_range": (1, 0)}, "valid_range: wanted"),
        ({"valid_range": 5}, "valid_range: wanted"),
        ({"valid_range": "ab"}, "valid_range: wanted"),
    ],
)
def test_bad_arguments(stores, options, message):
    with pytest.raises(ValueError, match=message):
        open_stimulus(stores["nc"], **options)
