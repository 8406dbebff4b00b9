"""Gamma weights in closed form: a negative binomial, by logarithms, so that neither factor overflows."""

from __future__ import annotations

import torch
from torch import Tensor


def gamma_weights(tau: Tensor, n: int, dt: float, length: int) -> Tensor:
    """Compute what ``reference.gamma_weights`` defines."""
    k = torch.arange(length, dtype=torch.float64, device=tau.device)
    if not float(tau.detach()):
        # the limit, from the right: the derivative of exp(-1/tau) is 0 there
        return torch.where(k == 0, 1.0, 0.0 * tau)
    return torch.softmax(_logarithm(k, tau, n, dt), 0)


def left_out(tau: float, n: int, dt: float, length: int) -> Tensor:
    """The part of the whole sum that is beyond each lag, from 0 to ``length - 1``."""
    k = torch.arange(length, dtype=torch.float64)
    rate = -torch.expm1(torch.tensor(-max(n, 1) * dt / tau, dtype=torch.float64))
    terms = torch.exp(_logarithm(k, torch.tensor(tau, dtype=torch.float64), n, dt) + (n + 1) * torch.log(rate))
    return 1 - torch.cumsum(terms, 0)


def _logarithm(k: Tensor, tau: Tensor, n: int, dt: float) -> Tensor:
    order = torch.tensor(float(n), dtype=torch.float64, device=k.device)
    return torch.lgamma(k + n + 1) - torch.lgamma(k + 1) - torch.lgamma(order + 1) - k * (max(n, 1) * dt / tau)
