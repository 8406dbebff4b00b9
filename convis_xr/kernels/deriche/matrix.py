"""The blur as products with a matrix on both sides of the frame: autograd can follow it, and it runs on any device.

The matrix is whole: the kernel has no end, and what of it lies outside the frame is added to the edge pixel's weight.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussian.banded import between
from ..scalars import Scalar, number
from .weights import decay_of, is_none


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    height, width = x.shape[-2:]
    if min(height, width) == 1:
        # Products with a vector round differently in a batch; a frame of two equal lines gives the same as one line.
        return blur(x.expand(*x.shape[:-2], max(height, 2), max(width, 2)), sigma_px)[..., :height, :width]
    return between(x, *matrices(x, sigma_px))


def matrices(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> tuple[Tensor, Tensor]:
    """Return the matrices along y and along x for frames (..., y, x), as x."""
    along_y, along_x = (matrix(sigma, n).to(x) for sigma, n in zip(sigma_px, x.shape[-2:], strict=True))
    return along_y, along_x


def matrix(sigma_px: Scalar, n: int) -> Tensor:
    """Return the matrix that blurs a line of n pixels.

    Parameters
    ----------
    sigma_px : float or 0-d Tensor, px
        Width; autograd can follow it, except where the blur is none.
    n : int, px
        Length of the line.

    Returns
    -------
    Tensor (n, n)
        float64 on the CPU; row i holds the weights of the pixels that output i sees, and sums to 1.
    """
    if is_none(number(sigma_px)) or n == 1:
        return torch.eye(n, dtype=torch.float64)
    a, e, rest, k = decay_of(sigma_px)
    place = torch.arange(n, dtype=torch.float64)
    distance = (place[:, None] - place).abs()
    inner = k * (1 + a * distance) * torch.exp(-a * distance)
    # All that lies d pixels away or farther, on one side.
    beyond = k * torch.exp(-a * place) * ((1 + a * place) / rest + a * e / rest**2)
    return torch.cat([beyond[:, None], inner[:, 1:-1], beyond.flip(0)[:, None]], dim=1)
