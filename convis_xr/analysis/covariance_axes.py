"""`stc_axes`: stimulus axes along which spikes change the variance, and which of them are no chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.analysis.normal_equations import Floats
from convis_xr.analysis.spike_triggered import stc
from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.options import get_option
from convis_xr.pairing import check_response
from convis_xr.scales import whole
from convis_xr.units import byte_count, magnitude


def stc_axes(
    stimulus: xr.DataArray,
    response: xr.DataArray,
    window: Any,
    *,
    shifts: Any = 100,
    least_shift: Any = None,
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
        As in `stc`; the covariance is around the spike-triggered average.
    shifts : int
        Number of shifted responses.
    least_shift : int or quantity, optional
        The least distance of a shift from none; by default the window. A bare int counts steps.
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
    shown, sampling = check_stimulus(stimulus)
    response = check_response(response)
    count, alpha = whole(shifts, "shifts"), magnitude(level, "dimensionless", "level")
    if not 0 < alpha < 1 or (count + 1) * alpha < 2:
        wanted = "a level between 0 and 1, and 2 / level - 1 shifts or more"
        got = f"level={alpha:g}, shifts={count}"
        raise ParameterError(explain("shifts", wanted=wanted, got=got, cure="shifts=100, level=0.05"))
    lags = sampling.steps(window, "window")
    least = lags if least_shift is None else sampling.steps(least_shift, "least_shift")
    cells = response.size // response.sizes[dims.TIME]
    weights = lags * shown.size // shown.sizes[dims.TIME]
    _check_memory((count + 1) * cells * weights, weights)
    drawn = _shifts(response.sizes[dims.TIME], count, least, seed)
    rolled = [response.roll({dims.TIME: shift}, roll_coords=False) for shift in drawn]
    every = stc(shown, xr.concat([response, *rolled], "shift").assign_attrs(response.attrs), window)
    return _labelled(every, alpha)


def _labelled(every: xr.DataArray, level: float) -> xr.Dataset:
    """Tests of covariances (shift, cells, window, window), the first of which is not shifted."""
    window = [dim for dim in (dims.TIME, *dims.SPACE) if dim in every.dims]
    first = every.isel({"shift": 0, **{f"{dim}_": 0 for dim in window}}, drop=True)
    rest = [dim for dim in first.dims if dim not in window]
    sizes = [first.sizes[dim] for dim in rest]
    square = int(np.prod([first.sizes[dim] for dim in window]))
    covariances = every.transpose(*rest, "shift", ...).values.reshape(-1, every.sizes["shift"], square, square)
    found = [_nested(one[0], one[1:], level) for one in covariances]
    values, axes, significant, lower, upper = (np.array(part) for part in zip(*found, strict=True))
    units = {"units": every.attrs["units"]}
    fields = axes.reshape(*sizes, square, *(first.sizes[dim] for dim in window))
    named = [*rest, "axis"]
    made = {
        "eigenvalue": (named, values.reshape(*sizes, -1), units),
        "axis_field": ([*named, *window], fields, {"units": "1"}),
        "significant": (named, significant.reshape(*sizes, -1)),
        "null_lower": (named, lower.reshape(*sizes, -1), units),
        "null_upper": (named, upper.reshape(*sizes, -1), units),
    }
    return xr.Dataset(made, {name: coord for name, coord in first.coords.items() if coord.dims})


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


def _shifts(steps: int, count: int, least: int, seed: int) -> Any:
    """Distances that are at least so far from none, either way around."""
    if steps < 2 * least + 2:
        cure = "a longer recording, or a smaller least_shift"
        wanted = f"at least {2 * least + 2} steps, for shifts of {least} or more"
        raise ContractError(explain("response", wanted=wanted, got=f"{steps} steps", cure=cure))
    return np.random.default_rng(seed).integers(least, steps - least, count, endpoint=True)


def _check_memory(rows: int, weights: int) -> None:
    needed, allowed = 8 * rows * weights, byte_count(get_option("memory"), "memory")
    if needed > allowed:
        cure = "a region of the frame, coarser pixels, a shorter window, fewer shifts or cells, set_options(memory=)"
        got = f"{needed / 2**30:.2g} GiB for {weights} weights"
        wanted = f"covariances of at most {allowed / 2**30:.2g} GiB"
        raise ContractError(explain("window", wanted=wanted, got=got, cure=cure))
