"""The definition of the Gaussian blur: one loop over the weights, indices held inside the frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ..scalars import Scalar
from .weights import gaussian_weights


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Blur every frame, first along x, then along y.

    Parameters
    ----------
    x : Tensor (..., y, x)
        Frames.
    sigma_px : (float, float), px
        Standard deviations along y and along x.

    Returns
    -------
    Tensor, as x
        ``y[i] = sum_k w[k] x[clamp(i + k - r)]``: outside the frame its nearest edge pixel is repeated.
    """
    for axis, sigma in ((-1, sigma_px[1]), (-2, sigma_px[0])):
        weights = gaussian_weights(sigma).to(x)
        radius, last = len(weights) // 2, x.shape[axis] - 1
        blurred = torch.zeros_like(x)
        for k, weight in enumerate(weights):
            source = (torch.arange(last + 1, device=x.device) + k - radius).clamp(0, last)
            blurred = blurred + weight * x.index_select(axis, source)
        x = blurred
    return x
