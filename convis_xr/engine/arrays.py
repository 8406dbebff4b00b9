"""Arrays of a zarr store, written as the plain files that they are.

By zarr's specification (version 3, core) an array is a JSON text and a file for each chunk. zarr itself gets there by
way of an event loop and a pool of threads, at a millisecond or more for every file, much of which holds the interpreter
lock that the model's threads wait for. Written here they cost what compressing costs.

Source: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Blosc  # type: ignore[import-untyped]
from zarr.codecs import BloscCodec, BloscShuffle

Array = np.ndarray[Any, Any]

#: what zarr calls the file that says what an array is
METADATA = "zarr.json"
#: what the name of a half-written file ends in
PARTIAL = ".partial"
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
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
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
    _replace(folder / METADATA, json.dumps(facts, indent=2).encode())


class ChunkedArray:
    """An array to write to, whole chunks at a time.

    Parameters
    ----------
    folder : Path
        Where `declare` has put it.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = Path(tempfile.mkdtemp(), "counts")
    >>> declare(folder, (5, 2), (2, 2), np.dtype("uint8"))
    >>> counts = ChunkedArray(folder)
    >>> counts.write(np.ones((4, 2), "uint8"), first=(0, 0))
    >>> counts.lost
    1
    >>> zarr.open_array(folder, mode="r")[:, 0]
    array([1, 1, 1, 1, 0], dtype=uint8)
    """

    def __init__(self, folder: Path) -> None:
        facts = json.loads((folder / METADATA).read_text())
        self._folder = folder
        self._shape = tuple(facts["shape"])
        self._chunks = tuple(facts["chunk_grid"]["configuration"]["chunk_shape"])
        self._dtype = np.dtype(facts["data_type"]).newbyteorder("<")
        self._blosc = [_blosc(codec["configuration"]) for codec in facts["codecs"] if codec["name"] == "blosc"]

    @property
    def lost(self) -> int:
        """How many chunks have no file."""
        whole = math.prod(math.ceil(size / part) for size, part in zip(self._shape, self._chunks, strict=True))
        if not self._shape:
            return whole - (self._folder / "c").is_file()
        files = (name for _, _, names in os.walk(self._folder / "c") for name in names)
        return whole - sum(not name.endswith(PARTIAL) for name in files)

    def write(self, values: Array, first: Sequence[int]) -> None:
        """Write chunks, zeros too.

        Parameters
        ----------
        values : ndarray
            Whole chunks; those at the end of the array may be shorter.
        first : sequence of int
            Index of the first value: where a chunk begins.
        """
        ends = zip(first, values.shape, self._chunks, strict=True)
        for begins in itertools.product(*(range(low, low + size, part) for low, size, part in ends)):
            inside = zip(begins, first, self._chunks, strict=True)
            part = values[tuple(slice(begin - low, begin - low + size) for begin, low, size in inside)]
            numbers = (begin // size for begin, size in zip(begins, self._chunks, strict=True))
            path = self._folder.joinpath("c", *map(str, numbers))
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, self._encoded(part))

    def _encoded(self, part: Array) -> Any:
        """The content of a chunk's file: of the full size also at the end of the array."""
        whole = np.ascontiguousarray(part, self._dtype)
        if whole.shape != self._chunks:
            whole = np.zeros(self._chunks, self._dtype)
            whole[tuple(map(slice, part.shape))] = part
        return self._blosc[0].encode(whole) if self._blosc else whole.tobytes()


def _blosc(facts: Mapping[str, Any]) -> Any:
    return Blosc(**{**facts, "shuffle": _SHUFFLES[facts["shuffle"]]})


def _replace(path: Path, content: Any) -> None:
    """Write a file as a whole or not at all."""
    half = path.with_name(path.name + PARTIAL)
    half.write_bytes(content)
    os.replace(half, path)
