"""Arrays as plain files: what zarr writes is read, what is written zarr reads; the rest is left to zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

import convis_xr as cx
from convis_xr.io.zarr_files import METADATA, ChunkedArray, declare, plain_array
from tests.io.films import noise, stimulus

COMPRESSORS: dict[str, Any] = {
    "none": None,
    "blosc": BloscCodec(cname="lz4", shuffle="shuffle"),
    "bits": BloscCodec(cname="zstd", shuffle="bitshuffle"),
    "zstd": ZstdCodec(level=1, checksum=True),
    "gzip": GzipCodec(),
}


def made_by_zarr(folder: Path, values: np.ndarray, chunks: tuple[int, ...], **options: Any) -> zarr.Array:
    options = {"dtype": values.dtype, "compressors": None, **options}
    array = zarr.create_array(folder, shape=values.shape, chunks=chunks, **options)
    array[...] = values
    return array


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int16", "float32", "float64", "complex64"])
@given(data=st.data())
def test_any_part_is_as_zarr_reads_it(tmp_path_factory: Any, compressor: str, dtype: str, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 7)] * 3))
    chunks = data.draw(st.tuples(*[st.integers(1, 8)] * 3))
    spans = [sorted(data.draw(st.tuples(st.integers(0, size), st.integers(0, size)))) for size in shape]
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 99, shape).astype(dtype)
    folder = tmp_path_factory.mktemp("zarr") / "a"
    separator = data.draw(st.sampled_from("./"))
    encoding = {"name": "default", "separator": separator}
    array = made_by_zarr(
        folder, values, chunks, compressors=COMPRESSORS[compressor], fill_value=1, chunk_key_encoding=encoding
    )
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != METADATA]
    for path in data.draw(st.lists(st.sampled_from(files), unique=True) if files else st.just([])):
        path.unlink()  # what is not there is 1
    key = tuple(slice(*span) for span in spans)
    read = ChunkedArray(folder).read(key)
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, array[key])


@pytest.mark.parametrize("shape", [(), (1,), (5, 3), (4, 0)])
def test_what_is_written_is_read_by_zarr_and_here(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape, dtype=int), dtype="float32").reshape(shape)
    declare(tmp_path / "a", shape, tuple(2 for _ in shape), values.dtype)
    array = ChunkedArray(tmp_path / "a")
    array.write(values, (0,) * len(shape))
    assert array.lost == 0
    for read in (zarr.open_array(tmp_path / "a", mode="r")[...], array.read([slice(None)] * len(shape))):
        np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("length", [0, 3, 17, -1])
def test_a_chunk_that_is_cut_off_raises(tmp_path: Path, compressor: str, length: int) -> None:
    made_by_zarr(tmp_path / "a", np.arange(64.0), (64,), compressors=COMPRESSORS[compressor])
    chunk = tmp_path / "a" / "c" / "0"
    chunk.write_bytes(chunk.read_bytes()[:length])
    with pytest.raises((ValueError, RuntimeError, OSError, EOFError)):
        ChunkedArray(tmp_path / "a").read([slice(None)])


@given(place=st.integers(0, 15), byte=st.integers(0, 255))
def test_a_damaged_header_never_leaves_what_was_there_before(tmp_path_factory: Any, place: int, byte: int) -> None:
    folder = tmp_path_factory.mktemp("zarr") / "a"
    values = np.arange(4096, dtype="uint8")
    made_by_zarr(folder, values, (4096,), compressors=COMPRESSORS["blosc"])
    content = bytearray((folder / "c" / "0").read_bytes())
    content[place] = byte
    (folder / "c" / "0").write_bytes(content)
    try:
        read = ChunkedArray(folder).read([slice(None)])
    except (ValueError, RuntimeError):
        return
    assert read.shape == values.shape


@pytest.mark.parametrize(
    "options",
    [
        {"zarr_format": 2},
        {"shards": (4,)},
        {"filters": [zarr.codecs.TransposeCodec(order=(0,))]},
        {"serializer": zarr.codecs.BytesCodec(endian="big")},
        {"compressors": [GzipCodec(), GzipCodec()]},
        {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    ],
    ids=["v2", "shards", "filter", "big-endian", "two codecs", "keys of v2"],
)
def test_another_kind_is_left_to_zarr(tmp_path: Path, options: dict[str, Any]) -> None:
    made_by_zarr(tmp_path / "a", np.arange(8.0), (2,), **options)
    assert plain_array(tmp_path / "a") is None


def test_a_scaled_film_is_read_as_xarray_decodes_it(tmp_path: Path) -> None:
    film = stimulus(noise(6)).astype("float32")
    for name, encoding in {"plain": {}, "scaled": {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}}.items():
        film.to_dataset(name="film").to_zarr(tmp_path / name, consolidated=False, encoding={"film": encoding})
        np.testing.assert_array_equal(cx.open_stimulus(tmp_path / name, engine="zarr"), film)


def test_a_film_is_read_without_zarr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = stimulus(noise(9))
    film.to_dataset(name="film").chunk(time=4).to_zarr(tmp_path / "film.zarr", consolidated=False)
    opened = cx.open_stimulus(tmp_path / "film.zarr", chunk=3)

    def fail(*args: Any, **options: Any) -> None:
        raise AssertionError("zarr was asked")

    monkeypatch.setattr(zarr.Array, "__getitem__", fail)
    np.testing.assert_array_equal(opened[2:7], film[2:7])
    result = cx.run(cx.filters.LowPass(tau="20 ms"), opened, progress=False)
    np.testing.assert_array_equal(result.response, cx.run(cx.filters.LowPass(tau="20 ms"), film).response)
