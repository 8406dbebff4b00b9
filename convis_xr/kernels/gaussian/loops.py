"""The Gaussian blur as compiled loops: frame by frame, both passes in memory that stays in the cache.

A pass makes every output row from the rows that its band reaches. Between the passes the frame is transposed, so that
both run along whole rows, padded to a multiple of a vector's length. One thread computes a frame, in one fixed order:
its numbers depend neither on the other frames nor on the number of threads.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from ..compiled import compiled_fused
from ..memory import empty_like
from ..scalars import Scalar, number
from ..threads import parallel, split
from .banded import matrix
from .rows import VECTOR_BYTES, aligned, combine
from .weights import gaussian_radius


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    x = x.detach().contiguous()
    y = empty_like(x)
    shape = (math.prod(x.shape[:-2]), *x.shape[-2:])
    frames, out = x.numpy().reshape(shape), y.numpy().reshape(shape)
    (weights_y, first_y), (weights_x, first_x) = (
        _band(number(sigma), n, frames.dtype) for sigma, n in zip(sigma_px, x.shape[-2:], strict=True)
    )
    parallel(
        lambda span: _blur(frames, out, weights_y, first_y, weights_x, first_x, *span),
        split(len(frames), torch.get_num_threads()),
    )
    return y


@lru_cache(maxsize=64)
def _band(sigma_px: float, n: int, dtype: np.dtype) -> tuple[ndarray, ndarray]:
    """Return the weights (n, taps) of each output pixel, and the first pixel (n,) that they belong to."""
    radius = gaussian_radius(sigma_px)
    taps = min(2 * radius + 1, n)
    first = np.clip(np.arange(n) - radius, 0, n - taps)
    full = matrix(sigma_px, n).numpy()
    return np.take_along_axis(full, first[:, None] + np.arange(taps), axis=1).astype(dtype), first


@compiled_fused
def _blur(frames, out, weights_y, first_y, weights_x, first_x, start, stop):  # type: ignore[no-untyped-def]
    height, width = out.shape[1:]
    vector = VECTOR_BYTES // frames.itemsize
    # An odd number of vectors in a row: rows do not compete for the same places in the cache.
    padded_height, padded_width = (-(-height // vector) | 1) * vector, (-(-width // vector) | 1) * vector
    turned, turned_sums = aligned(width, padded_height, frames), aligned(width, padded_height, frames)
    upright, upright_sums = aligned(height, padded_width, frames), aligned(height, padded_width, frames)
    for frame in range(start, stop):
        for i in range(height):
            for j in range(width):
                turned[j, i] = frames[frame, i, j]
        combine(turned, first_x, weights_x, turned_sums, height)
        for i in range(height):
            for j in range(width):
                upright[i, j] = turned_sums[j, i]
        combine(upright, first_y, weights_y, upright_sums, width)
        for i in range(height):
            out[frame, i] = upright_sums[i, :width]
