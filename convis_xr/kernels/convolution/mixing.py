"""Convolution in time of the spectra of frames, frequency by frequency, as compiled loops.

A complex number stands as two real ones side by side, (re, im). The product ``w x`` is taken as ``re(w) x`` and
``im(w) x``, which treat both alike; at the end of a sum the second is turned by a quarter: ``i (re, im) = (-im, re)``.
A tile of frequencies is taken at a time, so that what belongs to it stays in the nearest caches for all lags.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled_fused

#: Real numbers in a tile.
TILE = 512


@compiled_fused
def convolve(spectra, kernel, y, first):  # type: ignore[no-untyped-def]
    """Write ``y[o, t] = sum kernel[o, i, l] spectra[i, lag - 1 + t - l]``, in the tile that begins at ``first``.

    All are real views (.., 2 frequencies) of complex arrays: spectra (in, lag - 1 + time, ..), kernel (out, in, lag,
    ..), y (out, time, ..).
    """
    outputs, inputs, lag, frequencies = kernel.shape
    last = min(first + TILE, frequencies)
    re, im = np.empty((lag, last - first), y.dtype), np.empty((lag, last - first), y.dtype)
    plain, turned = np.empty(last - first, y.dtype), np.empty(last - first, y.dtype)
    for o in range(outputs):
        y[o, :, first:last] = 0
        for i in range(inputs):
            _double(kernel[o, i], re, im, first)
            for t in range(y.shape[1]):
                plain[:] = 0
                turned[:] = 0
                _add_products(plain, re, 0, spectra[i], t, first, lag)
                _add_products(turned, im, 0, spectra[i], t, first, lag)
                _turn(y[o, t, first:last], plain, turned)


@compiled_fused
def correlate(spectra, gradient, kernel, first):  # type: ignore[no-untyped-def]
    """Add to ``kernel[o, i, l]`` the sum over t of ``gradient[o, t] conj(spectra[i, lag - 1 + t - l])``, in one tile.

    Shapes as in `convolve`, the kernel of twice the precision.
    """
    outputs, inputs, lag, frequencies = kernel.shape
    last, steps = min(first + TILE, frequencies), gradient.shape[1]
    swapped = np.empty((steps, last - first), gradient.dtype)
    plain, turned = np.empty(last - first, gradient.dtype), np.empty(last - first, gradient.dtype)
    for o in range(outputs):
        for t in range(steps):
            g = gradient[o, t, first:last]
            for p in range(0, last - first, 2):
                swapped[t, p], swapped[t, p + 1] = g[p + 1], g[p]
        for i in range(inputs):
            for k in range(lag):
                plain[:] = 0
                turned[:] = 0
                _add_products(plain, gradient[o], first, spectra[i], lag - 1 - k, first, steps)
                _add_products(turned, swapped, 0, spectra[i], lag - 1 - k, first, steps)
                target = kernel[o, i, k, first:last]
                for p in range(0, last - first, 2):  # (re, im) of g conj(x)
                    target[p] += plain[p] + plain[p + 1]
                    target[p + 1] += turned[p] - turned[p + 1]


@compiled_fused
def _add_products(total, a, first_a, b, start, first_b, rows):  # type: ignore[no-untyped-def]
    """Add ``sum a[k, first_a + p] b[start + k, first_b + p]`` to ``total[p]``, four rows in one pass.

    Each row is cut out by itself, and one array is written: only so does the compiler make vectors of it.
    """
    n = len(total)
    last_a, last_b = first_a + n, first_b + n
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        a0, a1 = a[k, first_a:last_a], a[k + 1, first_a:last_a]
        a2, a3 = a[k + 2, first_a:last_a], a[k + 3, first_a:last_a]
        b0, b1 = b[start + k, first_b:last_b], b[start + k + 1, first_b:last_b]
        b2, b3 = b[start + k + 2, first_b:last_b], b[start + k + 3, first_b:last_b]
        for p in range(n):
            total[p] += a0[p] * b0[p] + a1[p] * b1[p] + a2[p] * b2[p] + a3[p] * b3[p]
    for k in range(whole, rows):
        a0, b0 = a[k, first_a:last_a], b[start + k, first_b:last_b]
        for p in range(n):
            total[p] += a0[p] * b0[p]


@compiled_fused
def _double(kernel, re, im, first):  # type: ignore[no-untyped-def]
    """Spread a kernel (lag, frequency), the latest lag first, into its real and imaginary parts, each twice."""
    lag, n = re.shape
    for k in range(lag):
        row = kernel[lag - 1 - k, first : first + n]
        for p in range(0, n, 2):
            re[k, p] = re[k, p + 1] = row[p]
            im[k, p] = im[k, p + 1] = row[p + 1]


@compiled_fused
def _turn(y, plain, turned):  # type: ignore[no-untyped-def]
    """Add the products with the real parts, and those with the imaginary parts turned by a quarter."""
    for p in range(0, len(y), 2):
        y[p] += plain[p] - turned[p + 1]
        y[p + 1] += plain[p + 1] + turned[p]
