"""Kernels that are sums of a few products of time, y and x: passes along one axis at a time, instead of all taps."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from . import rows

#: How much of a kernel (relative, root of the sum of squares) its products may miss: its own rounding, no more.
TOLERANCE = {"float32": 1e-7, "float64": 2e-15}
# Steps that are taken at a time, so that what stands between the passes stays near the processor; and pixels of small
# frames, so that the threads are busy for a while.
_FRAMES, _PIXELS = 64, 640_000


class Product(NamedTuple):
    """A course in time (lag,), and the image that goes with it as pairs of profiles along y (n, ky) and x (n, kx)."""

    time: ndarray
    y: ndarray
    x: ndarray


def convolve(history: ndarray, x: ndarray, weight: ndarray, y: ndarray, corner: tuple[int, int]) -> None:
    """Compute what ``rows.convolve`` defines."""
    length = max(_FRAMES, _PIXELS // (y.shape[3] * y.shape[4]))
    for start in range(0, y.shape[2], length):
        stop = min(start + length, y.shape[2])
        before, block = _cut(history, x, start, stop)
        y[:, :, start:stop] = 0
        for o, inputs in enumerate(decompose(weight)):
            for i, products in enumerate(inputs):
                movies = before[:, i : i + 1], block[:, i : i + 1]
                for product in products:
                    _add(*movies, product, y[:, o : o + 1, start:stop], corner)


def _cut(history: ndarray, x: ndarray, start: int, stop: int) -> tuple[ndarray, ndarray]:
    """Return the frames from ``start`` to ``stop``, and those that the kernel sees before."""
    past = history.shape[2]
    if start >= past:
        return x[:, :, start - past : start], x[:, :, start:stop]
    return np.concatenate((history[:, :, start:], x[:, :, :start]), axis=2), x[:, :, start:stop]


def _add(history: ndarray, x: ndarray, product: Product, y: ndarray, corner: tuple[int, int]) -> None:
    """Add what one product gives: a pass along time, and for each pair of profiles one along y and one along x."""
    nothing = history[:, :, :0]
    frames = np.empty(x.shape, x.dtype)
    rows.convolve(np.ascontiguousarray(history), np.ascontiguousarray(x), _axis(product.time, 2), frames, (0, 0))
    upright, made = np.empty((*y.shape[:4], x.shape[4]), x.dtype), np.empty(y.shape, x.dtype)
    for along_y, along_x in zip(product.y, product.x, strict=True):
        rows.convolve(nothing, frames, _axis(along_y, 3), upright, (corner[0], 0))
        rows.convolve(nothing, upright, _axis(along_x, 4), made, (0, corner[1]))
        y += made


def _axis(profile: ndarray, axis: int) -> ndarray:
    """See a profile as a kernel (1, 1, lag, y, x)."""
    return profile.reshape([-1 if k == axis else 1 for k in range(5)])


def decompose(weight: ndarray) -> tuple[tuple[tuple[Product, ...], ...], ...]:
    """Write each kernel as a sum of as few products as give it to its own rounding.

    Parameters
    ----------
    weight : ndarray (out, in, lag, ky, kx)
        The kernels. What was found for the last few is kept, by their content.

    Returns
    -------
    tuple of tuples of tuples of Product
        For each output, for each input, the products: none where all is zero.
    """
    return _decompose(weight.tobytes(), weight.shape, weight.dtype.name)


@lru_cache(maxsize=8)
def _decompose(
    content: bytes, shape: tuple[int, int, int, int, int], dtype: str
) -> tuple[tuple[tuple[Product, ...], ...], ...]:
    weight = np.frombuffer(content, dtype).reshape(shape).astype(np.float64)
    return tuple(tuple(_products(kernel, dtype) for kernel in inputs) for inputs in weight)


def _products(kernel: ndarray, dtype: str) -> tuple[Product, ...]:
    allowed = TOLERANCE[dtype] * float(np.linalg.norm(kernel)) / np.sqrt(2)  # half of it in time, half in space
    courses, images = _pairs(kernel.reshape(len(kernel), -1), allowed)
    made = []
    for course, image in zip(courses, images, strict=True):
        norm = max(float(np.linalg.norm(course)), np.finfo(float).tiny)
        along_y, along_x = _pairs(image.reshape(kernel.shape[1:]), allowed / norm / np.sqrt(len(courses)))
        made.append(Product(*(part.astype(dtype) for part in (course, along_y, along_x))))
    return tuple(made)


def _pairs(matrix: ndarray, allowed: float) -> tuple[ndarray, ndarray]:
    """Columns and rows (n, ..) whose products sum up to a matrix, as few as miss no more than is allowed."""
    columns, sizes, lines = np.linalg.svd(matrix, full_matrices=False)
    missed = np.sqrt(np.cumsum(sizes[::-1] ** 2))[::-1]  # by those before
    count = int(np.count_nonzero(missed > allowed))
    root = np.sqrt(sizes[:count])
    return (columns[:, :count] * root).T, lines[:count] * root[:, None]
