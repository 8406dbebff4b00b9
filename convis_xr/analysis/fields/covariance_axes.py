"""`stc_axes`: stimulus axes along which spikes change the variance, and which of them are no chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr.analysis.fields.normal_equations import Floats
from convis_xr.analysis.one_pass.pairs import FEWER, Pairs, check_fits, square_of
from convis_xr.analysis.one_pass.shifts import drawn_shifts, shifted
from convis_xr.analysis.one_pass.spike_triggered import checked_counts, covariances
from convis_xr.errors import ParameterError, explain
from convis_xr.scales import whole
from convis_xr.units import magnitude


def stc_axes(
    stimulus: xr.DataArray,
    response: xr.DataArray,
    window: Any,
    *,
    shifts: Any = 100,
    min_shift: Any = None,
    level: Any = 0.05,
    seed: int = 0,
) -> xr.Dataset:
    r"""Eigenvectors of the spike-triggered covariance, and which of them are significant.

    Eigenvalues are compared to those of responses that were shifted in time, around the end to the beginning, which
    keeps spikes and stimulus as they are but for what ties them together. The test is nested (Schwartz, Pillow, Rust &
    Simoncelli 2006, J Vis 6:484): if the largest or the smallest eigenvalue is out of what the largest or smallest of
    shifted responses are, the one that is further out is significant, its axis is taken out of the stimulus, and what
    is left is tested in the same way. All shifts are computed in one pass over the stimulus.

    The stimulus is to be white: with correlations within it the largest null eigenvalues are those of its own axes, and
    what spikes change beside them does not stand out.

    Parameters
    ----------
    stimulus, response, window
        As in `stc`; the covariance is around the spike-triggered average. The response is kept in memory, as it is.
    shifts : int
        How many, drawn without replacement.
    min_shift : int or quantity, optional
        The least shift, to either side: longer than what stimulus and cell remember; by default the window.
    level : float
        Probability that, nothing being there, the first axis is called significant.
    seed : int
        Of the shifts, which are the same for all cells.

    Returns
    -------
    Dataset (dims of the response, axis)
        ``eigenvalue`` [square of the unit of the stimulus], descending; ``axis_field`` (..., axis, time, y, x), of
        norm 1; ``significant`` (bool): above the null is excitatory, below it suppressive; ``null_lower`` and
        ``null_upper`` (..., axis), the bounds of the test that called the axis significant, for the others those of the
        last test. NaN, and nothing significant, for cells with fewer than two spikes, shifted or not.

    Raises
    ------
    ContractError
        As `stc`; a response too short for the shifts, or a window too large for the memory.
    ParameterError
        Fewer shifts than the level needs.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("60 s", 2, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> strong = (abs(flicker[:, 0, 1] - 0.5) > 0.2).astype(int).drop_vars(["y", "x"]).assign_attrs(units="count")
    >>> found = stc_axes(flicker, strong, window=2, shifts=50)
    >>> int(found.significant.sum()), float(abs(found.axis_field[0, 0, 0, 1]).round(1))
    (1, 1.0)
    """
    pairs = Pairs(stimulus, checked_counts(response), window)
    count, alpha = whole(shifts, "shifts"), magnitude(level, "dimensionless", "level")
    if not 0 < alpha < 1 or (count + 1) * alpha < 2:
        wanted = "a level between 0 and 1, and 2 / level - 1 shifts or more"
        got = f"level={alpha:g}, shifts={count}"
        raise ParameterError(explain("shifts", wanted=wanted, got=got, cure="shifts=100, level=0.05"))
    weights, columns = pairs.lags * pairs.pixels, pairs.cells * (count + 1)
    what = f"covariances of {pairs.cells} cells and {count} shifts over {weights} weights"
    check_fits(8 * weights**2 * columns, what, f"fewer shifts, {FEWER}")
    moved = drawn_shifts(pairs, count, min_shift, seed)
    counts = pairs.used.values.reshape(pairs.steps, -1)
    used = np.tile(counts.sum(0, dtype=np.float64), len(moved))
    every = covariances(pairs, shifted(counts, moved, pairs.block_steps(columns)), columns, used)
    return _labelled(pairs, every.reshape(len(moved), pairs.cells, weights, weights), alpha)


def _labelled(pairs: Pairs, every: Floats, level: float) -> xr.Dataset:
    """Tests of covariances (shift, cell, weight, weight), the first of which is not shifted."""
    found = [_nested(one[0], one[1:], level) for one in every.swapaxes(0, 1)]
    values, axes, significant, lower, upper = (np.array(part) for part in zip(*found, strict=True))
    first = pairs.labelled(every[0, :, 0], "axis", "1", "axis")
    cells, window = first.dims[: pairs.rest.ndim], first.dims[pairs.rest.ndim :]
    named, sizes = [*cells, "axis"], pairs.rest.shape
    units = {"units": square_of(pairs.units[0])}
    fields = axes.reshape(*sizes, -1, *(first.sizes[dim] for dim in window))
    made = {
        "eigenvalue": (named, values.reshape(*sizes, -1), units),
        "axis_field": ([*named, *window], fields, {"units": "1"}),
        "significant": (named, significant.reshape(*sizes, -1)),
        "null_lower": (named, lower.reshape(*sizes, -1), units),
        "null_upper": (named, upper.reshape(*sizes, -1), units),
    }
    return xr.Dataset(made, first.coords)


def _nested(covariance: Floats, null: Floats, level: float) -> tuple[Floats, ...]:
    """Eigenvalues, axes (axis, weight), which are significant, and the bounds of the null (axis), descending."""
    size = len(covariance)
    if not (np.isfinite(covariance).all() and np.isfinite(null).all()):
        gone = np.full(size, np.nan)
        return gone, np.full((size, size), np.nan), np.zeros(size, bool), gone, gone
    values, vectors = np.linalg.eigh(covariance)
    significant, bounds = np.zeros(size, bool), np.full((2, size), np.nan)
    left = np.arange(size)
    # as many of the null are as extreme, the one that is tested being one of them, as the level allows
    rank = max(int(np.floor(level / 2 * (len(null) + 1) + 1e-9)) - 1, 0)
    while len(left):
        rest = vectors[:, left]
        ends = np.linalg.eigvalsh(rest.T @ null @ rest)[:, [0, -1]]
        low, high = np.sort(ends[:, 0])[rank], np.sort(ends[:, 1])[-1 - rank]
        bounds[:, left] = [[low], [high]]
        spread = np.maximum(ends.std(0), np.finfo(np.float64).tiny)
        below = (ends[:, 0].mean() - values[left[0]]) / spread[0] if values[left[0]] < low else -np.inf
        above = (values[left[-1]] - ends[:, 1].mean()) / spread[1] if values[left[-1]] > high else -np.inf
        if below == above == -np.inf:
            break
        outer = -1 if above >= below else 0
        significant[left[outer]] = True
        left = np.delete(left, outer)
    return values[::-1], vectors.T[::-1], significant[::-1], bounds[0, ::-1], bounds[1, ::-1]
