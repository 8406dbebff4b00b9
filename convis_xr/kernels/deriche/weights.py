"""Deriche's kernel ``k (1 + a|n|) exp(-a|n|)``: its two numbers, and sums over its tail."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..scalars import Scalar, number

#: 1.695 as VirtualRetina has it: a float of four bytes, in arithmetic of eight.
ALPHA = float(np.float32(1.695))

#: Narrower blurs are none at all.
NARROWEST = 0.1


def checked_width(operation: str, sigma_px: Scalar) -> float:
    """Return the width as a number, or raise a ValueError."""
    sigma = number(sigma_px)
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"{operation}: sigma_px: wanted a finite width of 0 px or more, got {sigma}")
    return sigma


def is_none(sigma_px: float) -> bool:
    """Whether a blur of that width is none."""
    return sigma_px < NARROWEST


def decay_of(sigma_px: Scalar) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return a, ``e = exp(-a)``, ``1 - e`` and the height k of the kernel of sum 1, float64; autograd can follow them.

    Examples
    --------
    >>> a, e, _, k = decay_of(1.0)
    >>> n = torch.arange(-60, 61).abs()
    >>> round(float((k * (1 + a * n) * torch.exp(-a * n)).sum()), 12)
    1.0
    """
    a = ALPHA / torch.as_tensor(sigma_px, dtype=torch.float64, device="cpu")
    e, rest = torch.exp(-a), -torch.expm1(-a)
    return a, e, rest, rest**2 / (rest * (1 + e) + 2 * a * e)
