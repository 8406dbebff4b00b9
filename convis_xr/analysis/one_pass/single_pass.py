"""Moments of a stimulus and a response: the sums that all linear estimators need, from one pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.one_pass.pairs import (
    FEWER,
    SMALLER,
    Array,
    Floats,
    Pairs,
    Piece,
    check_fits,
    product_of,
    square_of,
)
from convis_xr.analysis.one_pass.sums import Autocorrelation, Windows
from convis_xr.errors import ContractError, explain


def moments(stimulus: xr.DataArray, response: xr.DataArray, window: Any, *, auto: bool = False) -> xr.Dataset:
    r"""Sums over what was shown before each step of a response: all that linear estimators need, from one pass.

    The rows of the regression are the windows :math:`x_t(k, \vec r) = s(t-k, \vec r) - \mathrm{origin}` that end in the
    steps t of the response, for lags :math:`0 \le k < K`; :math:`n_t` is the response, summed over repeats, and
    :math:`w_t` the number of repeats that have a value there. Steps whose window begins before the stimulus are left
    out. The matrix of all windows is never made; the stimulus is read once, block by block, for all cells together.

    Parameters
    ----------
    stimulus : DataArray (time, y, x) [any unit]
        Keeps to `convis_xr.contract`; may be lazy. ``y`` and ``x`` may be missing.
    response : DataArray (time, cell) or (repeat, time, cell) [any unit]
        On time labels that are a stretch of the stimulus'. NaN where nothing was recorded; so repeats may have any
        length. ``cell`` may be missing, or be called otherwise; may be lazy.
    window : int or quantity
        Length of the window: an int counts steps.
    auto : bool
        Whether to sum the products of the windows with themselves, too: (lags x pixels) squared numbers.

    Returns
    -------
    Dataset
        ``steps`` = sum w; ``responses`` (cell) = sum n; ``responses_squared`` (cell), the sum of squares over steps and
        repeats; ``stimulus`` (time, y, x) = sum w x; ``cross`` (cell, time, y, x) = sum n x; with ``auto`` also
        ``auto`` (time, y, x, time\_, y\_, x\_) = sum w x x'; ``origin``; ``left_out`` (cell), what fell into steps that
        were left out. ``time`` is the lag [s], 0 first. Where cells have different gaps, ``steps`` and ``stimulus`` are
        over ``cell``, too. All in double precision; products of uint8 or float32 stimuli are computed in single
        precision (of whole numbers exactly, while they stay below 2**24), those of ``auto`` never.

    Raises
    ------
    ContractError
        Labels, dimensions or units that do not fit; infinity, or NaN in the stimulus; sums that do not fit into the
        option ``memory``; ``auto`` for cells with different gaps, which share no such sum.

    See Also
    --------
    merge : Adds the moments of parts.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> rate = flicker[:, 1, 2].shift(time=3).drop_vars(["y", "x"]).assign_attrs(units="Hz")  # NaN for 3 steps
    >>> sums = cx.analysis.moments(flicker, rate, "60 ms", auto=True)
    >>> int(sums.steps), int(sums.cross[:, 1, 2].argmax("time"))
    (1995, 3)
    """
    pairs = Pairs(stimulus, response, window, pooled=True)
    tally = _Tally(pairs)
    size = pairs.lags * pairs.pixels
    check_fits(8 * size * pairs.cells, f"sums for {pairs.cells} cells and {size} weights", FEWER)
    if auto:
        _check_auto(pairs, tally.shared)
    columns = pairs.cells + tally.columns
    dtype = np.float64 if auto else pairs.precise
    sums = Windows(columns, pairs.lags, pairs.pixels, dtype)
    squares = Autocorrelation(pairs.lags, pairs.pixels) if auto else None
    for piece in pairs.pieces(tally.weights(columns), columns, dtype):
        sums.add(piece)
        if squares is not None:
            squares.add(Piece(piece.shown, piece.weights[pairs.cells :]))
    return _labelled(pairs, tally, sums.total, None if squares is None else squares.total)


class _Tally:
    """Counts what a response holds while it is read, and turns it into weights."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self.shared = _shared_gaps(pairs)
        #: columns of weights that say what was recorded
        self.columns = 1 if self.shared else pairs.cells
        self.responses, self.squares = np.zeros(pairs.cells), np.zeros(pairs.cells)
        self.steps = np.zeros(self.columns)

    def weights(self, columns: int) -> Iterator[Floats]:
        """The response, then what was recorded of it (column, time)."""
        for block in self._pairs.responses(columns):
            summed, squared, recorded = _pooled(block)
            recorded = recorded[:, : self.columns]
            self.responses += summed.sum(0)
            self.squares += squared.sum(0)
            self.steps += recorded.sum(0)
            yield np.concatenate([summed, recorded], 1).T

    def left_out(self) -> Floats:
        early = self._pairs.early
        if not early.sizes[dims.TIME]:
            return np.zeros(self._pairs.cells)
        leading = early.ndim - self._pairs.rest.ndim
        return _pooled(early.values.reshape(*early.shape[:leading], -1))[0].sum(0)


