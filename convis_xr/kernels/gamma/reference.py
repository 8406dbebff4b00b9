"""The definition of the gamma weights: the cascade itself, shown one sample of 1."""

from __future__ import annotations

import math


def gamma_weights(tau: float, n: int, dt: float, length: int) -> list[float]:
    """Run ``n + 1`` low-passes, each with ``tau/n``, on an impulse, and divide by the sum.

    Parameters
    ----------
    tau : float, s
        Time to peak.
    n : int
        Order.
    dt : float, s
        Time step.
    length : int
        Number of lags.

    Returns
    -------
    list of float
        Their sum is 1.
    """
    c = math.exp(-dt / (tau / n if n else tau)) if tau else 0.0
    poles = [0.0] * (n + 1)
    response = []
    for k in range(length):
        value = 1.0 if k == 0 else 0.0
        for pole in range(n + 1):
            poles[pole] = c * poles[pole] + (1 - c) * value
            value = poles[pole]
        response.append(value)
    total = sum(response)
    return [value / total for value in response]
