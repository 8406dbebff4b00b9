"""How far an exponential low-pass goes towards its input in a step."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ..dispatch import gradient_wanted
from ..scalars import Scalar, number


def rate_of(tau: Scalar, dt: float) -> Tensor:
    """Return ``1 - exp(-dt/tau)``; autograd can follow it.

    Parameters
    ----------
    tau : float or 0-d Tensor, s
        Time constant; at 0 the low-pass is the identity, and the rate 1.
    dt : float, s
        Time step.

    Returns
    -------
    Tensor (), dimensionless
        float64.

    Examples
    --------
    >>> round(float(rate_of(0.01, 0.01)), 4)
    0.6321
    """
    if gradient_wanted(tau) or (isinstance(tau, Tensor) and tau.device.type != "cpu"):
        return _rate(torch.as_tensor(tau, dtype=torch.float64), dt)
    return _known(number(tau), dt)


@lru_cache(maxsize=64)
def _known(tau: float, dt: float) -> Tensor:
    """Keep the last rates: every block of a film asks for the same few."""
    with torch.inference_mode(False):  # else it could not take part in a gradient later
        return _rate(torch.as_tensor(tau, dtype=torch.float64), dt)


def _rate(time: Tensor, dt: float) -> Tensor:
    # The inner `where` keeps the gradient at tau = 0 from being 0 * inf.
    slow = time > 0
    return torch.where(slow, -torch.expm1(-dt / torch.where(slow, time, 1.0)), 1.0)
