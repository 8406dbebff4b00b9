"""Direct convolution as compiled loops: each row of the output is a sum of shifted rows, eight taps in one pass.

The last ``lag`` frames stand in a ring, extended over their edges. A kernel in time alone has no edges: all pixels of
a frame are then one row, of which a piece is taken at a time, so that the ring stays in the nearest cache.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray

from ..compiled import compiled_fused
from ..threads import parallel, split
from .frames import extend

# Samples in a ring that stays in the nearest cache, and how long a piece of a row is at least and at most.
_RING, _SHORTEST, _LONGEST = 2**13, 128, 2048
# Taps in one sum; longer ones are sums of such, so that their rounding errors stay small.
_TAPS = 256


def convolve(history: ndarray, x: ndarray, weight: ndarray, y: ndarray, corner: tuple[int, int]) -> None:
    """Write the convolution of one movie, ``history`` and ``x``, into ``y`` (batch, out, time, height, width).

    ``y[t, i, j] = sum weight[l, m, n] x[t - l, i + ky - 1 - m - top, j + kx - 1 - n - left]``, indices held inside the
    frame; ``corner`` is (top, left).
    """
    history, x, y = as_rows(weight, history, x, y)
    correlated = np.ascontiguousarray(weight[:, :, ::-1, ::-1, ::-1])
    parallel(lambda piece: _convolve(history, x, correlated, y, *corner, *piece), pieces(weight, x, y))


def as_rows(weight: ndarray, *movies: ndarray) -> tuple[ndarray, ...]:
    """See each frame as one row where the kernel is one pixel large."""
    if weight.shape[3:] != (1, 1):
        return movies
    return tuple(movie.reshape(*movie.shape[:3], 1, movie.shape[3] * movie.shape[4]) for movie in movies)


def pieces(weight: ndarray, x: ndarray, y: ndarray) -> list[tuple[int, int, int, int, int]]:
    """Cut the work: (batch, first and last step, first and last column)."""
    batches, _, steps, _, width = y.shape
    threads = torch.get_num_threads()
    columns = [(0, width)]
    if weight.shape[3:] == (1, 1):
        longest = _RING // (x.shape[1] * weight.shape[2])
        columns = split(width, -(-width // min(max(longest, _SHORTEST), _LONGEST)))
    # Each span of time fills a ring of its own anew.
    spans = split(steps, -(-threads // (batches * len(columns))))
    return [(batch, *span, *part) for batch in range(batches) for span in spans for part in columns]


def correlate(history: ndarray, x: ndarray, gradient: ndarray, corner: tuple[int, int], kernel: ndarray) -> None:
    """Add to ``kernel`` (out, in, lag, ky, kx), float64, the gradient of `convolve` in its weight.

    ``gradient`` is that of ``y``. For kernels that reach over space.
    """
    spans = pieces(kernel, x, gradient)
    made = [np.zeros(kernel.shape) for _ in spans]  # rounded to float32 only within a frame
    parallel(lambda k: _correlate(history, x, gradient, made[k], *corner, *spans[k]), range(len(spans)))
    for part in made:
        kernel += part[:, :, ::-1, ::-1, ::-1]


@compiled_fused
def add_rows(target, source, offsets, weights):  # type: ignore[no-untyped-def]
    """Add ``sum weights[j] source[offsets[j] + p]`` to ``target[p]``."""
    n, taps = len(target), len(weights)
    j = 0
    while j + 8 <= taps:
        w0, w1, w2, w3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        w4, w5, w6, w7 = weights[j + 4], weights[j + 5], weights[j + 6], weights[j + 7]
        a, b, c, d = (
            source[offsets[j] : offsets[j] + n],
            source[offsets[j + 1] : offsets[j + 1] + n],
            source[offsets[j + 2] : offsets[j + 2] + n],
            source[offsets[j + 3] : offsets[j + 3] + n],
        )
        e, f, g, h = (
            source[offsets[j + 4] : offsets[j + 4] + n],
            source[offsets[j + 5] : offsets[j + 5] + n],
            source[offsets[j + 6] : offsets[j + 6] + n],
            source[offsets[j + 7] : offsets[j + 7] + n],
        )
        for p in range(n):
            target[p] += w0 * a[p] + w1 * b[p] + w2 * c[p] + w3 * d[p] + w4 * e[p] + w5 * f[p] + w6 * g[p] + w7 * h[p]
        j += 8
    while j + 2 <= taps:
        w0, w1 = weights[j], weights[j + 1]
        a, b = source[offsets[j] : offsets[j] + n], source[offsets[j + 1] : offsets[j + 1] + n]
        for p in range(n):
            target[p] += w0 * a[p] + w1 * b[p]
        j += 2
    if j < taps:
        w0, a = weights[j], source[offsets[j] : offsets[j] + n]
        for p in range(n):
            target[p] += w0 * a[p]


@compiled_fused
def fill(history, x, ring, batch, t, left_column, right_column, top, left):  # type: ignore[no-untyped-def]
    """Put frame ``t`` of history and movie into its place in the ring (in, lag, height, width)."""
    lag = ring.shape[1]
    for i in range(x.shape[1]):
        if t < history.shape[2]:
            frame = history[batch, i, t, :, left_column:right_column]
        else:
            frame = x[batch, i, t - history.shape[2], :, left_column:right_column]
        extend(frame, ring[i, t % lag], top, left)


@compiled_fused
def place(ring, offsets, t, height, width):  # type: ignore[no-untyped-def]
    """Note where in the flat ring the taps of the output ``t`` begin, in the order of the kernel's entries."""
    inputs, lag, rows, columns = ring.shape
    j = 0
    for i in range(inputs):
        slot = t % lag
        for _ in range(lag):
            for m in range(height):
                for n in range(width):
                    offsets[j] = ((i * lag + slot) * rows + m) * columns + n
                    j += 1
            slot = slot + 1 if slot + 1 < lag else 0


