"""The definition of the ganglion cells' static nonlinearity, one value after the other."""

from __future__ import annotations

import torch
from torch import Tensor


def ganglion_nonlinearity(v: Tensor, threshold: float, baseline: float, slope: float) -> Tensor:
    """Apply N to every value.

    Parameters
    ----------
    v : Tensor of any shape, dimensionless
        What drives the cells.
    threshold, baseline, slope : float; dimensionless, Hz, Hz
        v0, i0 and lambda.

    Returns
    -------
    Tensor, as v, Hz
        ``i0 + lambda (v - v0)`` for ``v >= v0``, else ``i0^2 / (i0 - lambda (v - v0))``.
    """

    def one(value: float) -> float:
        rise = slope * (value - threshold)
        if value >= threshold:
            return baseline + rise
        return baseline**2 / (baseline - rise) if rise != baseline else baseline

    return torch.tensor([one(value) for value in v.flatten().tolist()], dtype=v.dtype, device=v.device).view(v.shape)
