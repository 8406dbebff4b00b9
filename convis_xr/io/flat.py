"""Arrays that lie in a file as they are in memory: read through the page cache, only what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr.io.faults import bad_file


class FlatArray(BackendArray):
    """Part of a file as an array.

    Parameters
    ----------
    path : Path
    dtype : dtype, with its byte order
    shape : tuple of int
    offset : int, bytes
        Where the data begin.
    order : {"C", "F"}
    axes : tuple of int, optional
        Order in which the file's axes are handed out.

    Raises
    ------
    FormatError
        The file is shorter than this takes.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        offset: int,
        order: Any = "C",
        axes: tuple[int, ...] | None = None,
    ) -> None:
        self._file = (path, dtype, shape, offset, order, axes)
        size, there = int(np.prod(shape)) * dtype.itemsize, path.stat().st_size - offset
        if min(shape, default=1) < 1:
            raise bad_file(path, "at least one sample along each axis", f"shape {shape} in its header")
        if there < size:
            raise bad_file(path, f"{size} bytes of data, as its header says (shape {shape}, {dtype})", f"{there} bytes")
        self.shape = shape if axes is None else tuple(shape[axis] for axis in axes)
        self.dtype = dtype.newbyteorder("=")

    def __reduce__(self) -> Any:
        return FlatArray, self._file

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        # mapped for each read: nothing is kept open, so nothing has to be closed or carried along by pickle
        path, dtype, shape, offset, order, axes = self._file
        try:
            whole = np.memmap(path, dtype, "r", offset, shape, order)
        except (OSError, ValueError) as error:
            got = "no file" if not path.exists() else f"{path.stat().st_size - offset} bytes"
            wanted = f"{int(np.prod(shape)) * dtype.itemsize} bytes of data, as when it was opened"
            raise bad_file(path, wanted, got) from error
        return np.array((whole if axes is None else whole.transpose(axes))[key], dtype=self.dtype)
