"""The definition of the noisy leaky integrate-and-fire cell: one cell after the other, float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..philox import reference as philox
from .membrane import BRIDGE, MOST, NOISE, REFRACTORY, Membrane, Source, overflow, span_of

Floats = npt.NDArray[np.floating]
Draw = Callable[[int, int], float]


def noisy_lif(
    current: Floats,
    potential: Floats,
    refractory: Floats,
    cells: npt.NDArray[np.int64],
    membrane: Membrane,
    source: Source,
    events: list[tuple[int, int, float]],
) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
    """Integrate the current of every cell and count its spikes (Wohrer & Kornprobst 2009, eq. 16).

    Parameters
    ----------
    current : ndarray (time, cell), Hz
        Input of each cell.
    potential, refractory : ndarray (cell,), dimensionless and s
        Membrane and what is left of the refractory period, at the start.
    cells : ndarray (cell,), int64
        Index of each cell in the full frame.
    membrane : Membrane
        Parameters.
    source : Source
        Which draws are used.
    events : list of (cell, step, time)
        Where all spikes are added.

    Returns
    -------
    counts : ndarray (time, cell), uint8
        Spikes per step.
    potential, refractory : ndarray (cell,)
        As above, at the end.
    """
    counts = np.zeros(current.shape, np.uint8)
    v, left = potential.astype(np.float64), refractory.astype(np.float64)
    for i, cell in enumerate(cells):
        for k, drive in enumerate(current[:, i]):
            draw = _drawer(cell, source, source.step + k)
            times, v[i], left[i] = one_step(v[i], left[i], float(drive), membrane, draw)
            if len(times) > MOST:
                raise overflow((i,), source.step + k, float(drive), membrane)
            counts[k, i] = len(times)
            events += [(i, source.step + k, time) for time in times]
    return counts, v, left


def one_step(v: float, left: float, drive: float, membrane: Membrane, draw: Draw) -> tuple[list[float], float, float]:
    """Follow one cell through one step; ``draw(stream, count)`` gives the random numbers.

    Returns the times of its spikes within the step, the membrane and what is left of the refractory period.
    """
    rest = membrane.dt
    times: list[float] = []
    if left > 0:
        if left >= rest:
            return times, 0.0, left - rest
        v, rest = 0.0, rest - left
    while len(times) <= MOST:
        span = span_of(membrane, rest)
        end = v * span.decay + drive * span.gain
        if membrane.noise > 0:
            end += span.spread * draw(NOISE, len(times))
        if v < 1 and end < 1:  # below threshold at both ends: it may still have crossed in between, and come back
            if not (span.bridge > 0 and draw(BRIDGE, len(times)) < math.exp(-(1 - v) * (1 - end) / span.bridge)):
                return times, end, 0.0
            end = 2 - end  # the mirror image of the path after its crossing is as probable
        elif math.isnan(end):
            return times, end, 0.0
        rest -= crossing_time(v, end, rest, membrane.g_leak)
        left = membrane.refractory_mean
        if membrane.refractory_sd > 0:
            left += membrane.refractory_sd * draw(REFRACTORY, len(times))
        left = max(left, 0.0)
        times.append(membrane.dt - rest)
        if left >= rest:
            return times, 0.0, left - rest
        v, rest = 0.0, rest - left
    return times, v, 0.0


def crossing_time(v: float, end: float, h: float, g_leak: float) -> float:
    """When the constant current that carries a membrane from v < 1 to end >= 1 in h takes it over 1.

    Without noise that current is the input, and the time is exact: ``log((I/gL - V)/(I/gL - 1))/gL``.
    """
    if v >= 1:
        return 0.0
    x = g_leak * h
    if x == 0:
        return h * (1 - v) / (end - v)
    return min(h, math.log1p(-math.expm1(-x) * (1 - v) / ((end - 1) + math.exp(-x) * (1 - v))) / g_leak)


def _drawer(cell: int, source: Source, step: int) -> Draw:
    """Return the draws of one cell in one step."""

    def draw(stream: int, span: int) -> float:
        kind = philox.uniform if stream == BRIDGE else philox.normal
        value = kind([cell], key=source.key, step=step, stream=stream, span=span, repeat=source.repeat)
        return float(value[0])

    return draw
