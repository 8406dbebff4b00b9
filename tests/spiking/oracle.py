"""The cells that are differential equations, integrated by scipy between exact events: nothing of it is ours."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp

Slope = Callable[[float, np.ndarray, float], list[float]]
TOLERANCE = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-10}


def izhikevich_spikes(
    edges: np.ndarray,
    current: Callable[[float], float],
    *,
    a: float = 0.02,
    b: float = 0.2,
    c: float = -65.0,
    d: float = 8.0,
    v: float = -65.0,
    u: float | None = None,
    linear: float = 5.0,
    constant: float = 140.0,
    accommodation: bool = False,
) -> np.ndarray:
    """Spike times in ms; the current is smooth between the edges."""

    def slope(t: float, y: np.ndarray) -> list[float]:
        rise = 0.04 * y[0] ** 2 + linear * y[0] + constant - y[1] + current(t)
        return [rise, a * b * (y[0] + 65) if accommodation else a * (b * y[0] - y[1])]

    def peak(t: float, y: np.ndarray) -> float:
        return float(y[0] - 30)

    peak.terminal, peak.direction = True, 1  # type: ignore[attr-defined]
    y, times = np.array([v, b * v if u is None else u]), []
    for start, stop in pairwise(edges):
        t = float(start)
        while t < stop - 1e-12:
            # no step beyond the next edge, where the current jumps
            made = solve_ivp(slope, (t, stop), y, events=peak, max_step=1.0, **TOLERANCE)
            t, y = float(made.t[-1]), made.y[:, -1]
            if made.status == 1:
                times.append(t)
                y = np.array([c, y[1] + d])
    return np.array(times)


def fitzhugh_nagumo(t: float, y: np.ndarray, current: float) -> list[float]:
    v, w = y
    return [v - v**3 / 3 - w + current, 0.08 * (v + 0.7 - 0.8 * w)]


def hodgkin_huxley(t: float, y: np.ndarray, current: float) -> list[float]:
    """In the form of the paper: V counts from rest, and depolarisation is positive as in later textbooks."""
    volt, m, h, n = y[0] + 65, *y[1:]
    alpha_n = 0.01 * (10 - volt) / np.expm1(1 - volt / 10)
    alpha_m = 0.1 * (25 - volt) / np.expm1(2.5 - volt / 10)
    alpha_h, beta_h = 0.07 * np.exp(-volt / 20), 1 / (np.exp(3 - volt / 10) + 1)
    beta_n, beta_m = 0.125 * np.exp(-volt / 80), 4 * np.exp(-volt / 18)
    ionic = 120 * m**3 * h * (volt - 115) + 36 * n**4 * (volt + 12) + 0.3 * (volt - 10.613)
    gates = [alpha_m * (1 - m) - beta_m * m, alpha_h * (1 - h) - beta_h * h, alpha_n * (1 - n) - beta_n * n]
    return [current - ionic, *gates]


def crossings(slope: Slope, start: list[float], current: float, duration: float, threshold: float) -> np.ndarray:
    """Times in ms at which the first variable comes up to the threshold."""

    def up(t: float, y: np.ndarray, current: float) -> float:
        return float(y[0] - threshold)

    up.direction = 1  # type: ignore[attr-defined]
    made = solve_ivp(slope, (0, duration), start, args=(current,), events=up, **TOLERANCE)
    return np.asarray(made.t_events[0])


def lif_spikes(drives: np.ndarray, dt: float, g_leak: float, refractory: float) -> np.ndarray:
    """Spike times in s of ``V' = I - g_leak V``, threshold 1, under currents that are constant for ``dt`` each."""

    def up(t: float, y: np.ndarray, drive: float) -> float:
        return float(y[0] - 1)

    up.terminal, up.direction = True, 1  # type: ignore[attr-defined]
    v, silent, times = 0.0, 0.0, []
    for k, drive in enumerate(drives):
        t, stop = max(k * dt, silent), (k + 1) * dt
        while t < stop:
            made = solve_ivp(lambda t, y, i: [i - g_leak * y[0]], (t, stop), [v], args=(drive,), events=up, **TOLERANCE)
            t, v = float(made.t[-1]), float(made.y[0, -1])
            if made.status == 1:
                times.append(t)
                v, silent = 0.0, t + refractory
                t = silent
    return np.array(times)
