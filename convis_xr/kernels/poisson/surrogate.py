"""Poisson counts under a gradient: straight through, as if each count were its own expectation.

The gradient of the expected count is exact, ``dE[N]/dr = dt``; that of a single count is 0 wherever it exists. A loss
that is linear in the counts so gets the gradient of its mean; of others it is an approximation, as the straight-through
estimator is (Bengio, Leonard & Courville 2013, arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: The surrogates that there are.
NAMES = ("expectation",)


def expectation(rate: Tensor, draw: Callable[[Tensor], Tensor], dt: float, bernoulli: bool) -> Tensor:
    """Draw counts whose gradient is that of their mean.

    Parameters
    ----------
    rate : Tensor (batch, channel, time, y, x), Hz
        Rates.
    draw : callable
        Counts, for rates.
    dt : float, s
        Time step.
    bernoulli : bool
        Whether counts above 1 are 1.

    Returns
    -------
    Tensor, as rate
        Whole numbers.
    """
    counts: Tensor = _Expectation.apply(rate, draw, dt, bernoulli)
    return counts


class _Expectation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rate: Tensor, draw: Callable[[Tensor], Tensor], dt: float, bernoulli: bool) -> Tensor:
        ctx.dt = dt
        ctx.save_for_backward(rate if bernoulli else None)
        return draw(rate.detach()).to(rate.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        [rate] = ctx.saved_tensors
        slope = ctx.dt if rate is None else ctx.dt * (-ctx.dt * rate).exp()
        return grad * slope, None, None, None
