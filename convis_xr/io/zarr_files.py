"""Arrays of a zarr store, written and read as the plain files that they are.

By zarr's specification (version 3, core) an array is a JSON text and a file for each chunk. zarr itself gets there by
way of an event loop and a pool of threads, at a millisecond or more for every file, much of which holds the interpreter
lock that the model's threads wait for. Here they cost what compressing costs. Arrays that are written here have all
their chunks in one folder; what is read may have them in folders of folders.

Source: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Blosc, GZip, Zstd  # type: ignore[import-untyped]
from zarr.codecs import BloscCodec, BloscShuffle

from convis_xr.kernels.recycling import empty

Array = np.ndarray[Any, Any]

#: what zarr calls the file that says what an array is
METADATA = "zarr.json"
#: what the name of a half-written file ends in
PARTIAL = ".partial"
#: what each codec is called by numcodecs
_CODECS = {"blosc": Blosc, "gzip": GZip, "zstd": Zstd}
_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


def compressor(dtype: np.dtype[Any]) -> BloscCodec:
    """Blosc's lz4 reads and writes fastest; bit by bit, counts of quiet cells take three times the time."""
    return BloscCodec(cname="lz4", clevel=5, shuffle=BloscShuffle.shuffle, typesize=dtype.itemsize)


def declare(
    folder: Path,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: np.dtype[Any],
    *,
    dims: Sequence[str] | None = None,
    attrs: Mapping[str, Any] | None = None,
    compressed: bool = True,
) -> None:
    """Say what an array is; no chunk of it is written.

    Parameters
    ----------
    folder : Path
        Is made for the array.
    shape, chunks : sequence of int
    dtype : dtype
        Of numbers.
    dims : sequence of str, optional
        Names of the dimensions.
    attrs : mapping, optional
        Attributes.
    compressed : bool
        By `compressor`.
    """
    facts: dict[str, Any] = {
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": [0.0, 0.0] if dtype.kind == "c" else np.zeros((), dtype).item(),
        "codecs": [{"name": "bytes"} | ({"configuration": {"endian": "little"}} if dtype.itemsize > 1 else {})],
        "attributes": dict(attrs or {}),
        **({} if dims is None else {"dimension_names": list(dims)}),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
    if compressed:
        facts["codecs"].append(compressor(dtype).to_dict())
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / METADATA, json.dumps(facts).encode())


