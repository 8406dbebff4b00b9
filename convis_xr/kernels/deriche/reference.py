"""The definition of the blur: the kernel written out until nothing is left of it, indices held inside the frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .weights import ALPHA, is_none


def blur(x: Tensor, sigma_px: tuple[float, float]) -> Tensor:
    """Blur every frame, first along x, then along y, in float64.

    Parameters
    ----------
    x : Tensor (..., y, x)
        Frames.
    sigma_px : (float, float), px
        Widths along y and along x.

    Returns
    -------
    Tensor, as x
        ``y[i] = sum_n w[n] x[clamp(i + n)]``, ``w[n]`` proportional to ``(1 + a|n|) exp(-a|n|)``, ``a = 1.695/sigma``.
    """
    y = x.double()
    for axis, sigma in ((-1, sigma_px[1]), (-2, sigma_px[0])):
        if is_none(sigma):
            continue
        a = ALPHA / sigma
        radius = math.ceil(45 / a)
        weights = [(1 + a * abs(n)) * math.exp(-a * abs(n)) for n in range(-radius, radius + 1)]
        last = x.shape[axis] - 1
        blurred = torch.zeros_like(y)
        for n, weight in enumerate(weights):
            source = (torch.arange(last + 1, device=x.device) + n - radius).clamp(0, last)
            blurred = blurred + weight / math.fsum(weights) * y.index_select(axis, source)
        y = blurred
    return y.to(x.dtype)
