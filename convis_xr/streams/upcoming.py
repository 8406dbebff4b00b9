"""`Upcoming`: frames of a stream that are still to come, as an array that is read once and in order."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr.errors import ContractError, explain


class Source(Protocol):
    """What gives frames by their index."""

    @property
    def _time_axis(self) -> int: ...

    def read(self, first: int, count: int) -> np.ndarray[Any, Any]:
        """Frames, fewer where it ends."""


class Upcoming(BackendArray):
    """What xarray indexes; nothing is read before values are asked for.

    Parameters
    ----------
    source : Source
    first : int
        Index in the source of the first frame.
    shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(self, source: Source, first: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._source, self._first = source, first
        self.shape, self.dtype = shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        axis = self._source._time_axis
        when = key[axis]
        asked = range(when, when + 1) if isinstance(when, int | np.integer) else range(self.shape[axis])[when]
        count = len(asked) and max(asked) + 1 - min(asked)
        start = self._first + (min(asked) if count else 0)
        values = self._source.read(start, count)
        if values.shape[axis] < count:
            got = f"a source that ended after {start + values.shape[axis]}"
            cure = "an earlier stop=, or a longer source"
            raise ContractError(explain("stream", wanted=f"frames up to {start + count}", got=got, cure=cure))
        inner = 0 if isinstance(when, int | np.integer) else slice(None, None, asked.step)
        return values[(*key[:axis], inner, *key[axis + 1 :])]
