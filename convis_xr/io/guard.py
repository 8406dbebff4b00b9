"""Readers of other packages, whose errors while reading name the file and the place, as ours do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr.io.faults import bad_file

#: what zarr's and HDF5's readers raise for damaged data
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, AttributeError)


class GuardedArray(BackendArray):
    """A lazy variable; what cannot be read of it is a FormatError.

    Parameters
    ----------
    variable : Variable
        As its backend opened it, not loaded.
    path : Path
    """

    def __init__(self, variable: xr.Variable, path: Path) -> None:
        self.variable, self.path = variable, path
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        try:
            return self.variable[key].values
        except DAMAGE as error:
            names = (f"{name} {part}" for name, part in zip(self.variable.dims, key, strict=True))
            raise bad_file(self.path, f"data at {', '.join(names)}", str(error) or type(error).__name__) from error


def guarded(array: xr.DataArray, path: Path) -> xr.DataArray:
    """The same array, read through a `GuardedArray`."""
    inner = array.variable
    lazy = indexing.LazilyIndexedArray(GuardedArray(inner, path))
    variable = xr.Variable(inner.dims, lazy, inner.attrs, inner.encoding)
    return array.coords.to_dataset().assign({array.name: variable})[array.name]
