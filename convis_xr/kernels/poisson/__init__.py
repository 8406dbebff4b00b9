"""Poisson counts: spikes at a given rate, each step and cell by a draw of its own."""

from __future__ import annotations

import math
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..lif import cells_of
from ..philox.counters import CELLS, Key, words_of
from ..refused import refuse_unless
from ..surrogates import checked
from . import reference, steps
from .streams import FINE, Source
from .surrogate import NAMES, expectation

__all__ = ["poisson"]


def poisson(
    rate: Tensor,
    *,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
    bernoulli: bool = False,
    surrogate: str | None = "expectation",
) -> Tensor:
    """Draw spike counts, ``N ~ Poisson(rate dt)``, by inversion.

    The draw is a number of 46 bits, so a probability is exact to 2**-47, however small ``rate dt`` is. Where a gradient
    is wanted, counts are floats, of the same whole numbers, and their gradient is that of their expectation.

    Parameters
    ----------
    rate : Tensor (batch, channel, time, y, x), Hz
        Rates, 0 or more.
    dt : float, s
        Time step.
    key : tuple of two int
        From `philox.key_of`: which seed, which layer.
    step : int
        Absolute index of the first sample.
    cells : Tensor (batch, channel, y, x), int64, optional
        Index of each cell in the full frame; by default the input is the full frame, as of `lif.cells_of`.
    repeat : int
        Number of the trial.
    bernoulli : bool
        At most one spike in a step, with probability ``1 - exp(-rate dt)``: whether there is any in the Poisson count
        of the same draw.
    surrogate : "expectation" or None
        What stands in for the gradient of counts: that of their mean, ``d(rate dt)/d(rate) = dt``, or for `bernoulli`
        ``dt exp(-rate dt)``. None: there is none, the rate is cut from any graph.

    Returns
    -------
    Tensor (batch, channel, time, y, x), uint8, or as rate where there is a gradient
        Spikes per step.

    Raises
    ------
    Refused
        If a rate is negative or not finite.
    OverflowError
        If a count is above 255.
    ValueError
        If a shape, a dtype or an index does not fit.

    Examples
    --------
    >>> counts = poisson(torch.full((1, 1, 1000, 1, 100), 50.0), dt=1e-3, key=(0, 0))
    >>> 49 < float(counts.sum()) / 100 < 51
    True
    """
    if checked("poisson", surrogate, NAMES) is not None and gradient_wanted(rate):
        plain = partial(
            poisson, dt=dt, key=key, step=step, cells=cells, repeat=repeat, bernoulli=bernoulli, surrogate=None
        )
        return expectation(rate, plain, dt, bernoulli)
    rate = rate.detach()
    _check(rate, dt)
    if cells is None:
        cells = cells_of((*rate.shape[:2], *rate.shape[3:]), rate.device)
    _check_cells(rate, cells)
    for end in (step, step + max(rate.shape[2] - 1, 0)):
        words_of(end, FINE, repeat=repeat)
    source = Source(key, int(step), int(repeat))
    route = choose("poisson", rate)
    if route == "reference":
        flat = rate.movedim(2, 0).flatten(1).cpu().numpy()
        counts = reference.poisson(flat, cells.flatten().cpu().numpy(), dt, source, bernoulli)
        return torch.from_numpy(counts).view(rate.shape[2], *cells.shape).movedim(0, 2).to(rate.device)
    drawn: Tensor = _module(route).poisson(rate, cells, dt, source, bernoulli)
    return drawn


def _module(route: str) -> ModuleType:
    if route == "torch":
        return steps
    from . import loops  # numba is loaded when first used

    return loops


def _check(rate: Tensor, dt: float) -> None:
    if rate.dim() != 5 or not rate.is_floating_point() or not rate.numel():
        raise ValueError(
            "poisson: rate: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {rate.dtype} of shape {tuple(rate.shape)}"
        )
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"poisson: dt: wanted a finite number above 0, got {dt}")
    cure = "a rectification before it, such as torch.relu(rate) or rate.clip(min=0)"
    refuse_unless((rate >= 0) & rate.isfinite(), rate, "poisson: rate", "finite rates of 0 Hz or more", cure)


def _check_cells(rate: Tensor, cells: Tensor) -> None:
    shape = (*rate.shape[:2], *rate.shape[3:])
    if cells.shape != shape or cells.dtype != torch.int64 or cells.device != rate.device:
        raise ValueError(
            f"poisson: cells: wanted int64 of shape {shape} on {rate.device}, "
            f"got {cells.dtype} of shape {tuple(cells.shape)} on {cells.device}"
        )
    if not 0 <= int(cells.min()) <= int(cells.max()) < CELLS:
        raise ValueError(f"poisson: cells: wanted indices from 0 to {CELLS - 1}, got others")
