"""VirtualRetina's partial high-pass: an object that reads another one late, or that is not there at all."""

from __future__ import annotations

import torch
from torch import Tensor

from ..recursion import low_pass
from ..scalars import Scalar, number


def late_high_pass(
    now: Tensor, before: Tensor, state: Tensor, tau: Scalar, weight: Scalar, dt: float
) -> tuple[Tensor, Tensor]:
    """Take a part of its low-pass away from a movie of one step before.

    Parameters
    ----------
    now, before : Tensor (batch, channel, time, y, x)
        The movie, in any unit, and the same one step late (`late`).
    state, tau, weight, dt
        As in `kernels.recursion.partial_high_pass`.

    Returns
    -------
    y : Tensor, as now
        ``y[k] = before[k] - weight E[k]``, ``E[k] = c E[k-1] + (1-c) before[k]``. With a weight of 0 the object
        vanishes, and its delay too: it is `now`. (It jumps there, and has no gradient in the weight; autograd is given
        ``-E``.)
    state : Tensor
        What the next chunk starts from.

    Raises
    ------
    ValueError
        As in `kernels.recursion.low_pass`.

    Examples
    --------
    >>> x = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 3, 1, 1)
    >>> seen, rest = x.roll(1, 2), torch.zeros(1, 1, 1, 1)
    >>> late_high_pass(x, seen, rest, 0.01, 1.0, 0.01)[0].flatten().round(decimals=3)
    tensor([ 0.0000,  0.3680, -0.2330])
    >>> late_high_pass(x, seen, rest, 0.01, 0.0, 0.01)[0].flatten()
    tensor([1., 0., 0.])
    """
    low, state = low_pass(before, state, tau, dt)
    part = torch.as_tensor(weight, dtype=torch.float64).to(now)
    return (now if number(weight) == 0 else before) - part * low, state
