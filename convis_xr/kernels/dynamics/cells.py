"""The parameters of the cells that are differential equations, each in the units of its paper.

Every field is a number, or a 0-d tensor where a gradient is wanted. ``time_unit`` is how long one unit of the cell's
own time lasts, in s.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..scalars import Scalar, number

#: A count is a uint8.
MOST = 255

#: Largest product of sub-step and rate of decay that Runge and Kutta's fourth order follows (it is stable to 2.78).
STABLE = 2.5

#: No membrane gets there, mV: up here the gates are still slow beside the sub-steps.
FAR = 1000.0


class Izhikevich(NamedTuple):
    """``v' = 0.04 v^2 + linear v + constant - u + I``, ``u' = a (b (v - v_ref) - u_leak u)``; ms and mV.

    At ``v >= threshold`` a spike: ``v <- c``, ``u <- u + d``.
    """

    a: Scalar
    b: Scalar
    c: Scalar
    d: Scalar
    linear: Scalar
    constant: Scalar
    v_ref: Scalar
    u_leak: Scalar
    threshold: Scalar
    time_unit: Scalar = 1e-3

    def limits(self, h: float) -> tuple[float, float]:
        """Membrane that sub-steps h (in ms) follow: below, its return is faster than they are."""
        return -(STABLE / h + number(self.linear)) / 0.08, math.inf


class FitzHughNagumo(NamedTuple):
    """``v' = v - v^3/3 - w + I``, ``w' = epsilon (v + a - b w)``; a spike where v comes up to the threshold."""

    a: Scalar
    b: Scalar
    epsilon: Scalar
    threshold: Scalar
    time_unit: Scalar

    def limits(self, h: float) -> tuple[float, float]:
        """Membrane that sub-steps h follow: beyond, the cube is faster than they are."""
        far = math.sqrt(1 + STABLE / h)
        return -far, far


class HodgkinHuxley(NamedTuple):
    """``C v' = I - g_na m^3 h (v - e_na) - g_k n^4 (v - e_k) - g_leak (v - e_leak)``; ms, mV, uF, mS and uA per cm^2.

    The gates follow ``x' = phi (alpha_x(v) (1 - x) - beta_x(v) x)``; a spike where v comes up to the threshold.
    """

    g_na: Scalar
    g_k: Scalar
    g_leak: Scalar
    e_na: Scalar
    e_k: Scalar
    e_leak: Scalar
    capacitance: Scalar
    phi: Scalar
    threshold: Scalar
    time_unit: Scalar = 1e-3

    def limits(self, h: float) -> tuple[float, float]:
        """Membrane that sub-steps h (in ms) follow: below, beta of the gate m is faster than they are."""
        return -65 - 18 * math.log(STABLE / (4 * number(self.phi) * h)), FAR


Cell = Izhikevich | FitzHughNagumo | HodgkinHuxley

#: What each cell carries in time; the membrane is the first.
VARIABLES = {
    Izhikevich: ("v", "u"),
    FitzHughNagumo: ("v", "w"),
    HodgkinHuxley: ("v", "m", "h", "n"),
}