@compiled_fused
def _convolve(history, x, correlated, y, top, left, batch, start, stop, first, last):  # type: ignore[no-untyped-def]
    outputs, inputs, lag, height, width = correlated.shape
    ring = np.empty((inputs, lag, y.shape[3] + height - 1, last - first + width - 1), x.dtype)
    columns = last - first if width == 1 else x.shape[4]
    offsets = np.empty(inputs * lag * height * width, np.int64)
    flat, weights = ring.reshape(-1), correlated.reshape(outputs, -1)
    part = np.empty(last - first, x.dtype)
    for t in range(start, start + lag - 1):
        fill(history, x, ring, batch, t, first, first + columns, top, left)
    for t in range(start, stop):
        fill(history, x, ring, batch, t + lag - 1, first, first + columns, top, left)
        place(ring, offsets, t, height, width)
        for row in range(y.shape[3]):
            source = flat[row * ring.shape[3] :]
            for o in range(outputs):
                target = y[batch, o, t, row, first:last]
                target[:] = 0
                if len(offsets) <= _TAPS:
                    add_rows(target, source, offsets, weights[o])
                    continue
                for j in range(0, len(offsets), _TAPS):
                    part[:] = 0
                    add_rows(part, source, offsets[j : j + _TAPS], weights[o, j : j + _TAPS])
                    for p in range(len(part)):
                        target[p] += part[p]


@compiled_fused
def _correlate(history, x, gradient, kernel, top, left, batch, start, stop, first, last):  # type: ignore[no-untyped-def]
    outputs, inputs, lag, height, width = kernel.shape
    ring = np.empty((inputs, lag, gradient.shape[3] + height - 1, last - first + width - 1), x.dtype)
    offsets = np.empty(inputs * lag * height * width, np.int64)
    flat, taps = ring.reshape(-1), kernel.reshape(outputs, -1)
    sums = np.empty((len(offsets), last - first), x.dtype)
    for t in range(start, start + lag - 1):
        fill(history, x, ring, batch, t, 0, x.shape[4], top, left)
    for t in range(start, stop):
        fill(history, x, ring, batch, t + lag - 1, 0, x.shape[4], top, left)
        place(ring, offsets, t, height, width)
        for o in range(outputs):
            sums[:] = 0
            for row in range(0, gradient.shape[3] - 3, 4):
                _add_four(sums, gradient, batch, o, t, row, flat, offsets, ring.shape[3])
            for row in range(gradient.shape[3] // 4 * 4, gradient.shape[3]):
                _add_one(sums, gradient[batch, o, t, row], flat, offsets, row * ring.shape[3])
            for j in range(len(offsets)):
                taps[o, j] += sums[j].sum()


@compiled_fused
def _add_four(sums, gradient, batch, o, t, row, flat, offsets, pitch):  # type: ignore[no-untyped-def]
    """Add products of four rows of the gradient with the rows that each tap saw."""
    n = gradient.shape[4]
    a, b = gradient[batch, o, t, row], gradient[batch, o, t, row + 1]
    c, d = gradient[batch, o, t, row + 2], gradient[batch, o, t, row + 3]
    for j in range(len(offsets)):
        at = offsets[j] + row * pitch
        target = sums[j]
        e, f = flat[at : at + n], flat[at + pitch : at + pitch + n]
        g, h = flat[at + 2 * pitch : at + 2 * pitch + n], flat[at + 3 * pitch : at + 3 * pitch + n]
        for p in range(n):
            target[p] += a[p] * e[p] + b[p] * f[p] + c[p] * g[p] + d[p] * h[p]


@compiled_fused
def _add_one(sums, a, flat, offsets, start):  # type: ignore[no-untyped-def]
    for j in range(len(offsets)):
        target, seen = sums[j], flat[start + offsets[j] : start + offsets[j] + len(a)]
        for p in range(len(a)):
            target[p] += a[p] * seen[p]
