"""The discrete Gaussian: the kernel whose variance is exact at any width, and that blurs in steps as in one go.

A sampled Gaussian collapses when it is narrow (at sigma = 0.285 px its standard deviation is 0.065 px). The discrete
one, ``T(n; t) = exp(-t) I_n(t)`` with ``t = sigma^2`` and the modified Bessel function ``I_n`` (Lindeberg 1990, IEEE
PAMI 12:234), solves the diffusion equation on the grid, ``dT_n/dt = (T_{n-1} - 2 T_n + T_{n+1}) / 2``, which gives its
derivative too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.special import ive
from torch import Tensor

from ..scalars import Scalar, number

#: What may be cut off at both ends together.
DISCARDED_MASS = 1e-6


def gaussian_radius(sigma_px: Scalar) -> int:
    """Say how far the truncated discrete Gaussian reaches.

    Parameters
    ----------
    sigma_px : float or 0-d Tensor, px
        Standard deviation.

    Returns
    -------
    int, px
        The smallest radius beyond which less than 1e-6 of the mass lies.

    Raises
    ------
    ValueError
        If `sigma_px` is negative, not finite, or beyond 10000 px.

    Examples
    --------
    >>> gaussian_radius(0.0), gaussian_radius(1.0)
    (0, 7)
    """
    sigma = number(sigma_px)
    if not 0 <= sigma <= 1e4:
        raise ValueError(f"sigma_px: wanted a standard deviation between 0 and 10000 px, got {sigma}")
    return len(_truncated(sigma)) - 2


def gaussian_weights(sigma_px: Scalar) -> Tensor:
    """Return the discrete Gaussian, truncated and normalised to sum 1; autograd can follow its width.

    Parameters
    ----------
    sigma_px : float or 0-d Tensor, px
        Standard deviation; 0 is the identity.

    Returns
    -------
    Tensor (2 r + 1,), dimensionless
        float64 on the CPU, symmetric about index ``r = gaussian_radius(sigma_px)``.

    Raises
    ------
    ValueError
        As `gaussian_radius`.

    Examples
    --------
    >>> gaussian_weights(0.0)
    tensor([1.], dtype=torch.float64)
    >>> float(gaussian_weights(2.0).sum())
    1.0
    """
    gaussian_radius(sigma_px)
    return _Weights.apply(torch.as_tensor(sigma_px, dtype=torch.float64, device="cpu"))


class _Weights(torch.autograd.Function):
    """The weights as a function of sigma, with the derivative that the diffusion equation gives."""

    @staticmethod
    def forward(ctx: Any, sigma: Tensor) -> Tensor:
        ctx.sigma = number(sigma)
        half = _truncated(ctx.sigma)[:-1]
        return torch.from_numpy(_mirrored(half / _mass(half)))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.new_tensor(grad.numpy() @ gaussian_slopes(ctx.sigma))


def gaussian_slopes(sigma: float) -> np.ndarray:
    """Return the derivative of `gaussian_weights` in sigma, 1/px: the diffusion equation on what is left of the kernel.

    Parameters
    ----------
    sigma : float, px
        Standard deviation.

    Returns
    -------
    ndarray (2 r + 1,), 1/px
        float64; sums to 0.

    Examples
    --------
    >>> slopes = gaussian_slopes(2.0)  # the variance is sigma^2, and so grows by 2 sigma
    >>> round(float(slopes @ np.arange(-(len(slopes) // 2), len(slopes) // 2 + 1) ** 2), 2)
    4.0
    """
    half = _truncated(sigma)
    # One weight beyond the radius, and one before 0 by symmetry, close the differences at both ends.
    slope = (np.concatenate(([half[1]], half[:-2])) - 2 * half[:-1] + half[1:]) / 2
    half, mass = half[:-1], _mass(half[:-1])
    normalised = (slope * mass - half * _mass(slope)) / mass**2
    return 2 * sigma * _mirrored(normalised)


@lru_cache(maxsize=64)
def _truncated(sigma: float) -> np.ndarray:
    """Return ``T_0 .. T_r`` and, for the derivative, ``T_{r+1}``; not normalised."""
    half = ive(np.arange(math.ceil(6 * sigma) + 10), sigma**2)
    beyond = 2 * np.cumsum(half[:0:-1])[::-1]  # [n]: the mass further out than n
    radius = int(np.argmax(beyond < DISCARDED_MASS))
    truncated = half[: radius + 2].copy()
    truncated.flags.writeable = False
    return truncated


def _mass(half: np.ndarray) -> float:
    return float(half[0] + 2 * half[:0:-1].sum())


def _mirrored(half: np.ndarray) -> np.ndarray:
    return np.concatenate((half[:0:-1], half))
