"""The low-passes of `kernels.recursion` with a finite impulse response: cut off, and made to sum to 1 again."""

from __future__ import annotations

import math

import torch
from scipy.special import gammaln, nbdtrc
from torch import Tensor

from ..convolution import causal_convolution
from ..recursion.rate import rate_of
from ..scalars import Scalar, number

__all__ = ["finite_low_pass", "finite_weights"]

#: What may be cut off.
DISCARDED_MASS = 1e-6


def finite_weights(tau: Scalar, n: int, dt: float) -> Tensor:
    """Return the impulse response of `recursion.gamma_low_pass`, cut where less than 1e-6 is left, of sum 1.

    ``n + 1`` poles of rate ``r = 1 - exp(-n dt/tau)`` give ``(m + n choose n) r^(n+1) (1 - r)^m`` at lag m.

    Parameters
    ----------
    tau : float or 0-d Tensor, s
        Time constant; autograd can follow it. At 0 the response is a single 1.
    n : int
        Order of the cascade, 0 or more.
    dt : float, s
        Time step.

    Returns
    -------
    Tensor (lag,), float64

    Raises
    ------
    ValueError
        If a parameter does not fit.

    Examples
    --------
    >>> weights = finite_weights(0.01, 0, 0.001)
    >>> len(weights), round(float(weights[1] / weights[0]), 6), round(float(weights.sum()), 12)
    (139, 0.904837, 1.0)
    """
    value = number(tau)
    if n < 0 or int(n) != n:
        raise ValueError(f"finite_low_pass: n: wanted a whole number of 0 or more, got {n!r}")
    if not (math.isfinite(value) and value >= 0 and math.isfinite(dt) and dt > 0):
        wanted = "a finite tau of 0 s or more and a finite dt above 0 s"
        raise ValueError(f"finite_low_pass: tau, dt: wanted {wanted}, got {value} and {dt}")
    rate = rate_of(tau / n if n else tau, dt).cpu()
    lag = torch.arange(_length(n, number(rate)), dtype=torch.float64)
    count = torch.exp(torch.from_numpy(gammaln(lag.numpy() + n + 1) - gammaln(lag.numpy() + 1) - gammaln(n + 1)))
    weights = count * (1 - rate) ** lag
    return weights / weights.sum()


def _length(n: int, rate: float) -> int:
    """Return the least number of lags beyond which less than the discarded mass is left."""
    short, long = 0, 1
    while nbdtrc(long - 1, n + 1, rate) >= DISCARDED_MASS:
        short, long = long, 2 * long
    while long - short > 1:
        middle = (short + long) // 2
        short, long = (middle, long) if nbdtrc(middle - 1, n + 1, rate) >= DISCARDED_MASS else (short, middle)
    return long


def finite_low_pass(x: Tensor, history: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth every pixel of a movie in time by a finite impulse response.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    history : Tensor (batch, channel, lag - 1, y, x), as x
        The frames before it.
    weights : Tensor (lag,)
        From `finite_weights`.

    Returns
    -------
    y : Tensor, as x
    history : Tensor, as history
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape or a dtype does not fit.

    Examples
    --------
    >>> x = torch.ones(1, 1, 4, 2, 2)
    >>> weights = finite_weights(0.001, 2, 0.001)
    >>> y, _ = finite_low_pass(x, torch.ones(1, 1, len(weights) - 1, 2, 2), weights)
    >>> bool(torch.allclose(y, x))
    True
    """
    # Pixels of all channels are alike: each is an entry of its own, so that channels are not summed.
    shape = x.shape[:2]
    y, past = causal_convolution(
        x.flatten(0, 1).unsqueeze(1), history.flatten(0, 1).unsqueeze(1), weights.to(x).view(1, 1, -1, 1, 1)
    )
    return y.squeeze(1).unflatten(0, shape), past.squeeze(1).unflatten(0, shape)
