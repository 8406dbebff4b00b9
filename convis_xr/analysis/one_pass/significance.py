"""Whether a spike-triggered average is more than chance, by responses that are shifted in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import xarray as xr

from convis_xr.analysis.one_pass.pairs import FEWER, Array, Floats, Pairs, check_fits
from convis_xr.analysis.one_pass.shifts import drawn_shifts, shifted
from convis_xr.analysis.one_pass.spike_triggered import Tally, checked_counts
from convis_xr.analysis.one_pass.sums import Windows
from convis_xr.errors import ContractError, explain
from convis_xr.options import get_option
from convis_xr.units import byte_count

_STATISTICS = ("peak", "norm")


def sta_significance(
    stimulus: xr.DataArray,
    response: xr.DataArray,
    window: Any,
    *,
    shifts: int = 199,
    min_shift: Any = None,
    statistic: Literal["peak", "norm"] = "peak",
    seed: int = 0,
) -> xr.Dataset:
    r"""Test spike-triggered averages against those of circularly shifted responses.

    A shift breaks what binds a response to its stimulus and keeps all else: rate, bursts, and how the stimulus is
    correlated. Averages are told as :math:`z = (\mathrm{STA} - m)/(c\,s)` with mean m and standard deviation s of each
    pixel over time, and one number c for each cell, so that z of its shifted averages has a mean square of 1. The
    largest \|z\| in the window is compared with those of the shifted ones; so p is corrected for having looked at all
    of the window (Nichols & Holmes 2002, Hum Brain Mapp 15:1), though not for the number of cells.
    With S shifts, :math:`p = (1 + \#\{\text{shifted} \ge \text{own}\})/(1 + S)`: at least 1/(1 + S).

    Parameters
    ----------
    stimulus, response, window
        As in `convis_xr.analysis.sta`. The response is kept in memory, as it is.
    shifts : int
        How many, drawn without replacement; the same for all cells.
    min_shift : int or quantity, optional
        The least shift, to either side: longer than what stimulus and cell remember; by default the window.
    statistic : {"peak", "norm"}
        What is compared: the largest \|z\|, which finds small fields, or the root of the sum of squares, which finds
        those that are spread out.
    seed : int
        Of the shifts.

    Returns
    -------
    Dataset
        ``z`` (cell, time, y, x); ``statistic`` (cell); ``p`` (cell); ``null`` (surrogate, cell), the statistic of the
        shifted averages, ``shifted_by`` [s] being a coordinate. Coordinates ``spikes`` and ``left_out`` as in `sta`.
        NaN for cells without spikes, and where the stimulus is constant (``z`` of the pixels that are, or all).

    Raises
    ------
    ContractError
        As `convis_xr.analysis.sta`; fewer steps than shifts; averages that do not fit into the option ``memory``.

    Notes
    -----
    The stimulus is read once where the sums of all shifts fit into half of the option ``memory``: 8 bytes x cells x
    (shifts + 1) x lags x pixels; otherwise as often as it takes. Each shift costs as much as `sta`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> late = (flicker[:, 1, 2] > 0.5).astype(int).shift(time=3, fill_value=0).drop_vars(["y", "x"])
    >>> both = xr.concat([late, late[::-1].drop_vars("time")], "cell").assign_coords(time=flicker.time)
    >>> test = cx.analysis.sta_significance(flicker, both.assign_attrs(units="count"), "60 ms", shifts=99)
    >>> (test.p < 0.05).values
    array([ True, False])
    """
    if statistic not in _STATISTICS:
        wanted, got = " or ".join(map(repr, _STATISTICS)), repr(statistic)
        raise ContractError(explain("statistic", wanted=wanted, got=got, cure='statistic="peak"'))
    pairs = Pairs(stimulus, checked_counts(response), window)
    weights = pairs.lags * pairs.pixels
    each = 8 * weights * pairs.cells
    check_fits(2 * each, f"averages of {pairs.cells} cells over {weights} weights, twice", FEWER)
    moved = drawn_shifts(pairs, shifts, min_shift, seed)
    together = max(1, byte_count(get_option("memory"), "memory") // 2 // each)
    counts = pairs.used.values.reshape(pairs.steps, -1)
    sizes, power, own = np.empty((len(moved), pairs.cells)), np.zeros(pairs.cells), np.empty(0)
    for low in range(0, len(moved), together):
        for number, z in enumerate(_deviations(pairs, counts, moved[low : low + together]), low):
            sizes[number], mean_square = _measured(z, statistic)
            if number:
                power += mean_square / (len(moved) - 1)
            else:
                own = z.copy()
    scale = np.sqrt(power)
    return _labelled(pairs, own / scale[:, None, None], sizes / scale, moved, counts.sum(0, dtype=np.float64))


def _deviations(pairs: Pairs, counts: Array, shifts: Array) -> Iterator[Floats]:
    """For each shift the averages (cell, lag, pixel), as deviations from a pixel's mean in its own units of spread."""
    columns = pairs.cells * len(shifts)
    sums = Windows(columns, pairs.lags, pairs.pixels, pairs.precise)
    once, twice, frames = np.zeros(pairs.pixels), np.zeros(pairs.pixels), 0
    for piece in pairs.pieces(shifted(counts, shifts, pairs.block_steps(columns)), columns):
        sums.add(piece)
        once += piece.shown.sum(0, dtype=np.float64)
        twice += np.einsum("tp,tp->p", piece.shown, piece.shown, dtype=np.float64)
        frames += len(piece.shown)
    mean = once / frames
    variance = twice / frames - mean**2
    flat = variance <= 1e-12 * twice / frames  # what rounding leaves
    spread = np.sqrt(np.where(flat, np.nan, variance))
    spikes = counts.sum(0, dtype=np.float64)[:, None, None]
    for total in sums.total.reshape(len(shifts), pairs.cells, pairs.lags, pairs.pixels):
        with np.errstate(invalid="ignore"):
            yield (total / spikes - mean) / spread


def _measured(z: Floats, statistic: str) -> tuple[Floats, Floats]:
    """The statistic and the mean square of each cell; NaN where nothing is known."""
    known = ~np.isnan(z)
    filled = np.where(known, z, 0).reshape(len(z), -1)
    number = known.reshape(len(z), -1).sum(1)
    squares = np.square(filled).sum(1)
    value = np.abs(filled).max(1) if statistic == "peak" else np.sqrt(squares)
    with np.errstate(invalid="ignore"):
        return np.where(number, value, np.nan), squares / number


def _labelled(pairs: Pairs, z: Floats, sizes: Floats, moved: Array, spikes: Floats) -> xr.Dataset:
    own, null = sizes[0], sizes[1:]
    p = np.where(np.isnan(own), np.nan, (1 + (null >= own).sum(0)) / len(sizes))
    one = pairs.labelled(own, "statistic", "1", "size of the average", windows=0)
    seconds = xr.Variable("surrogate", moved[1:] * pairs.sampling.need_dt("window"), {"units": "s"})
    shifted = one.expand_dims({"surrogate": len(null)}).copy(data=null.reshape(-1, *one.shape))
    made = {
        "z": pairs.labelled(z, "z", "1", "deviation of the average"),
        "statistic": one,
        "p": pairs.labelled(p, "p", "1", "chance of a statistic of this size or more", windows=0),
        "null": shifted.assign_attrs(long_name="sizes of the averages of shifted responses"),
    }
    tally = Tally(pairs)
    tally.used = spikes
    return xr.Dataset(made).assign_coords(shifted_by=seconds, **tally.coords())
