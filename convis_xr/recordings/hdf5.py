"""Datasets of HDF5 files as lazy arrays that keep no file open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr.io.faults import bad_file, needed
from convis_xr.io.frames import picked
from convis_xr.io.guard import DAMAGE


class Hdf5Array(BackendArray):
    """A dataset. The file is opened for each read, so nothing has to be closed, and the array can be pickled.

    Parameters
    ----------
    path : str
    name : str
        Of the dataset within the file.
    shape : tuple of int
    dtype : dtype
    chunks : tuple of int, optional
        As the file has them.
    """

    def __init__(
        self, path: str, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], chunks: tuple[int, ...] | None = None
    ) -> None:
        self.path, self.name, self.chunks = path, name, chunks
        self.shape, self.dtype = shape, dtype

    @classmethod
    def of(cls, dataset: Any) -> Hdf5Array:
        """Of an open ``h5py.Dataset``, where it lies: a link may lead to another file."""
        return cls(str(dataset.file.filename), dataset.name, dataset.shape, dataset.dtype, dataset.chunks)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self.read)

    def read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """A part: slices, and at most one ascending list of indices."""
        try:
            with needed("h5py", "nwb").File(self.path, "r") as file:
                return np.asarray(file[self.name][key])
        except DAMAGE as error:
            wanted = f"the dataset {self.name} of shape {self.shape}, as when it was opened"
            raise bad_file(Path(self.path), wanted, str(error) or type(error).__name__) from error


class IndexedFrames(BackendArray):
    """Pictures of a file in the order in which they were shown.

    Parameters
    ----------
    index : ndarray (time) of int
        Which picture at each step.
    pictures : Hdf5Array or sequence of Hdf5Array
        (picture, ...); or one for each.
    """

    def __init__(self, index: np.ndarray[Any, Any], pictures: Hdf5Array | list[Hdf5Array]) -> None:
        self.index, self.pictures = index, pictures
        one = pictures if isinstance(pictures, Hdf5Array) else pictures[0]
        self.shape = (len(index), *(one.shape[1:] if isinstance(pictures, Hdf5Array) else one.shape))
        self.dtype = one.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        shown = self.index[key[0]]
        needed_ones, back = np.unique(shown, return_inverse=True)
        if isinstance(self.pictures, Hdf5Array):
            found = self.pictures.read((needed_ones,))
        else:
            found = np.stack([self.pictures[one].read(()) for one in needed_ones])
        frames = found[back.reshape(np.shape(shown))]
        return picked(frames, key[1:]) if np.ndim(shown) == 0 else picked(frames, (slice(None), *key[1:]))
