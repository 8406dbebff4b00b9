"""Convolution in time of the spectra of frames, frequency by frequency, as compiled loops.

A complex number stands as two real ones side by side, (re, im). The product ``w x`` is taken as ``re(w) x`` and
``im(w) x``, which treat both alike; at the end of a sum the second is turned by a quarter: ``i (re, im) = (-im, re)``.
A tile of frequencies is laid out anew, in rows of one length that is known when this is compiled, and filled up with
zeros to whole groups of four rows: only then does the compiler see that nothing overlaps, and makes vectors of it.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled_fused

#: Real numbers in a row of a tile.
TILE = 256


@compiled_fused
def convolve(spectra, kernel, y, first):  # type: ignore[no-untyped-def]
    """Write ``y[o, t] = sum kernel[o, i, l] spectra[i, lag - 1 + t - l]``, in the tile that begins at ``first``.

    All are real views (.., 2 frequencies) of complex arrays: spectra (in, lag - 1 + time, ..), kernel (out, in, lag,
    ..), y (out, time, ..).
    """
    outputs, inputs, lag, _ = kernel.shape
    steps = y.shape[1]
    x = np.zeros((inputs, _fours(lag) + _fours(steps), TILE), y.dtype)
    re, im = np.zeros((_fours(lag), TILE), y.dtype), np.zeros((_fours(lag), TILE), y.dtype)
    sums = np.empty((8, TILE), y.dtype)
    for i in range(inputs):
        _lay_out(spectra, i, x[i], first)
    for o in range(outputs):
        for i in range(inputs):
            for k in range(lag):  # the earliest frame, which the greatest lag belongs to, comes first
                _double(kernel[o, i, lag - 1 - k, first : first + TILE], re[k], im[k])
            for t in range(0, steps, 4):
                sums[:] = 0
                _multiply(x[i, t:].reshape(-1), re.reshape(-1), im.reshape(-1), sums.reshape(-1))
                for s in range(min(4, steps - t)):
                    _turn(y[o, t + s, first : first + TILE], sums[s], sums[4 + s], i > 0)


@compiled_fused
def correlate(spectra, gradient, kernel, first):  # type: ignore[no-untyped-def]
    """Add to ``kernel[o, i, l]`` the sum over t of ``gradient[o, t] conj(spectra[i, lag - 1 + t - l])``, in one tile.

    Shapes as in `convolve`, the kernel of twice the precision.
    """
    outputs, inputs, lag, _ = kernel.shape
    steps = gradient.shape[1]
    x = np.zeros((_fours(lag) + _fours(steps), TILE), gradient.dtype)
    g, swapped = np.zeros((_fours(steps), TILE), gradient.dtype), np.zeros((_fours(steps), TILE), gradient.dtype)
    sums = np.empty((8, TILE), gradient.dtype)
    for i in range(inputs):
        _lay_out(spectra, i, x, first)
        for o in range(outputs):
            _lay_out(gradient, o, g, first)
            for t in range(steps):
                _swap(g[t], swapped[t])
            for k in range(0, lag, 4):
                sums[:] = 0
                _multiply(x[k:].reshape(-1), g.reshape(-1), swapped.reshape(-1), sums.reshape(-1))
                for s in range(min(4, lag - k)):
                    _conjugate(kernel[o, i, lag - 1 - k - s, first : first + TILE], sums[s], sums[4 + s])


@compiled_fused
def _multiply(x, a, b, sums):  # type: ignore[no-untyped-def]
    """Add the sums over k of ``a[k] x[k + s]``, and then those of ``b[k] x[k + s]``, for s from 0 to 3."""
    n = TILE
    for k in range(0, len(a), 4 * n):
        x_k, a_k, b_k = x[k : k + 7 * n], a[k : k + 4 * n], b[k : k + 4 * n]
        for p in range(n):
            a0, a1, a2, a3 = a_k[p], a_k[p + n], a_k[p + 2 * n], a_k[p + 3 * n]
            b0, b1, b2, b3 = b_k[p], b_k[p + n], b_k[p + 2 * n], b_k[p + 3 * n]
            x0, x1, x2, x3 = x_k[p], x_k[p + n], x_k[p + 2 * n], x_k[p + 3 * n]
            x4, x5, x6 = x_k[p + 4 * n], x_k[p + 5 * n], x_k[p + 6 * n]
            sums[p] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            sums[p + n] += a0 * x1 + a1 * x2 + a2 * x3 + a3 * x4
            sums[p + 2 * n] += a0 * x2 + a1 * x3 + a2 * x4 + a3 * x5
            sums[p + 3 * n] += a0 * x3 + a1 * x4 + a2 * x5 + a3 * x6
            sums[p + 4 * n] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            sums[p + 5 * n] += b0 * x1 + b1 * x2 + b2 * x3 + b3 * x4
            sums[p + 6 * n] += b0 * x2 + b1 * x3 + b2 * x4 + b3 * x5
            sums[p + 7 * n] += b0 * x3 + b1 * x4 + b2 * x5 + b3 * x6


@compiled_fused
def _fours(n):  # type: ignore[no-untyped-def]
    return -(-n // 4) * 4


@compiled_fused
def _lay_out(rows, channel, tile, first):  # type: ignore[no-untyped-def]
    for k in range(rows.shape[1]):
        row, target = rows[channel, k, first : first + TILE], tile[k]
        for p in range(len(row)):
            target[p] = row[p]


@compiled_fused
def _double(row, re, im):  # type: ignore[no-untyped-def]
    """Spread complex numbers into their real and imaginary parts, each twice."""
    for p in range(0, len(row), 2):
        re[p] = re[p + 1] = row[p]
        im[p] = im[p + 1] = row[p + 1]


@compiled_fused
def _swap(row, swapped):  # type: ignore[no-untyped-def]
    for p in range(0, len(row), 2):
        swapped[p], swapped[p + 1] = row[p + 1], row[p]


@compiled_fused
def _turn(y, plain, turned, add):  # type: ignore[no-untyped-def]
    """Put together a product from those with the real parts, and those with the imaginary parts."""
    if not add:
        y[:] = 0
    for p in range(0, len(y), 2):
        y[p] += plain[p] - turned[p + 1]
        y[p + 1] += plain[p + 1] + turned[p]


@compiled_fused
def _conjugate(y, plain, swapped):  # type: ignore[no-untyped-def]
    """Add ``g conj(x)``, put together from ``g x`` and ``(im(g), re(g)) x``, part by part."""
    for p in range(0, len(y), 2):
        y[p] += plain[p] + plain[p + 1]
        y[p + 1] += swapped[p] - swapped[p + 1]
