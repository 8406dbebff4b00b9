"""The definition of spikes with a memory, and of counts seen through a basis: plain loops, float64."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..philox import reference as philox
from ..poisson.reference import inverse
from ..poisson.streams import COARSE, FINE, MOST, Source

#: logarithm of a rate that is too large at any time step; a larger one may not be a number any more
LARGEST = 700.0


def glm(drive: Tensor, past: Tensor, weight: Tensor, cells: Tensor, dt: float, source: Source) -> Tensor:
    """Draw the counts of every step: the least k with ``u < P(N <= k)``, as `poisson.reference.poisson`.

    Parameters
    ----------
    drive : Tensor (batch, time, cell)
        Logarithm of the rate in Hz without any spikes.
    past : Tensor (batch, lag, cell)
        Counts of the steps before, the last one last.
    weight : Tensor (cell, source, lag)
        What a spike adds to the logarithm of the rate; lag 0 is one step.
    cells : Tensor (cell,), int64
        Indices by which the cells draw.
    dt : float, s
        Time step.
    source : Source
        Which draws are used.

    Returns
    -------
    Tensor (batch, time, cell), uint8
    """
    lags = past.shape[1]
    known = np.concatenate([past.double().cpu().numpy(), np.zeros(drive.shape)], 1)
    drives, weights = drive.double().cpu().numpy(), weight.double().cpu().numpy()
    for batch in range(drive.shape[0]):
        for k in range(drive.shape[1]):
            coarse, fine = (
                philox.uniform(
                    cells.cpu().numpy(), key=source.key, step=source.step + k, stream=stream, repeat=source.repeat
                )
                for stream in (COARSE, FINE)
            )
            u = (coarse - 2.0**-24) + fine * 2.0**-23
            for i in range(drive.shape[2]):
                total = 0.0
                for lag in range(lags, 0, -1):
                    for j in range(drive.shape[2]):
                        total += weights[i, j, lag - 1] * known[batch, lags + k - lag, j]
                mean = math.exp(min(drives[batch, k, i] + total, LARGEST)) * dt
                count = inverse(float(u[i]), mean, MOST + 1)
                if count > MOST:
                    raise runaway(batch, i, source.step + k)
                known[batch, lags + k, i] = count
    return torch.from_numpy(known[:, lags:].astype(np.uint8)).to(drive.device)


def filtered_counts(counts: Tensor, past: Tensor, basis: Tensor) -> Tensor:
    """Sum counts over the steps before each, weighed by a basis.

    Parameters
    ----------
    counts : Tensor (batch, time, cell)
    past : Tensor (batch, lag, cell)
        Counts of the steps before, the last one last.
    basis : Tensor (component, lag)
        Lag 0 is the step before.

    Returns
    -------
    Tensor (batch, time, cell, component), float64
    """
    lags = past.shape[1]
    known, values = torch.cat([past, counts], 1).double().cpu().numpy(), basis.double().cpu().numpy()
    made = np.zeros((*counts.shape, len(values)))
    for batch, k, cell, component in np.ndindex(made.shape):
        for lag in range(lags, 0, -1):
            made[batch, k, cell, component] += values[component, lag - 1] * known[batch, lags + k - lag, cell]
    return torch.from_numpy(made).to(counts.device)


def runaway(batch: int, cell: int, step: int) -> OverflowError:
    """Return the error for a cell that fires too often for a count."""
    return OverflowError(
        f"glm: cell {cell} (of batch entry {batch}) fires more than {MOST} times in step {step}: the stimulus drives "
        "it too far, or spikes excite each other without end; take weaker filters of spikes, or a lower rate"
    )