class ChunkedArray:
    """An array to write to, whole chunks at a time, and to read from.

    Parameters
    ----------
    folder : Path
        Where it lies; `declare` may have put it there.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is not of the plain kind: a regular grid of chunks of numbers, compressed by one codec that is known or not
        at all.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = Path(tempfile.mkdtemp(), "counts")
    >>> declare(folder, (5, 2), (2, 2), np.dtype("uint8"))
    >>> counts = ChunkedArray(folder)
    >>> counts.write(np.ones((4, 2), "uint8"), first=(0, 0))
    >>> counts.lost, counts.read((slice(3, 5), slice(0, 1))).tolist()
    (1, [[1], [0]])
    >>> zarr.open_array(folder, mode="r")[:, 0]
    array([1, 1, 1, 1, 0], dtype=uint8)
    """

    def __init__(self, folder: Path) -> None:
        facts = json.loads((folder / METADATA).read_text())
        self._folder = folder
        self.shape = tuple(facts["shape"])
        self.dtype = _dtype(facts)
        self._chunks = tuple(facts["chunk_grid"]["configuration"]["chunk_shape"])
        self._codec = _codec(facts["codecs"], self.dtype)
        self._separator = facts["chunk_key_encoding"].get("configuration", {}).get("separator", "/")
        self._empty = _fill_value(facts["fill_value"], self.dtype)
        kinds = facts["chunk_grid"]["name"], facts["chunk_key_encoding"]["name"], facts.get("storage_transformers", [])
        if kinds != ("regular", "default", []) or self._separator not in ("/", "."):
            raise ValueError(f"a layout of another kind: {kinds}")

    @property
    def lost(self) -> int:
        """How many chunks have no file."""
        whole = math.prod(math.ceil(size / part) for size, part in zip(self.shape, self._chunks, strict=True))
        files = (name for _, _, names in os.walk(self._folder) for name in names)
        return whole - sum(name != METADATA and not name.endswith(PARTIAL) for name in files)

    def write(self, values: Array, first: Sequence[int]) -> None:
        """Write chunks, zeros too.

        Parameters
        ----------
        values : ndarray
            Whole chunks; those at the end of the array may be shorter.
        first : sequence of int
            Index of the first value: where a chunk begins.
        """
        ends = [low + size for low, size in zip(first, values.shape, strict=True)]
        for numbers, begins in self._grid(first, ends):
            inside = zip(begins, first, self._chunks, strict=True)
            part = values[tuple(slice(begin - low, begin - low + size) for begin, low, size in inside)]
            path = self._path(numbers)
            if self._separator == "/":
                path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, self._encoded(part))

    def read(self, key: Sequence[slice]) -> Array:
        """Read a part; what lies in chunks that have no file is the value of an empty array.

        Parameters
        ----------
        key : sequence of slice
            Of step 1, one for each dimension.

        Raises
        ------
        ValueError
            A chunk is damaged.
        """
        spans = [part.indices(size)[:2] for part, size in zip(key, self.shape, strict=True)]
        lows, highs = [low for low, _ in spans], [max(span) for span in spans]
        values = empty([high - low for low, high in zip(lows, highs, strict=True)], self.dtype)
        for numbers, begins in self._grid(lows, highs) if values.size else ():
            there: list[Any] = [...]
            here, whole = [], []
            for begin, low, high, size in zip(begins, lows, highs, self._chunks, strict=True):
                start, stop = max(begin, low), min(begin + size, high)
                there.append(slice(start - low, stop - low))
                here.append(slice(start - begin, stop - begin))
                whole.append(stop - start == size)
            place = values[tuple(there)]
            if all(whole) and place.flags.c_contiguous:
                self._decode(self._path(numbers), place)
            else:
                chunk = np.empty(self._chunks, self.dtype)
                self._decode(self._path(numbers), chunk)
                place[...] = chunk[tuple(here)]
        return values

    def _grid(self, lows: Sequence[int], highs: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Numbers and first indices of the chunks that hold anything from ``lows`` up to ``highs``."""
        spans = zip(lows, highs, self._chunks, strict=True)
        for numbers in itertools.product(*(range(low // size, -(-high // size)) for low, high, size in spans)):
            yield numbers, tuple(number * size for number, size in zip(numbers, self._chunks, strict=True))

    def _path(self, numbers: Sequence[int]) -> Path:
        return self._folder / self._separator.join(("c", *map(str, numbers)))

    def _encoded(self, part: Array) -> Any:
        """The content of a chunk's file: of the full size also at the end of the array."""
        whole = np.ascontiguousarray(part, self.dtype)
        if whole.shape != self._chunks:
            whole = np.zeros(self._chunks, self.dtype)
            whole[tuple(map(slice, part.shape))] = part
        return whole.tobytes() if self._codec is None else self._codec.encode(whole)

    def _decode(self, path: Path, chunk: Array) -> None:
        """Fill a chunk, which is contiguous, with what its file holds."""
        content = _content(path)
        if content is None:
            chunk[...] = self._empty
            return
        if isinstance(self._codec, Blosc):
            # by its header: the decoder takes its word for both, and reads or leaves what is not there
            held, stored = (int.from_bytes(bytes(content[place : place + 4]), "little") for place in (4, 12))
            if (held, stored) != (chunk.nbytes, len(content)):
                raise ValueError(f"a chunk of {held} bytes in {stored}: {path} is of {chunk.nbytes} in {len(content)}")
            self._codec.decode(content, chunk)
            return
        plain = content if self._codec is None else self._codec.decode(content)
        if len(plain) != chunk.nbytes:
            raise ValueError(f"{len(plain)} bytes: {path} is of {chunk.nbytes}")
        chunk[...] = np.frombuffer(plain, self.dtype).reshape(chunk.shape)


def plain_array(folder: Path) -> ChunkedArray | None:
    """The array that lies in a folder; None where there is none, or one for zarr alone.

    Examples
    --------
    >>> plain_array(Path("no such folder"))
    """
    try:
        return ChunkedArray(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _dtype(facts: Mapping[str, Any]) -> np.dtype[Any]:
    dtype = np.dtype(facts["data_type"])
    if dtype.kind not in "biufc" or dtype.name != facts["data_type"]:
        raise ValueError(f"a data type of another kind: {facts['data_type']}")
    return dtype.newbyteorder("<")


def _codec(codecs: Sequence[Mapping[str, Any]], dtype: np.dtype[Any]) -> Any:
    """The one compressor by numcodecs, which zarr takes too; None where there is none."""
    in_bytes, *others = codecs
    order = in_bytes.get("configuration", {}).get("endian", "little")
    if in_bytes["name"] != "bytes" or len(others) > 1 or (order != "little" and dtype.itemsize > 1):
        raise ValueError(f"codecs of another kind: {codecs}")
    for codec in others:
        facts = dict(codec.get("configuration", {}))
        if "shuffle" in facts:
            facts["shuffle"] = _SHUFFLES[facts["shuffle"]]
        return _CODECS[codec["name"]](**facts)
    return None


def _fill_value(value: Any, dtype: np.dtype[Any]) -> Any:
    """The value of what was never written."""
    if dtype.kind == "c":
        return complex(*(float(part) for part in value))
    return dtype.type(float(value) if isinstance(value, str) else value)


def _content(path: Path) -> Array | None:
    """The bytes of a file, None where there is none."""
    try:
        with path.open("rb") as file:
            held = empty((os.fstat(file.fileno()).st_size,), np.dtype(np.uint8))
            return held[: file.readinto(held.data)]
    except FileNotFoundError:
        return None


def _replace(path: Path, content: Any) -> None:
    """Write a file as a whole or not at all."""
    half = f"{path}{PARTIAL}"
    with open(half, "wb") as file:
        file.write(content)
    os.replace(half, path)
