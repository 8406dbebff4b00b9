"""Cells that spike at a rate which their own past spikes, and those of others, raise and lower."""

from __future__ import annotations

import math
from types import ModuleType

import torch
from torch import Tensor

from ..dispatch import choose
from ..philox.counters import CELLS, Key, words_of
from ..poisson.streams import FINE, Source
from ..refused import Refused
from . import reference, steps

__all__ = ["filtered_counts", "glm"]


def glm(
    drive: Tensor,
    past: Tensor,
    weight: Tensor,
    *,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
) -> tuple[Tensor, Tensor]:
    """Draw spikes, each step knowing those of the steps before (Pillow et al. 2008, Nature 454:995).

    Parameters
    ----------
    drive : Tensor (batch, time, cell)
        Logarithm of the rate in Hz without any spikes.
    past : Tensor (batch, lag, cell), as drive
        Counts of the steps before, the last one last.
    weight : Tensor (cell, source, lag), as drive
        ``weight[i, j, k]`` is added to the logarithm of the rate of cell i for a spike of cell j, ``k + 1`` steps ago.
    dt : float, s
        Time step.
    key : tuple of two int
        From `philox.key_of`: which seed, which layer.
    step : int
        Absolute index of the first sample.
    cells : Tensor (cell,), int64, optional
        Index of each cell, by which it draws; by default 0, 1, ...
    repeat : int
        Number of the trial.

    Returns
    -------
    counts : Tensor (batch, time, cell), uint8
        Spikes per step: ``N ~ Poisson(exp(drive + sum weight counts) dt)``, drawn as by `poisson`.
    past : Tensor, as past
        What the next chunk starts from.

    Raises
    ------
    Refused
        If a drive or a weight is NaN or infinite.
    OverflowError
        If a count is above 255: spikes that excite each other without end.
    ValueError
        If a shape or a dtype does not fit.

    Examples
    --------
    >>> drive, silent = torch.full((1, 1000, 1), 4.0), torch.zeros(1, 2, 1)
    >>> free, _ = glm(drive, silent, torch.zeros(1, 1, 2), dt=1e-3, key=(0, 0))
    >>> refractory, _ = glm(drive, silent, torch.full((1, 1, 2), -50.0), dt=1e-3, key=(0, 0))
    >>> int(free.sum()) > int(refractory.sum()) > 0
    True
    """
    drive, past, weight = drive.detach(), past.detach(), weight.detach()
    _check(drive, past, weight, dt)
    index = torch.arange(drive.shape[2], device=drive.device) if cells is None else cells
    if index.shape != drive.shape[2:] or not 0 <= int(index.min()) <= int(index.max()) < CELLS:
        raise ValueError(f"glm: cells: wanted {drive.shape[2]} indices from 0 to {CELLS - 1}, got {index.tolist()}")
    for end in (step, step + max(drive.shape[1] - 1, 0)):
        words_of(end, FINE, repeat=repeat)
    route = choose("glm", drive, past, weight)
    counts: Tensor = _module(route).glm(drive, past, weight, index, dt, Source(key, int(step), int(repeat)))
    known = torch.cat([past, counts.to(past.dtype)], 1)
    return counts, known[:, known.shape[1] - past.shape[1] :].clone()


def filtered_counts(counts: Tensor, past: Tensor, basis: Tensor) -> Tensor:
    """Sum the counts before each step, weighed by each component of a basis.

    What a weighted sum of the basis makes of counts is the same sum of these: a product of matrices in the place of a
    filter for every pair of cells.

    Parameters
    ----------
    counts : Tensor (batch, time, cell), floating point
    past : Tensor (batch, lag, cell), as counts
        Counts of the steps before, the last one last.
    basis : Tensor (component, lag)
        Lag 0 weighs the step before.

    Returns
    -------
    Tensor (batch, time, cell, component), as counts
        Without gradients. Any cut in time gives the same bits.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> counts = torch.tensor([[[1.0], [0.0], [0.0]]])
    >>> filtered_counts(counts, torch.zeros(1, 2, 1), torch.tensor([[5.0, 3.0]])).flatten()
    tensor([0., 5., 3.])
    """
    counts, past, basis = counts.detach(), past.detach(), basis.detach()
    batch, _, cells = counts.shape
    if past.shape != (batch, basis.shape[1], cells):
        wanted = f"({batch}, {basis.shape[1]}, {cells})"
        raise ValueError(f"filtered_counts: past: wanted {wanted}, got {tuple(past.shape)}")
    route = choose("filtered_counts", counts, past, basis)
    made: Tensor = _module(route).filtered_counts(counts, past, basis)
    return made.to(counts.dtype)


def _module(route: str) -> ModuleType:
    if route == "reference":
        return reference
    if route == "torch":
        return steps
    from . import loops  # numba is loaded when first used

    return loops


def _check(drive: Tensor, past: Tensor, weight: Tensor, dt: float) -> None:
    if drive.dim() != 3 or not drive.is_floating_point() or not drive.numel():
        raise ValueError(
            f"glm: drive: wanted a floating point tensor (batch, time, cell), got {drive.dtype} {tuple(drive.shape)}"
        )
    batch, _, cells = drive.shape
    if weight.dim() != 3 or weight.shape[:2] != (cells, cells):
        raise ValueError(f"glm: weight: wanted ({cells}, {cells}, lag), got shape {tuple(weight.shape)}")
    if past.shape != (batch, weight.shape[2], cells):
        raise ValueError(f"glm: past: wanted ({batch}, {weight.shape[2]}, {cells}), got shape {tuple(past.shape)}")
    if past.dtype != drive.dtype or weight.dtype != drive.dtype:
        raise ValueError(f"glm: past, weight: wanted {drive.dtype}, got {past.dtype}, {weight.dtype}")
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"glm: dt: wanted a finite number above 0, got {dt}")
    for name, values in (("drive", drive), ("weight", weight)):
        if not bool(values.isfinite().all()):
            raise Refused(f"glm: {name}: wanted finite numbers, got NaN or infinity. Cure: a look at what gave them.")
