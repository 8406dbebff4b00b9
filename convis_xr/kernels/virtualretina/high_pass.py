"""VirtualRetina's partial high-pass: one step late, or not there at all."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..recursion import low_pass
from ..scalars import Scalar, number
from .late import late


class HighPassState(NamedTuple):
    """Last input, and last output of the low-pass that is taken away: (batch, channel, y, x)."""

    before: Tensor
    low: Tensor


def late_high_pass(
    x: Tensor, state: HighPassState, tau: Scalar, weight: Scalar, dt: float
) -> tuple[Tensor, HighPassState]:
    """Take a part of its low-pass away from a movie of one step before.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    state : HighPassState, as x
        What came before.
    tau, weight, dt
        As in `kernels.recursion.partial_high_pass`.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = x[k-1] - weight E[k]``, ``E[k] = c E[k-1] + (1-c) x[k-1]``. With a weight of 0 the object vanishes, and
        its delay too: it is `x`. (It jumps there, and has no gradient in the weight; autograd is given ``-E``.)
    state : HighPassState
        What the next chunk starts from.

    Raises
    ------
    ValueError
        As in `kernels.recursion.low_pass`.

    Examples
    --------
    >>> x = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 3, 1, 1)
    >>> rest = HighPassState(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    >>> late_high_pass(x, rest, 0.01, 1.0, 0.01)[0].flatten().round(decimals=3)
    tensor([ 0.0000,  0.3680, -0.2330])
    >>> late_high_pass(x, rest, 0.01, 0.0, 0.01)[0].flatten()
    tensor([1., 0., 0.])
    """
    seen, before = late(x, state.before)
    low, last = low_pass(seen, state.low, tau, dt)
    part = torch.as_tensor(weight, dtype=torch.float64).to(x)
    return (x if number(weight) == 0 else seen) - part * low, HighPassState(before, last)
