"""The definition of the cells that are differential equations: one cell, one sub-step after the other, float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .cells import MOST, Cell, FitzHughNagumo, HodgkinHuxley, Izhikevich

Floats = npt.NDArray[np.float64]
Values = list[float]


def follow(
    current: Floats, state: Floats, cell: Cell, h: float, parts: int
) -> tuple[npt.NDArray[np.int64], Floats, Floats, list[tuple[int, int]]]:
    """Follow every cell through its input.

    Parameters
    ----------
    current : ndarray (time, cell)
        Input, constant within a step.
    state : ndarray (variable, cell)
        What `cells.VARIABLES` names, at the start.
    cell : Cell
        Parameters, all of them floats.
    h : float
        Sub-step, in the cell's own time.
    parts : int
        Sub-steps in a step.

    Returns
    -------
    counts : ndarray (time, cell)
        Spikes per step.
    traces : ndarray (variable, time, cell)
        State at the end of each step.
    state : ndarray (variable, cell)
        State at the end.
    failed : list of (time, cell)
        Where the sub-step is too long for what the cell does.
    """
    steps, cells = current.shape
    counts, traces, failed = np.zeros((steps, cells), np.int64), np.zeros((len(state), steps, cells)), []
    low, high = cell.limits(h)
    for i in range(cells):
        values = [float(value) for value in state[:, i]]
        for k in range(steps):
            drive = float(current[k, i])
            for _ in range(parts):
                before = values
                values, spike = sub_step(cell, before, drive, h)
                # what was a number is none any more, although the input was one
                lost = any(map(math.isnan, values)) and not any(map(math.isnan, [*before, drive]))
                # to the threshold from the reset value within one sub-step: it may have been there many times
                hasty = isinstance(cell, Izhikevich) and spike and before[0] == cell.c
                if lost or hasty or values[0] < low or values[0] > high:
                    failed.append((k, i))
                counts[k, i] += spike
            traces[:, k, i] = values
            if counts[k, i] > MOST or (k, i) in failed:
                break
        state[:, i] = values
    return counts, traces, state, failed


def sub_step(cell: Cell, values: Values, drive: float, h: float) -> tuple[Values, bool]:
    """Return the state after one sub-step, and whether there was a spike in it."""
    if isinstance(cell, Izhikevich):
        v, u = runge_kutta(lambda y: izhikevich(cell, y, drive), values, h)
        return ([float(cell.c), u + float(cell.d)], True) if v >= cell.threshold else ([v, u], False)
    if isinstance(cell, FitzHughNagumo):
        new = runge_kutta(lambda y: fitzhugh_nagumo(cell, y, drive), values, h)
    else:
        new = runge_kutta(lambda y: hodgkin_huxley(cell, y, drive), values, h)
    return new, bool(values[0] < cell.threshold <= new[0])


def izhikevich(cell: Izhikevich, values: Values, drive: float) -> Values:
    """Izhikevich 2003, IEEE TNN 14:1569, eq. 1 and 2, with the constants of its variants of 2004."""
    v, u = values
    return [
        float(0.04 * v * v + cell.linear * v + cell.constant - u + drive),
        float(cell.a * (cell.b * (v - cell.v_ref) - cell.u_leak * u)),
    ]


def fitzhugh_nagumo(cell: FitzHughNagumo, values: Values, drive: float) -> Values:
    """FitzHugh 1961, Biophys J 1:445, eq. 1 and 2, in the signs that are usual today."""
    v, w = values
    return [v - v * v * v / 3 - w + drive, float(cell.epsilon * (v + cell.a - cell.b * w))]


def runge_kutta(slope: Callable[[Values], Values], y: Values, h: float) -> Values:
    """One step of the classical fourth order."""

    def ahead(k: Values, part: float) -> Values:
        return [value + part * change for value, change in zip(y, k, strict=True)]

    k1 = slope(y)
    k2 = slope(ahead(k1, h / 2))
    k3 = slope(ahead(k2, h / 2))
    k4 = slope(ahead(k3, h))
    return [y[j] + h / 6 * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]) for j in range(len(y))]


def hodgkin_huxley(cell: HodgkinHuxley, values: Values, drive: float) -> Values:
    """Hodgkin & Huxley 1952, J Physiol 117:500, eq. 26 and, for the gates, 7, 15 and 16."""
    v, m, h, n = values
    sodium = cell.g_na * m * m * m * h * (v - cell.e_na)
    potassium = cell.g_k * n * n * n * n * (v - cell.e_k)
    leak = cell.g_leak * (v - cell.e_leak)
    slopes = [float((drive - sodium - potassium - leak) / cell.capacitance)]
    for x, (alpha, beta) in zip((m, h, n), rates(v), strict=True):
        slopes.append(float(cell.phi * (alpha * (1 - x) - beta * x)))
    return slopes


def rates(v: float) -> list[tuple[float, float]]:
    """Alpha and beta of the gates m, h, n at v mV, in 1/ms (Hodgkin & Huxley 1952, J Physiol 117:500, eq. 12 to 24).

    The paper counts from rest, and depolarisation down; here rest is -65 mV, and depolarisation up.
    """
    return [
        (1.0 * linoid((v + 40) / 10), 4 * exp(-(v + 65) / 18)),
        (0.07 * exp(-(v + 65) / 20), 1 / (1 + exp(-(v + 35) / 10))),
        (0.1 * linoid((v + 55) / 10), 0.125 * exp(-(v + 65) / 80)),
    ]


def linoid(x: float) -> float:
    """``x / (1 - exp(-x))``, which is 1 at 0."""
    if x == 0:
        return 1.0
    return x / -math.expm1(-x) if x > -700 else -x / exp(-x)


def exp(x: float) -> float:
    """Python's own raises where the others give infinity."""
    return math.exp(x) if x < 700 else math.inf