def _pooled(block: Array) -> tuple[Floats, Floats, Floats]:
    """Sum over repeats of a block ([repeat,] time, cell), that of its squares, and how many repeats have a value."""
    values = block.astype(np.float64)
    values = values[None] if values.ndim == 2 else values
    recorded = ~np.isnan(values)
    values[~recorded] = 0
    return values.sum(0), np.square(values).sum(0), recorded.sum(0, dtype=np.float64)


def _shared_gaps(pairs: Pairs) -> bool:
    """Whether all cells were recorded at the same steps, equally often."""
    response = pairs.used
    if response.dtype.kind != "f" or pairs.cells == 1 or not pairs.steps:
        return True
    recorded = response.notnull()
    recorded = recorded.sum(dims.REPEAT) if dims.REPEAT in response.dims else recorded
    first = recorded.isel(dict.fromkeys(pairs.rest.dims, 0), drop=True)
    return bool((recorded == first).all())


def _check_auto(pairs: Pairs, shared: bool) -> None:
    if not shared:
        wanted, got = "cells that share their gaps, as they share auto", "cells with NaN at different steps"
        dim = pairs.rest.dims[0]
        cure = f"one call for each group of cells, as .isel({dim}=[0]), or .dropna('time') over all of them"
        raise ContractError(explain("response", wanted=wanted, got=got, cure=cure))
    size = pairs.lags * pairs.pixels
    # the sums, and as much where weights change
    check_fits(16 * size * size, f"the square of {pairs.lags} lags x {pairs.pixels} pixels", SMALLER)


def _labelled(pairs: Pairs, tally: _Tally, total: Floats, auto: Floats | None) -> xr.Dataset:
    shown, seen = pairs.units
    own = not tally.shared
    cross, window = total[: pairs.cells], total[pairs.cells :]
    made = [
        pairs.labelled(tally.steps, "steps", "1", "steps with a response", of_cells=own, windows=0),
        pairs.labelled(tally.responses, "responses", seen, "sum of responses", windows=0),
        pairs.labelled(
            tally.squares, "responses_squared", square_of(seen), "sum of the squares of responses", windows=0
        ),
        pairs.labelled(window, "stimulus", shown, "sum of windows, minus the origin", of_cells=own),
        pairs.labelled(cross, "cross", product_of(seen, shown), "sum of windows by responses, minus the origin"),
        pairs.labelled(tally.left_out(), "left_out", seen, "responses before the first whole window", windows=0),
        xr.DataArray(pairs.origin, name="origin", attrs={"units": shown, "long_name": "taken off the stimulus"}),
    ]
    if auto is not None:
        text = "sum of products of windows, minus the origin"
        made.append(pairs.labelled(auto, "auto", square_of(shown), text, of_cells=False, windows=2))
    return xr.Dataset({array.name: array for array in made})
