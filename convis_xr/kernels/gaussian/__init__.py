"""Gaussian blur in space by the discrete Gaussian kernel, edges replicated.

Every frame is blurred on its own, by one sequence of operations that depends on nothing but the frame's size: however
time and batch are cut, a frame comes out the same to the bit.
"""

from __future__ import annotations

from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..scalars import Scalar
from . import adjoint, banded, loops, reference
from .weights import gaussian_radius, gaussian_weights

__all__ = ["gaussian_blur", "gaussian_radius", "gaussian_weights"]


def gaussian_blur(x: Tensor, sigma_px: Scalar | tuple[Scalar, Scalar]) -> Tensor:
    """Blur frames by a discrete Gaussian.

    Parameters
    ----------
    x : Tensor (..., y, x)
        Frames, in any unit; as many leading dimensions as wanted.
    sigma_px : float or 0-d Tensor, or a pair (sigma_y, sigma_x), px
        Standard deviation; 0 is the identity. Frames may be smaller than the kernel.

    Returns
    -------
    Tensor, as x
        The blurred frames. Outside a frame its nearest edge pixel is repeated, so a constant frame is reproduced. With
        sigma 0 along both axes, and no gradient wanted, it is `x` itself.

    Raises
    ------
    ValueError
        If `x` is not a floating point tensor of at least two dimensions, or a sigma is negative, not finite, or beyond
        10000 px.

    Examples
    --------
    >>> import torch
    >>> spot = torch.zeros(5, 5)
    >>> spot[2, 2] = 1.0
    >>> gaussian_blur(spot, (0.0, 0.5))[2].round(decimals=3)
    tensor([0.0060, 0.0980, 0.7910, 0.0980, 0.0060])
    """
    if x.dim() < 2 or not x.is_floating_point():
        raise ValueError(
            f"gaussian_blur: x: wanted a floating point tensor (..., y, x), got {x.dtype} of shape {tuple(x.shape)}"
        )
    pair = sigma_px if isinstance(sigma_px, tuple) else (sigma_px, sigma_px)
    route = choose("gaussian_blur", x, *pair, adjoint=True)
    if route == "reference":
        return reference.blur(x, pair)
    if route == "torch":
        return banded.blur(x, pair)
    if not any(gaussian_radius(sigma) for sigma in pair) and not gradient_wanted(*pair):
        return x
    return adjoint.blur(x, pair) if gradient_wanted(x, *pair) else loops.blur(x, pair)
