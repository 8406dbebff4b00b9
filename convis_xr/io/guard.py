"""Readers of other packages, whose errors while reading name the file and the place, as ours do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr.io.faults import bad_file
from convis_xr.io.zarr_files import ChunkedArray, plain_array

#: what zarr's and HDF5's readers raise for damaged data
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, AttributeError)

#: attributes by which xarray changes the numbers of a file
_DECODED = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned"}


class GuardedArray(BackendArray):
    """A lazy variable; what cannot be read of it is a FormatError.

    Parameters
    ----------
    variable : Variable
        As its backend opened it, not loaded.
    path : Path
    plain : ChunkedArray, optional
        The same numbers as files, where they are that; stretches are read from there, at a tenth of the price.
    """

    def __init__(self, variable: xr.Variable, path: Path, plain: ChunkedArray | None = None) -> None:
        self.variable, self.path = variable, path
        self.shape, self.dtype = variable.shape, variable.dtype
        self._plain = plain

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        try:
            if self._plain is not None and all(isinstance(part, slice) and part.step in (None, 1) for part in key):
                return self._plain.read(key)
            return self.variable[key].values
        except DAMAGE as error:
            names = (f"{name} {part}" for name, part in zip(self.variable.dims, key, strict=True))
            raise bad_file(self.path, f"data at {', '.join(names)}", str(error) or type(error).__name__) from error


def guarded(array: xr.DataArray, path: Path) -> xr.DataArray:
    """The same array, read through a `GuardedArray`."""
    inner = array.variable
    lazy = indexing.LazilyIndexedArray(GuardedArray(inner, path, _plain(array, path)))
    variable = xr.Variable(inner.dims, lazy, inner.attrs, inner.encoding)
    return array.coords.to_dataset().assign({array.name: variable})[array.name]


def _plain(array: xr.DataArray, path: Path) -> ChunkedArray | None:
    """The files of an array, where they hold its very numbers: xarray has not decoded them."""
    found = plain_array(path / str(array.name))
    same = found is not None and (found.shape, found.dtype) == (array.shape, array.dtype)
    return found if same and not _DECODED & set(array.encoding) else None
