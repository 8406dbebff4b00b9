"""The impulse response of a gamma cascade, cut to a length and summing to 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..dispatch import choose
from ..scalars import Scalar, number
from . import closed_form, reference

__all__ = ["gamma_weights", "lags_needed"]


def gamma_weights(tau: Scalar, n: int, dt: float, length: int) -> Tensor:
    """Return what comes out of `gamma_low_pass` when one sample of 1 goes in, divided by its sum.

    Parameters
    ----------
    tau : float or 0-d Tensor, s
        Time to the peak of the cascade; 0 is the identity. Differentiable.
    n : int
        Order: ``n + 1`` poles, each with the time constant ``tau/n``; 0 is the exponential.
    dt : float, s
        Time step.
    length : int
        Number of lags, the first of them 0.

    Returns
    -------
    Tensor (length,), float64
        ``w[k] = binomial(k + n, n) c^k / sum``, ``c = exp(-max(n, 1) dt / tau)``.

    Raises
    ------
    ValueError
        If `tau`, `n`, `dt` or `length` does not fit.

    Examples
    --------
    >>> gamma_weights(0.01, 0, dt=0.01, length=3).round(decimals=3)
    tensor([0.6650, 0.2450, 0.0900], dtype=torch.float64)
    """
    if not (math.isfinite(number(tau)) and number(tau) >= 0):
        raise ValueError(f"gamma_weights: tau: wanted a finite time of 0 s or more, got {number(tau)}")
    if n < 0 or int(n) != n:
        raise ValueError(f"gamma_weights: n: wanted a whole number of 0 or more, got {n!r}")
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"gamma_weights: dt: wanted a finite time above 0 s, got {dt}")
    if length < 1 or int(length) != length:
        raise ValueError(f"gamma_weights: length: wanted a whole number above 0, got {length!r}")
    if choose("gamma_weights", tau, compiled=False) == "reference":
        return torch.tensor(reference.gamma_weights(number(tau), n, dt, length), dtype=torch.float64)
    return closed_form.gamma_weights(torch.as_tensor(tau, dtype=torch.float64), n, dt, length)


def lags_needed(tau: float, n: int, dt: float, tolerance: float = 1e-6) -> int:
    """How many lags leave out less than ``tolerance`` of the sum.

    Examples
    --------
    >>> lags_needed(0.01, 0, 0.001), lags_needed(0.0, 3, 0.001)
    (139, 1)
    """
    if tau == 0:
        return 1
    length = 16
    while True:
        left = closed_form.left_out(tau, n, dt, length)
        enough = (left < tolerance).nonzero()
        if len(enough):
            return int(enough[0]) + 1
        length *= 2
