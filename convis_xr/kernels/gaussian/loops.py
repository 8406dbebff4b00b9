"""The Gaussian blur as compiled loops: frame by frame, both passes in memory that stays in the cache.

A pass makes every output row from the rows that its band reaches. Between the passes the frame is transposed, so that
both run along whole rows, padded to a multiple of a vector's length. One thread computes a frame, in one fixed order:
its numbers depend neither on the other frames nor on the number of threads.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from ..compiled import compiled_fused
from ..memory import empty_like
from ..scalars import Scalar, number
from ..threads import parallel, split
from .banded import spread
from .rows import VECTOR_BYTES, aligned, combine
from .weights import gaussian_radius, gaussian_slopes, gaussian_weights

#: which matrix: that of the blur, the transposed one, or the derivative in sigma
Kind = Literal["blur", "turned", "slope"]


class Band(NamedTuple):
    """A banded matrix (n, n): its weights (n, taps), and the column (n,) that each row's first one stands in."""

    weights: ndarray
    first: ndarray


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    return between(x.detach(), *bands(x, sigma_px))


def between(x: Tensor, along_y: Band, along_x: Band) -> Tensor:
    """Multiply frames (..., y, x) by a matrix (y, y) from the left and the turned one (x, x) from the right."""
    x = x.contiguous()
    y = empty_like(x)
    frames, out = flat(x), flat(y)
    parallel(lambda span: _blur(frames, out, *along_y, *along_x, *span), split(len(frames), torch.get_num_threads()))
    return y


def flat(x: Tensor) -> ndarray:
    """See frames as (frame, y, x)."""
    return x.numpy().reshape(math.prod(x.shape[:-2]), *x.shape[-2:])


def bands(x: Tensor, sigma_px: tuple[Scalar, Scalar], kind: Kind = "blur") -> tuple[Band, Band]:
    """Return the matrices along y and along x for frames (..., y, x): of the blur, its turned ones, or its slopes."""
    dtype = torch.empty(0, dtype=x.dtype).numpy().dtype
    along_y, along_x = (_band(number(sigma), n, dtype, kind) for sigma, n in zip(sigma_px, x.shape[-2:], strict=True))
    return along_y, along_x


@lru_cache(maxsize=64)
def _band(sigma_px: float, n: int, dtype: np.dtype, kind: Kind) -> Band:
    radius = gaussian_radius(sigma_px)
    taps = min(2 * radius + 1, n)
    first = np.clip(np.arange(n) - radius, 0, n - taps)
    weights = torch.from_numpy(gaussian_slopes(sigma_px)) if kind == "slope" else gaussian_weights(sigma_px)
    full = spread(weights, n).numpy()
    if kind == "turned":
        full = full.T  # pixels within reach of each other are so both ways
    return Band(np.take_along_axis(full, first[:, None] + np.arange(taps), axis=1).astype(dtype), first)


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
            for j in range(width):  # assigning a slice would compile the text of an error message, for 1.6 s
                out[frame, i, j] = upright_sums[i, j]
