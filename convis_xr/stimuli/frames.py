"""Lazy frames: an array-like whose every frame is a pure function of its absolute index, and the dask array over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize

#: bytes of one block where no chunk is told
BLOCK_BYTES = 2**23
#: values that are worked on at a time: few enough to stay in the processor's cache
SLAB_VALUES = 2**19

#: indices of frames (int64) -> their values, (index, y or 1, x or 1)
Render = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


@dataclass(frozen=True, eq=False)
class Frames:
    """What dask slices: a read computes the frames that it asks for, and none else."""

    render: Render
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Three: time, y, x."""
        return 3

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        when, where = key[0], tuple(key[1:])
        asked = range(self.shape[0])[when] if isinstance(when, int | slice) else when
        single = isinstance(asked, int)
        index = np.atleast_1d(np.asarray(asked, dtype=np.int64))
        rows = max(1, SLAB_VALUES // (self.shape[1] * self.shape[2]))
        slabs = [self._slab(index[first : first + rows])[(slice(None), *where)] for first in range(0, len(index), rows)]
        values = np.concatenate(slabs) if slabs else np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *where)]
        return values[0] if single else values

    def _slab(self, index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        values = np.asarray(self.render(index), dtype=self.dtype)
        return np.broadcast_to(values, (len(index), *self.shape[1:]))


def lazy(render: Render, shape: tuple[int, int, int], dtype: np.dtype[Any], chunk: int | None = None) -> Any:
    """A dask array (time, y, x), cut along time only; building it costs next to nothing at any length."""
    if chunk is None:
        chunk = max(1, BLOCK_BYTES // (shape[1] * shape[2] * dtype.itemsize))
    frames = Frames(render, shape, dtype)
    chunks = (min(chunk, shape[0]), shape[1], shape[2])
    name = f"stimulus-{tokenize(frames, chunks)}"
    return da.from_array(frames, chunks, name=name, asarray=False, meta=np.empty((0, 0, 0), dtype))
