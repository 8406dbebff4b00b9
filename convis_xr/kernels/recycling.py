"""Memory that is handed out again: what a run has done with holds its next blocks.

A page of fresh memory costs more than a filter that writes to it, since the system clears it first. The allocator of
the C library gives blocks of some megabytes back to the system, or keeps them where another thread does not find them;
how often depends on what else the process does, and a run that also reads and writes had three times the page faults
of one in memory. Memory of a `recycling` comes in large pages from the system, goes to whichever thread asks next, and
goes back as a whole.
"""

from __future__ import annotations

import math
import mmap
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: bytes from which on memory is worth to be kept
LEAST = 2**18
#: bytes that are kept while nobody has them
MOST = 2**25


class _Recycler:
    """Pieces of memory that nobody has."""

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []
        # the garbage collector may give a piece back in the middle of either method, in the same thread
        self._lock = threading.RLock()
        self._most = MOST

    def lend(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An array, whose memory comes back with the end of its last view."""
        count = math.prod(shape)
        memory = self._fitting(count * dtype.itemsize)
        # slices of it, and tensors, hold this very array: the memory is no array itself that they could hold instead
        flat = np.frombuffer(memory, dtype, count)
        weakref.finalize(flat, self._take_back, memory).atexit = False
        return flat.reshape(shape)

    def close(self) -> None:
        """Keep nothing more."""
        with self._lock:
            self._most = 0
            self._free.clear()

    def _fitting(self, size: int) -> mmap.mmap:
        with self._lock:
            for place in range(len(self._free) - 1, -1, -1):  # what was used last is still in the cache
                if size <= len(self._free[place]) <= 2 * size:
                    return self._free.pop(place)
        made = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            made.madvise(mmap.MADV_HUGEPAGE)
        return made

    def _take_back(self, memory: mmap.mmap) -> None:
        with self._lock:
            self._free.append(memory)
            while sum(map(len, self._free)) > self._most:
                self._free.pop(0)


_recycler: ContextVar[_Recycler | None] = ContextVar("convis_xr_recycler", default=None)


@contextmanager
def recycling() -> Iterator[None]:
    """Within this block, in this thread and those that work for it, memory of `empty` is handed out again.

    Examples
    --------
    >>> with recycling():
    ...     first = empty((1000, 1000), np.dtype("float32"))
    ...     place = first.ctypes.data
    ...     del first
    ...     empty((1000, 999), np.dtype("float32")).ctypes.data == place
    True
    """
    recycler = _Recycler()
    token = _recycler.set(recycler)
    try:
        yield
    finally:
        _recycler.reset(token)
        recycler.close()


def empty(shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """A contiguous array of undefined content.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype

    Returns
    -------
    ndarray

    Examples
    --------
    >>> empty((2, 3), np.dtype("uint8")).shape
    (2, 3)
    """
    recycler = _recycler.get()
    if recycler is None or math.prod(shape) * dtype.itemsize < LEAST:
        return np.empty(shape, dtype)
    return recycler.lend(shape, dtype)
