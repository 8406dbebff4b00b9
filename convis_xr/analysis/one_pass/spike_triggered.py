"""Spike-triggered average and covariance: what was shown before a spike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.one_pass.pairs import FEWER, Floats, Pairs, check_fits, square_of
from convis_xr.analysis.one_pass.sums import Squares, Windows
from convis_xr.errors import ContractError, explain
from convis_xr.pairing import check_response


def sta(stimulus: xr.DataArray, response: xr.DataArray, window: Any) -> xr.DataArray:
    r"""Spike-triggered average: the mean of what was shown before (and in the step of) a spike.

    :math:`\mathrm{STA}(k, \vec r) = \sum_t n(t)\, s(t-k, \vec r) / \sum_t n(t)` (Chichilnisky 2001, Network 12:199),
    :math:`k = 0` being the step that the spike fell into. Spikes whose window begins before the stimulus are left out.
    The stimulus is read once, block by block, for all cells together.

    Parameters
    ----------
    stimulus : DataArray (time, y, x) [any unit]
        Keeps to `convis_xr.contract`; may be lazy. ``y`` and ``x`` may be missing.
    response : DataArray (time, and any other dims but those of the stimulus) [count]
        Spikes per step, or any weights >= 0, on time labels that are a stretch of the stimulus'.
    window : int or quantity
        Length of the window: an int counts steps.

    Returns
    -------
    DataArray (dims of the response, time, y, x) [unit of the stimulus]
        ``time`` is the lag [s], 0 first; so it can be assigned to the weight of `convis_xr.filters.RF`. Coordinates
        ``spikes`` and ``left_out`` count, for each cell, the spikes used and those too early. NaN where there are none.

    Raises
    ------
    ContractError
        Labels or dimensions that do not fit, negative or missing values of the response.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> late = (flicker[:, 1, 2] > 0.5).astype(int).shift(time=3, fill_value=0).drop_vars(["y", "x"])
    >>> average = cx.analysis.sta(flicker, late.assign_attrs(units="count"), window="60 ms")
    >>> int(average[:, 1, 2].argmax("time")), float(average.time[3])
    (3, 0.03)
    """
    pairs = Pairs(stimulus, checked_counts(response), window)
    size = pairs.lags * pairs.pixels
    check_fits(8 * size * pairs.cells, f"averages of {pairs.cells} cells over {size} weights", FEWER)
    sums = Windows(pairs.cells, pairs.lags, pairs.pixels, pairs.precise)
    tally = Tally(pairs)
    for piece in pairs.pieces(tally.counts(), pairs.cells):
        sums.add(piece)
    with np.errstate(invalid="ignore"):
        mean = sums.total / tally.used[:, None, None] + pairs.origin
    average = pairs.labelled(mean, "sta", pairs.units[0], "spike-triggered average")
    return average.assign_coords(tally.coords())


def stc(stimulus: xr.DataArray, response: xr.DataArray, window: Any) -> xr.DataArray:
    r"""Spike-triggered covariance of what was shown before a spike, around the spike-triggered average.

    :math:`C = \sum_t n(t)\,(s_t - \mathrm{STA})(s_t - \mathrm{STA})^T / (\sum_t n(t) - 1)` with the windows
    :math:`s_t(k, \vec r) = s(t-k, \vec r)` (Schwartz, Pillow, Rust & Simoncelli 2006, J Vis 6:484).

    Parameters
    ----------
    stimulus, response, window
        As in `sta`.

    Returns
    -------
    DataArray (dims of the response, time, y, x, time_, y_, x_) [square of the unit of the stimulus]
        Dimensions with an underscore are those of the second factor. NaN where there are fewer than two spikes.

    Raises
    ------
    ContractError
        As `sta`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 2, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> strong = (abs(flicker[:, 0, 1] - 0.5) > 0.2).astype(int).drop_vars(["y", "x"]).assign_attrs(units="count")
    >>> covariance = cx.analysis.stc(flicker, strong, window=2)
    >>> variance = covariance.isel(time=0, time_=0, y=0, y_=0)
    >>> bool(variance[1, 1] > 1.5 * variance[0, 0])
    True
    """
    pairs = Pairs(stimulus, checked_counts(response), window)
    size = pairs.lags * pairs.pixels
    check_fits(8 * size**2 * pairs.cells, f"covariances of {pairs.cells} cells over {size} weights", FEWER)
    tally = Tally(pairs)
    covariance = covariances(pairs, tally.counts(), pairs.cells, tally.used)
    units = square_of(pairs.units[0])
    labelled = pairs.labelled(covariance, "stc", units, "spike-triggered covariance", windows=2)
    return labelled.assign_coords(tally.coords())


def covariances(pairs: Pairs, weights: Iterator[Floats], columns: int, used: Floats) -> Floats:
    """Covariances (column, weight, weight) of windows around their means; NaN for fewer than two spikes.

    Parameters
    ----------
    pairs : Pairs
    weights : iterator of ndarrays (column, steps)
        As `Pairs.pieces` takes them.
    columns : int
    used : ndarray (column)
        Spikes; may be counted while weights are read.
    """
    sums, squares = (kind(columns, pairs.lags, pairs.pixels) for kind in (Windows, Squares))
    for piece in pairs.pieces(weights, columns, np.float64):
        sums.add(piece)
        squares.add(piece)
    with np.errstate(invalid="ignore", divide="ignore"):
        for square, total, count in zip(squares.total, sums.total.reshape(columns, -1), used, strict=True):
            square -= np.outer(total, total) / count
            square /= count - 1 if count > 1 else np.nan
    return squares.total


class Tally:
    """Counts spikes while they are read.

    Attributes
    ----------
    used, left_out : ndarray (cell)
        Spikes whose windows lie within the stimulus, and those too early.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self.used = np.zeros(pairs.cells)
        self.left_out = pairs.early.sum(dims.TIME).values.astype(np.float64).reshape(-1)

    def counts(self) -> Iterator[Floats]:
        """Spikes (cell, time), in blocks."""
        for block in self._pairs.counts():
            self.used += block.sum(1)
            yield block

    def coords(self) -> dict[str, Any]:
        """Coordinates that tell of them."""
        counted = {"spikes": self.used, "left_out": self.left_out}
        rest = self._pairs.rest
        return {name: (rest.dims, value.reshape(rest.shape)) for name, value in counted.items()}


def checked_counts(response: xr.DataArray) -> xr.DataArray:
    """A response that can weigh windows."""
    response = check_response(response)
    if bool((response < 0).any()):
        cure = "response.clip(0), or counts: .where(response >= 0, 0)"
        raise ContractError(explain("response", wanted="counts of 0 or more", got="some below 0", cure=cure))
    return response
