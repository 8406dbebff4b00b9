"""Edges: how much of the nearest pixel is repeated around a frame."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def replicate_edges(x: Tensor, height: int, width: int) -> Tensor:
    """Repeat the edge pixels as far as a spatial kernel reaches over them.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie.
    height, width : int
        Size of the kernel, an impulse response with its origin at ``size // 2``.

    Returns
    -------
    Tensor (batch, channel, time, y + height - 1, x + width - 1)
        The padded movie.
    """
    if height == width == 1:
        return x
    return pad(x, ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2, 0, 0), mode="replicate")
