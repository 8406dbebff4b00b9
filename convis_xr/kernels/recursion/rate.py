"""How far an exponential low-pass goes towards its input in a step."""

from __future__ import annotations

import torch
from torch import Tensor

from ..scalars import Scalar


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
    time = torch.as_tensor(tau, dtype=torch.float64)
    # The inner `where` keeps the gradient at tau = 0 from being 0 * inf.
    slow = time > 0
    return torch.where(slow, -torch.expm1(-dt / torch.where(slow, time, 1.0)), 1.0)
