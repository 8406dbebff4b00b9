"""Responses that are shifted in a circle: what binds them to their stimulus is broken, all else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from convis_xr.analysis.one_pass.pairs import Array, Floats, Pairs
from convis_xr.errors import ContractError, explain
from convis_xr.scales import whole


def drawn_shifts(pairs: Pairs, shifts: Any, min_shift: Any, seed: int) -> Array:
    """Distances in steps, at least ``min_shift`` either way around; the first is 0, the response as it is.

    Parameters
    ----------
    pairs : Pairs
    shifts : int
        How many beside the first, drawn without replacement.
    min_shift : int or quantity, optional
        By default the window.
    seed : int

    Raises
    ------
    ContractError
        Fewer steps than shifts, or a seed that is none.
    """
    lowest = max(1, pairs.lags if min_shift is None else pairs.sampling.steps(min_shift, "min_shift"))
    allowed = np.arange(lowest, pairs.steps - lowest + 1)
    counted = isinstance(shifts, int | np.integer) and not isinstance(shifts, bool)
    if not counted or not 1 <= shifts <= len(allowed):
        wanted = f"an int, 1 to {len(allowed)}, the shifts by at least {lowest} of {pairs.steps} steps to either side"
        cure = "fewer shifts, a smaller min_shift, or a longer recording"
        raise ContractError(explain("shifts", wanted=wanted, got=repr(shifts), cure=cure))
    drawn = np.random.default_rng(whole(seed, "seed")).choice(allowed, int(shifts), replace=False)
    return np.concatenate([[0], np.sort(drawn)])


def shifted(counts: Array, shifts: Array, length: int) -> Iterator[Floats]:
    """Responses (shift * cell, time) that begin again from the end, in blocks of so many steps.

    Parameters
    ----------
    counts : ndarray (time, cell)
    shifts : ndarray (shift)
    length : int
    """
    steps = len(counts)
    for low in range(0, steps, length):
        at = np.arange(low, min(low + length, steps))
        rolled = counts[(at - shifts[:, None]) % steps]  # (shift, time, cell)
        yield np.moveaxis(rolled, 2, 1).reshape(-1, len(at)).astype(np.float64)
