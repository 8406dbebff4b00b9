"""Films as lazy arrays: what every reader of single frames shares."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.sampling import Sampling
from convis_xr.scales import pixel_degrees, step_seconds
from convis_xr.units import Quantity

#: the name of the variable in the Dataset that our backends open
VARIABLE = "stimulus"


class FrameReader(ABC):
    """Random access to the frames of one film. It can be pickled: files are opened anew where it arrives."""

    path: Path
    #: number of frames
    count: int
    #: (y, x) or (channel, y, x)
    frame_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def frames(self, indices: Iterable[int]) -> Iterator[np.ndarray[Any, Any]]:
        """The frames of these ascending indices, one by one."""


class FrameArray(BackendArray):
    """The film of a `FrameReader` as ([channel,] time, y, x); only the frames that are asked for are read."""

    def __init__(self, reader: FrameReader) -> None:
        *channels, height, width = reader.frame_shape
        self.reader = reader
        self.shape = (*channels, reader.count, height, width)
        self.dtype = reader.dtype
        self._lock = threading.Lock()

    def __getstate__(self) -> FrameReader:
        return self.reader

    def __setstate__(self, reader: FrameReader) -> None:
        self.__init__(reader)  # type: ignore[misc]

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        time = len(self.shape) - 3
        wanted = np.arange(self.reader.count)[key[time]]
        indices, back = np.unique(wanted, return_inverse=True)
        film = np.empty((*self.shape[:time], len(indices), *self.shape[time + 1 :]), self.dtype)
        with self._lock:
            for place, frame in enumerate(self.reader.frames(indices.tolist())):
                film[..., place, :, :] = frame
        if len(indices) != wanted.size or (np.diff(back.ravel()) < 0).any():
            film = np.take(film, back.ravel(), axis=time)
        return picked(film, (*key[:time], slice(None) if wanted.ndim else 0, *key[time + 1 :]))


def picked(block: np.ndarray[Any, Any], key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Each axis indexed by itself, by a slice, an int (which takes it away) or an array.

    Examples
    --------
    >>> picked(np.arange(6).reshape(2, 3), ([1, 0], [2, 0]))
    array([[5, 3],
           [2, 0]])
    """
    for axis in reversed(range(len(key))):  # from the last on, since an int takes its axis away
        block = block[(slice(None),) * axis + (key[axis],)]
    return block


def film_dataset(
    data: Any,
    names: tuple[str, ...],
    *,
    dt: Any,
    pixel_size: Any,
    stamps: np.ndarray[Any, Any] | None = None,
    last: float | None = None,
    limits: tuple[float, float] | None = None,
) -> xr.Dataset:
    """The Dataset of a backend: the lazy film with as many coordinates as are known.

    Parameters
    ----------
    data : BackendArray
        Its dimensions are ``names``.
    dt, pixel_size : quantity or None
        From the caller, else from the file; None leaves the coordinate out.
    stamps : ndarray (time), s, optional
        Time stamps of frames that are not evenly spaced.
    last : float, s, optional
        How long the last of these is shown.
    limits : (float, float), optional
        Range of the values: such a film has the unit "1".
    """
    sizes = dict(zip(names, data.shape, strict=True))
    regular = {dims.TIME: dt is not None, dims.Y: pixel_size is not None, dims.X: pixel_size is not None}
    coordinates = grid({name: size for name, size in sizes.items() if regular.get(name)}, _sampling(dt, pixel_size))
    if dt is None and stamps is not None:
        attrs = {"units": "s", "long_name": "time, start of the frame", "axis": "T", "step": last}
        coordinates[dims.TIME] = xr.Variable(dims.TIME, stamps, attrs)
    if dims.CHANNEL in sizes and sizes[dims.CHANNEL] == 3:
        coordinates[dims.CHANNEL] = xr.Variable(dims.CHANNEL, ["r", "g", "b"])
    attributes: dict[str, Any] = {}
    if limits is not None:
        attributes = {"units": "1", "valid_range": [float(limits[0]), float(limits[1])]}
    variable = xr.Variable(names, indexing.LazilyIndexedArray(data), attributes)
    return xr.Dataset({VARIABLE: variable}, coordinates)


def _sampling(dt: Any, pixel_size: Any) -> Sampling:
    step = None if dt is None else Quantity(step_seconds(dt), "s")
    pixel = None if pixel_size is None else Quantity(np.array(pixel_degrees(pixel_size)), "degree")
    return Sampling(step, pixel)


def film_dims(ndim: int) -> tuple[str, ...]:
    """Names of the dimensions of a film with or without colour."""
    return (dims.TIME, *dims.SPACE) if ndim == 3 else (dims.CHANNEL, dims.TIME, *dims.SPACE)
