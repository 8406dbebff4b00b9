"""When each cell was observed: steps beyond that are NaN, and not a silent cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from dask.base import tokenize

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.recordings.times import SLACK, Times
from convis_xr.units import factor

#: the column of a table of cells (cell, interval, bound)
OBSERVED = "obs_intervals"
#: starts and stops, ascending, none of which touch each other
Intervals = tuple[Times, Times]


class Observed:
    """The intervals of each cell, on the stimulus' clock. A cell of which none is told was observed all the time.

    Parameters
    ----------
    intervals : DataArray (cell, interval, bound) [s]
        NaN behind the last one of a cell.
    scale, offset : float
        A time ``t`` is at ``scale * t + offset``.

    Examples
    --------
    >>> rows = xr.DataArray([[[0.0, 0.2], [0.2, 0.31]], [[np.nan] * 2] * 2], dims=("cell", "interval", "bound"))
    >>> Observed(rows).mask(np.arange(5) * 0.1, 0.1).T
    array([[ True,  True,  True, False],
           [ True,  True,  True,  True]])
    """

    def __init__(self, intervals: xr.DataArray, scale: float = 1.0, offset: float = 0.0) -> None:
        if intervals.dims != (dims.CELL, dims.INTERVAL, dims.BOUND) or intervals.sizes[dims.BOUND] != 2:
            got, wanted = str(dict(intervals.sizes)), "starts and stops (cell, interval, bound)"
            raise ContractError(explain(OBSERVED, wanted=wanted, got=got, cure=f"cells.drop_vars({OBSERVED!r})"))
        unit = factor(str(intervals.attrs.get("units", "s")), "s", OBSERVED)
        self._of = [_joined(rows) for rows in intervals.values * (unit * scale) + offset]

    def mask(self, edges: Times, dt: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which steps (step, cell) between edges lie within an interval, but for rounding (1e-6 of a step)."""
        made = np.ones((len(edges) - 1, len(self._of)), bool)
        first, last = edges[:-1] + SLACK * dt, edges[1:] - SLACK * dt
        for cell, (start, stop) in enumerate(self._of):
            if len(start):
                at = np.searchsorted(start, first, side="right") - 1
                made[:, cell] = (at >= 0) & (stop[at] >= last)
        return made

    def __dask_tokenize__(self) -> Any:
        return tokenize(self._of)


def _joined(rows: np.ndarray[Any, Any]) -> Intervals:
    """Intervals of one cell, those that touch or overlap as one."""
    told = rows[np.isfinite(rows).all(1)]
    wrong = np.flatnonzero(told[:, 1] < told[:, 0])
    if len(wrong):
        start, stop = told[wrong[0]]
        got, cure = f"{start:.6g} to {stop:.6g} s", f"cells.drop_vars({OBSERVED!r})"
        raise ContractError(explain(OBSERVED, wanted="intervals that end after they start", got=got, cure=cure))
    told = told[np.argsort(told[:, 0], kind="stable")]
    reached = np.maximum.accumulate(told[:, 1])
    begins = np.flatnonzero(np.append(True, told[1:, 0] > reached[:-1])[: len(told)])
    return told[begins, 0], reached[np.append(begins[1:], len(told)) - 1] if len(begins) else reached
