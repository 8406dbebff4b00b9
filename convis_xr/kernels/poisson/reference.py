"""The definition of Poisson counts: inversion of one uniform draw for each step and cell, float64."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..philox import reference as philox
from .streams import COARSE, FINE, MOST, NEVER, Source, overflow

Floats = npt.NDArray[np.floating]


def poisson(
    rate: Floats, cells: npt.NDArray[np.int64], dt: float, source: Source, bernoulli: bool
) -> npt.NDArray[np.uint8]:
    """Draw the counts of every step and cell: the least k with ``u < P(N <= k)``, N ~ Poisson(rate dt).

    Parameters
    ----------
    rate : ndarray (time, cell), Hz
        Rates of 0 or more.
    cells : ndarray (cell,), int64
        Index of each cell in the full frame.
    dt : float, s
        Time step.
    source : Source
        Which draws are used.
    bernoulli : bool
        Whether more than one is counted as one.

    Returns
    -------
    ndarray (time, cell), uint8
        Spikes per step.
    """
    counts = np.zeros(rate.shape, np.uint8)
    for k in range(rate.shape[0]):
        coarse, fine = (
            philox.uniform(cells, key=source.key, step=source.step + k, stream=stream, repeat=source.repeat)
            for stream in (COARSE, FINE)
        )
        # 46 bits of two draws of 23: rates of a spike in a day are drawn as exactly as those of every millisecond
        u = (coarse - 2.0**-24) + fine * 2.0**-23
        for i in range(rate.shape[1]):
            count = inverse(float(u[i]), float(rate[k, i]) * dt, 1 if bernoulli else MOST + 1)
            if count > MOST:
                raise overflow((i,), source.step + k, float(rate[k, i]), dt)
            counts[k, i] = count
    return counts


def inverse(u: float, mean: float, most: int) -> int:
    """The least k with ``u < P(N <= k)``, N ~ Poisson(mean), at most ``most``."""
    k, probability = 0, math.exp(-mean)
    below = probability
    # in the far tail the sum stays at 1 less its rounding, which u may still exceed
    while u >= below and k < most and not (k > mean and probability < NEVER):
        k += 1
        probability *= mean / k
        below += probability
    return k
