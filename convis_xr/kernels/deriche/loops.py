"""The blur as a compiled recursion: a causal and an anticausal sum, each of two poles, in float64.

Both sums have positive terms only, so that nothing cancels. The border is exact: before its first pixel the recursion
is at rest under that pixel's value. A few rows at a time are turned upright, so that both axes run along vectors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..memory import empty_like
from ..scalars import number
from ..threads import parallel, split
from .weights import decay_of, is_none

#: Rows that are blurred along x together.
LINES = 16


class Width(NamedTuple):
    """One axis of the blur: ``a``, ``e = exp(-a)``, ``1 - e`` and the kernel's height; a height of 0 is no blur."""

    a: float
    e: float
    rest: float
    k: float


def width_of(sigma_px: float) -> Width:
    """Return the numbers that a loop needs."""
    if is_none(sigma_px):
        return Width(0.0, 0.0, 1.0, 0.0)
    return Width(*(number(value) for value in decay_of(sigma_px)))


def blur(x: Tensor, sigma_px: tuple[float, float]) -> Tensor:
    """Compute what ``reference.blur`` defines."""
    x = x.detach().contiguous()
    y = empty_like(x)
    shape = (math.prod(x.shape[:-2]), *x.shape[-2:])
    frames, out = x.numpy().reshape(shape), y.numpy().reshape(shape)
    along_y, along_x = (width_of(sigma) for sigma in sigma_px)
    parallel(lambda span: _blur(frames, out, along_y, along_x, *span), split(len(frames), torch.get_num_threads()))
    return y


@compiled
def _blur(frames, out, along_y, along_x, start, stop):  # type: ignore[no-untyped-def]
    height, width = frames.shape[1:]
    scratch = room(height, width)
    frame, blurred = np.empty((height, width)), np.empty((height, width))
    for n in range(start, stop):
        for i in range(height):
            for j in range(width):
                frame[i, j] = frames[n, i, j]
        smooth(frame, blurred, along_y, along_x, scratch)
        for i in range(height):
            for j in range(width):
                out[n, i, j] = blurred[i, j]


@compiled
def room(height, width):  # type: ignore[no-untyped-def]
    """Return the scratch that `smooth` needs for frames of that size."""
    return (
        np.empty((height, width)),
        np.empty((width, LINES)),
        np.empty((width, LINES)),
        np.empty((2, max(width, LINES))),
    )


@compiled
def smooth(frame, out, along_y, along_x, scratch):  # type: ignore[no-untyped-def]
    """Blur one frame (y, x), float64, into another."""
    halfway, turned, turned_out, sums = scratch
    if along_y.k == 0.0:
        halfway = out
    if along_x.k == 0.0:
        _copy(frame, halfway)
    else:
        for first in range(0, len(frame), LINES):
            lines = min(LINES, len(frame) - first)
            for i in range(lines):
                for j in range(frame.shape[1]):
                    turned[j, i] = frame[first + i, j]
            _recur(turned, turned_out, sums, along_x, lines)
            for i in range(lines):
                for j in range(frame.shape[1]):
                    halfway[first + i, j] = turned_out[j, i]
    if along_y.k != 0.0:
        _recur(halfway, out, sums, along_y, frame.shape[1])


@compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled
def _recur(rows, out, sums, c, width):  # type: ignore[no-untyped-def]
    """Blur down the rows: ``s = sum e^m x[i-m]`` and ``t = sum m e^m x[i-m]``; then from below without m = 0."""
    a, e, k = c.a, c.e, c.k
    first_s, first_t = 1.0 / c.rest, c.e / c.rest
    last = len(rows) - 1
    s, t = sums[0, :width], sums[1, :width]
    x, y = rows[0, :width], out[0, :width]
    for j in range(width):
        s[j] = x[j] * first_s
        t[j] = s[j] * first_t
        y[j] = k * (s[j] + a * t[j])
    for i in range(1, last + 1):
        x, y = rows[i, :width], out[i, :width]
        for j in range(width):
            t[j] = e * (t[j] + s[j])
            s[j] = e * s[j] + x[j]
            y[j] = k * (s[j] + a * t[j])
    x, y = rows[last, :width], out[last, :width]
    for j in range(width):
        s[j] = x[j] * first_t
        t[j] = s[j] * first_s
        y[j] += k * (s[j] + a * t[j])
    for i in range(last - 1, -1, -1):
        x, y = rows[i + 1, :width], out[i, :width]
        for j in range(width):
            s[j] += x[j]
            t[j] = e * (t[j] + s[j])
            s[j] *= e
            y[j] += k * (s[j] + a * t[j])
