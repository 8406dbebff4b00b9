"""Blur in space by the kernel of Deriche's recursive filter, ``k (1 + a|n|) exp(-a|n|)``, edges replicated.

It is what VirtualRetina 2.2.3 calls a Gaussian: ``a = 1.695/sigma``, unit sum, none below 0.1 px. Its standard
deviation is 1.18 sigma from 1 px on. A frame comes out the same to the bit however time and batch are cut.
"""

from __future__ import annotations

from torch import Tensor

from ..dispatch import choose
from ..scalars import Scalar
from . import loops, reference
from .matrix import blur as blur_by_matrices
from .weights import checked_width, is_none

__all__ = ["deriche_blur"]


def deriche_blur(x: Tensor, sigma_px: Scalar | tuple[Scalar, Scalar]) -> Tensor:
    """Blur frames by Deriche's kernel (Deriche 1987, Int J Comput Vision 1:167).

    Parameters
    ----------
    x : Tensor (..., y, x)
        Frames, in any unit; as many leading dimensions as wanted.
    sigma_px : float or 0-d Tensor, or a pair (sigma_y, sigma_x), px
        Nominal width; below 0.1 px along an axis it is the identity there.

    Returns
    -------
    Tensor, as x
        The blurred frames. Outside a frame its nearest edge pixel is repeated without end: the recursion starts at
        rest. Where nothing is blurred and no gradient is wanted it is `x` itself.

    Raises
    ------
    ValueError
        If `x` is not a floating point tensor of at least two dimensions, or a width is negative or not finite.

    Examples
    --------
    >>> import torch
    >>> spot = torch.zeros(1, 5)
    >>> spot[0, 2] = 1.0
    >>> deriche_blur(spot, (0.0, 0.5)).round(decimals=3)
    tensor([[0.0070, 0.1130, 0.7610, 0.1130, 0.0070]])
    """
    if x.dim() < 2 or not x.is_floating_point():
        raise ValueError(
            f"deriche_blur: x: wanted a floating point tensor (..., y, x), got {x.dtype} of shape {tuple(x.shape)}"
        )
    pair = sigma_px if isinstance(sigma_px, tuple) else (sigma_px, sigma_px)
    widths = tuple(checked_width("deriche_blur", sigma) for sigma in pair)
    route = choose("deriche_blur", x, *pair)
    if route == "reference":
        return reference.blur(x, (widths[0], widths[1]))
    if all(is_none(width) for width in widths):
        return x
    if route == "torch":
        return blur_by_matrices(x, pair)
    return loops.blur(x, (widths[0], widths[1]))
