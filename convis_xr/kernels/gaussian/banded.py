"""The Gaussian blur as products with a banded matrix on both sides of the frame: ``B_y X B_x^T``.

The matrix holds the edges exactly (weights that fall outside are added to the edge pixel's), autograd follows it, and
every device multiplies matrices well.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..scalars import Scalar
from .weights import gaussian_weights


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    height, width = x.shape[-2:]
    if min(height, width) == 1:
        # Products with a vector round differently in a batch; a frame of two equal lines gives the same as one line.
        return blur(x.expand(*x.shape[:-2], max(height, 2), max(width, 2)), sigma_px)[..., :height, :width]
    along_y, along_x = (matrix(sigma, n).to(x) for sigma, n in zip(sigma_px, x.shape[-2:], strict=True))
    return between(x, along_y, along_x)


def between(x: Tensor, along_y: Tensor, along_x: Tensor) -> Tensor:
    """Multiply frames (..., y, x) by a matrix (y, y) from the left and the turned one (x, x) from the right."""
    frames = x.flatten(0, -3) if x.dim() > 2 else x[None]
    if not len(frames):
        return x.clone()
    # One product a frame, so that its numbers do not depend on its neighbours: those of a batched product do on some
    # processors, and `@` would fold all frames into one. They depend on where a frame begins in memory, too: a copy
    # begins where all memory does.
    return torch.stack([along_y.mm(frame.clone().mm(along_x.mT)) for frame in frames.unbind(0)]).view(x.shape)


def matrix(sigma_px: Scalar, n: int) -> Tensor:
    """Return the matrix that blurs a line of pixels.

    Parameters
    ----------
    sigma_px : float or 0-d Tensor, px
        Standard deviation; autograd can follow it.
    n : int, px
        Length of the line.

    Returns
    -------
    Tensor (n, n)
        float64 on the CPU; row i holds the weights of the pixels that output i sees, and sums to 1.
    """
    return spread(gaussian_weights(sigma_px), n)


def spread(weights: Tensor, n: int) -> Tensor:
    """Return the matrix (n, n) that adds up neighbours by symmetric weights; beyond the line its last pixel goes on."""
    radius = len(weights) // 2
    rows = torch.arange(n)[:, None]
    columns = (rows + torch.arange(-radius, radius + 1)).clamp(0, n - 1)
    flat = (rows * n + columns).flatten()
    return weights.new_zeros(n * n).index_add(0, flat, weights.repeat(n)).view(n, n)
