"""The gradients of the Gaussian blur ``B_y X B_x^T`` in both sigmas, frame by frame in memory that stays in the cache.

With G the gradient in the output, ``H = B_y^T G`` is on the way to the gradient in the frame, ``H B_x``; in the sigma
along x it is ``sum(H * (X D_x^T))``, and along y ``sum(G * (D_y X B_x^T))``, D being the derivatives of the matrices.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled, compiled_fused
from ..memory import empty_like
from ..scalars import Scalar
from ..threads import parallel, split
from .loops import bands, flat
from .rows import VECTOR_BYTES, aligned, combine


def blur(
    grad: Tensor, x: Tensor, sigma_px: tuple[Scalar, Scalar], wants_frames: bool
) -> tuple[Tensor | None, list[float]]:
    """Return the gradients of ``loops.blur`` in its frames, None if they are not wanted, and in both sigmas.

    Parameters
    ----------
    grad, x : Tensor (..., y, x)
        Gradient in the output, and what entered.
    sigma_px : (sigma_y, sigma_x), px
        As they entered.
    wants_frames : bool
        Whether the gradient in the frames is wanted.

    Returns
    -------
    Tensor as x or None, [float, float]
    """
    grad, x = grad.contiguous(), x.detach().contiguous()
    grad_x = empty_like(x if wants_frames else x.new_empty(0, *x.shape[-2:]))
    grads, frames, out = flat(grad), flat(x), flat(grad_x)
    blurs, turned, slopes = (bands(x, sigma_px, kind) for kind in ("blur", "turned", "slope"))
    sums = np.zeros((len(frames), 2))
    parallel(
        lambda span: _gradients(grads, frames, out, sums, blurs[1], turned, slopes, *span),
        split(len(frames), torch.get_num_threads()),
    )
    return grad_x if wants_frames else None, sums.sum(0).tolist()


@compiled_fused
def _gradients(grads, frames, out, sums, along_x, turned, slopes, start, stop):  # type: ignore[no-untyped-def]
    height, width = grads.shape[1:]
    vector = VECTOR_BYTES // grads.itemsize
    # As in the blur itself: rows of an odd number of vectors.
    padded_height, padded_width = (-(-height // vector) | 1) * vector, (-(-width // vector) | 1) * vector
    columns, blurred, steep = (
        aligned(width, padded_height, grads),
        aligned(width, padded_height, grads),
        aligned(width, padded_height, grads),
    )
    rows, mixed = aligned(height, padded_width, grads), aligned(height, padded_width, grads)
    for n in range(start, stop):
        _turn(frames[n], columns)
        combine(columns, along_x.first, along_x.weights, blurred, height)
        combine(columns, slopes[1].first, slopes[1].weights, steep, height)
        _turn(blurred[:, :height], rows)
        combine(rows, slopes[0].first, slopes[0].weights, mixed, width)
        rows[:, :width] = grads[n]
        sums[n, 0] = _product(rows, mixed, width)
        combine(rows, turned[0].first, turned[0].weights, mixed, width)
        _turn(mixed[:, :width], columns)
        sums[n, 1] = _product(columns, steep, height)
        if len(out):
            combine(columns, turned[1].first, turned[1].weights, blurred, height)
            _turn(blurred[:, :height], out[n])


@compiled
def _turn(source, target):  # type: ignore[no-untyped-def]
    for j in range(source.shape[1]):
        for i in range(source.shape[0]):
            target[j, i] = source[i, j]


@compiled
def _product(a, b, width):  # type: ignore[no-untyped-def]
    """Return ``sum(a * b)`` over the first columns; sums that run beside each other run along vectors."""
    total = np.zeros(width)
    for i in range(len(a)):
        for j in range(width):
            total[j] += a[i, j] * b[i, j]
    return total.sum()
