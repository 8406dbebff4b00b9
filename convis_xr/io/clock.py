"""Which frame of a film is shown at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.sampling import Sampling
from convis_xr.units import factor, parse_unit

#: a time is taken to be that of a frame if it lies this part of an output step before it: 1/24 s has no exact float
TOLERANCE = 1e-6


class Clock:
    """The time stamps of a film, even or not.

    Parameters
    ----------
    film : DataArray
        With a coordinate ``time`` that ascends; how long the last frame is shown stands in its attribute ``step``,
        else it is the step before.

    Raises
    ------
    ContractError
        No time, no unit, or time stamps that do not ascend.
    """

    #: label of the first frame, s
    start: float
    #: when the last frame ends, s since the first
    duration: float

    def __init__(self, film: xr.DataArray) -> None:
        self.count = film.sizes[dims.TIME]
        if self._even(film):
            return
        self._step: float | None = None
        self._stamps = _stamps(film)
        if not (np.diff(self._stamps) > 0).all():
            cure = 'sortby("time"), drop_duplicates("time")'
            raise ContractError(explain("time", wanted="ascending time stamps", got="others", cure=cure))
        last = film.coords[dims.TIME].attrs.get("step")
        scale = factor(film.coords[dims.TIME].attrs.get("units", "s"), "s", "time")
        length = float(last) * scale if last is not None else float(np.diff(self._stamps)[-1])
        self.start = float(self._stamps[0])
        self._stamps = self._stamps - self.start
        self.duration = float(self._stamps[-1]) + length

    def __dask_tokenize__(self) -> Any:
        return self.count, self.start, self.duration, self._stamps if self._step is None else self._step

    def _even(self, film: xr.DataArray) -> bool:
        try:
            step = Sampling.of(film.coords[dims.TIME]).need_dt("resample")
        except UnitError:
            raise
        except ContractError:
            if self.count == 1 or isinstance(film.xindexes.get(dims.TIME), RangeIndex):
                raise
            return False
        ends = _stamps(film.isel({dims.TIME: [0, self.count - 1]}))
        self.start = float(ends[0])
        # by the ends, since `Sampling` rounds: after hours that would be another frame
        self._step = (float(ends[1]) - self.start) / (self.count - 1) if self.count > 1 else step
        self.duration = self._step * self.count
        return True

    def samples(self, dt: float) -> int:
        """How many steps ``dt`` begin while the film is shown."""
        return max(1, math.ceil(self.duration / dt - TOLERANCE))

    def position(self, times: np.ndarray[Any, Any], dt: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Index of the frame shown at each time since the start, and the part of its duration that has passed."""
        slack = TOLERANCE * dt
        if self._step is not None:
            index = np.floor((times + slack) / self._step).astype(np.int64)
            # a quotient may be rounded across the border that the product tells
            index += ((index + 1) * self._step <= times + slack).astype(np.int64)
            index -= (index * self._step > times + slack).astype(np.int64)
            index = np.clip(index, 0, self.count - 1)
            return index, np.clip(times / self._step - index, 0.0, 1.0)
        index = np.clip(np.searchsorted(self._stamps, times + slack, side="right") - 1, 0, self.count - 1)
        ends = np.append(self._stamps[1:], self.duration)
        return index, np.clip((times - self._stamps[index]) / (ends[index] - self._stamps[index]), 0.0, 1.0)


def _stamps(film: xr.DataArray) -> np.ndarray[Any, Any]:
    """The time stamps in s."""
    times = film.coords[dims.TIME]
    values = times.values
    if values.dtype.kind in "mM":
        return (values - values[:1]).astype("timedelta64[ns]").astype(np.float64) * 1e-9
    return values.astype(np.float64) * factor(parse_unit(times.attrs.get("units"), "time"), "s", "time")
