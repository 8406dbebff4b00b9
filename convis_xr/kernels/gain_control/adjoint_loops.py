"""The adjoint of the gain control as compiled loops: one movie after the other, backward in time.

With ``z = g dt``, ``f = (1-exp(-z))/g`` and ``d = -dt f'(z)/f(z)``, a step is ``V[k] = V[k-1] + (A I[k] - g V[k-1]) f``,
``a[k] = (1-rate) a[k-1] + rate B (gain V[k]^2)``. So if ``v`` and ``w`` are the derivatives of a loss by V[k] and a[k],
the step before gets ``v exp(-z)`` and ``(1-rate) w + v s``, where ``s = -V[k-1] f - (V[k] - V[k-1]) d`` is that of V[k]
by g: neither needs the input. Before that, ``v`` gets ``2 gain rate V[k] B' w``: the blur transposed, which at the edges
is another one, since an edge pixel is seen for all that lie beyond it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compiled import compiled, compiled_inline
from ..gaussian.rows import VECTOR_BYTES, combine
from .loops import expm1


class Constants(NamedTuple):
    """What a step needs, in the dtype of the movie; up to ``near``, d is the ``series`` in z."""

    amplification: Any
    leak: Any
    keep: Any
    feed: Any
    dt: Any
    near: Any
    series: tuple[Any, ...]


class Wanted(NamedTuple):
    """What is to be computed besides the gradient of the state."""

    x: bool
    parameters: bool
    blur: bool
    widths: bool


class Run(NamedTuple):
    """What is known of a movie: I, all V and a, and those before the first step."""

    x: Any
    vs: Any
    adaptations: Any
    v: Any
    a: Any


class Blur(NamedTuple):
    """Weights along x (taps,), those of every row along y (y, taps), and the rows they begin at (y,)."""

    along_x: Any
    along_y: Any
    first_y: Any


#: Places in the sums: of ``f v I``, ``v s``, ``V^2 B'w``, ``a w``, and ``w`` on the blurred V^2 by the two widths.
AMPLIFICATION, LEAK, DRIVE, DECAY, WIDTH_Y, WIDTH_X = range(6)


@compiled
def back(run, grad_vs, grad_as, by_v, by_a, grad_x, blur, slopes, blur_of_v, c, wanted):  # type: ignore[no-untyped-def]
    """Go back through a movie: turn ``by_v``, ``by_a`` (y, x), the gradients of the last V and a, into the first ones'.

    ``grad_vs`` and ``grad_as`` (time, y, x) are the gradients of the outputs, the latter empty where there is none;
    ``grad_x`` is written where it is wanted. ``blur`` is the transposed one, ``slopes`` are its derivatives by the
    widths, ``blur_of_v`` is the one of the movie along y. Returns the sums over time and space.
    """
    height, width = by_v.shape
    beyond = len(blur.along_x) // 2
    lanes = VECTOR_BYTES // by_v.itemsize
    pitch = (-(-(width + 2 * beyond) // lanes) | 1) * lanes
    wide = np.zeros((height, pitch + 2 * beyond), by_v.dtype)
    w = wide[:, 2 * beyond : 2 * beyond + width]
    for i in range(height):
        _copy(by_a[i], w[i])
    room = np.zeros((5, height, pitch), by_v.dtype)
    tallies, sums = np.zeros((4, width), by_v.dtype), np.zeros((6, width))
    by_drive, by_leak = np.empty(width, by_v.dtype), np.empty(width, by_v.dtype)
    for k in range(len(grad_vs) - 1, -1, -1):
        v, before, a = run.vs[k], run.vs[k - 1] if k else run.v, run.adaptations[k - 1] if k else run.a
        if len(grad_as):
            for i in range(height):
                _add(grad_as[k, i], w[i])
        if wanted.blur:
            _blur(wide, room, blur.along_x, blur.along_y, blur.first_y, width)
        if wanted.widths:
            _widths(wide, v, room, blur, slopes, blur_of_v, sums)
        for i in range(height):
            if wanted.parameters:
                _tally_adaptation(a[i], w[i], v[i], room[1, i], tallies)
            _step(v[i], before[i], a[i], grad_vs[k, i], room[1, i], by_v[i], w[i], by_drive, by_leak, c)
            if wanted.x:
                _scale(by_drive, c.amplification, grad_x[k, i])
            if wanted.parameters:
                _tally_membrane(run.x[k, i], by_drive, by_leak, tallies)
        if wanted.parameters:
            _collect(tallies, sums)
    for i in range(height):
        _copy(w[i], by_a[i])
    return sums


@compiled
def _blur(wide, room, along_x, along_y, first_y, width):  # type: ignore[no-untyped-def]
    """Write the transposed blur of ``wide``, whose margins are 0, to ``room[1]``; that along x alone to ``room[0]``."""
    _along_x(wide, room[0], along_x, width)
    combine(room[0], first_y, along_y, room[1], width)


@compiled
def _along_x(wide, out, weights, width):  # type: ignore[no-untyped-def]
    """Blur rows: what reaches beyond the edges comes back to the edge pixels."""
    height, beyond = len(wide), len(weights) // 2
    # Every pixel begins a row of its own: so the blur along x is the sum of rows that the blur along y is.
    shifted, first = wide.reshape(wide.size, 1), np.arange(height) * wide.shape[1]
    combine(shifted, first, _repeat(weights, height), out, width + 2 * beyond)
    if beyond:
        for i in range(height):
            for j in range(beyond):
                out[i, beyond] += out[i, j]
                out[i, beyond + width - 1] += out[i, beyond + width + j]
            for j in range(width):
                out[i, j] = out[i, beyond + j]


@compiled
def _repeat(weights, n):  # type: ignore[no-untyped-def]
    rows = np.empty((n, len(weights)), weights.dtype)
    for i in range(n):
        _copy(weights, rows[i])
    return rows


@compiled
def _widths(wide, v, room, blur, slopes, blur_of_v, sums):  # type: ignore[no-untyped-def]
    """Add what the widths of the blur do to ``w`` on the blurred V^2; ``room[0]`` is ``w``, blurred along x."""
    height, width = v.shape
    combine(room[0], blur.first_y, slopes.along_y, room[2], width)
    for i in range(height):
        for j in range(width):
            room[3, i, j] = v[i, j] * v[i, j]
            sums[WIDTH_Y, j] += room[2, i, j] * room[3, i, j]
    combine(room[3], blur_of_v.first_y, blur_of_v.along_y, room[4], width)
    _along_x(wide, room[2], slopes.along_x, width)
    for i in range(height):
        for j in range(width):
            sums[WIDTH_X, j] += room[2, i, j] * room[4, i, j]


@compiled_inline
def _step(v, before, a, grad_v, drive, by_v, by_a, by_drive, by_leak, c):  # type: ignore[no-untyped-def]
    """Take a row back by one step; ``drive`` is what comes back from the blur, ``by_drive`` goes to A I."""
    for j in range(len(v)):
        g = c.leak + a[j]
        z = g * c.dt
        gone = -expm1(-z)
        fall = gone / g
        fall = fall if g != 0 else c.dt
        slope = (gone - (z - z * gone)) / (z * gone)
        slope = _polynomial(z, c.series) if abs(z) < c.near else slope
        here = by_v[j] + grad_v[j] + c.feed * v[j] * drive[j]
        leak = here * (-before[j] * fall - (v[j] - before[j]) * (slope * c.dt))
        by_drive[j] = here * fall
        by_leak[j] = leak
        by_a[j] = c.keep * by_a[j] + leak
        by_v[j] = here - here * gone


@compiled_inline
def _polynomial(z, series):  # type: ignore[no-untyped-def]
    square = z * z
    return series[0] + z * (series[1] + square * (series[2] + square * (series[3] + square * series[4])))


@compiled_inline
def _tally_adaptation(a, w, v, drive, tallies):  # type: ignore[no-untyped-def]
    for j in range(len(a)):
        tallies[DRIVE, j] += v[j] * v[j] * drive[j]
        tallies[DECAY, j] += a[j] * w[j]


@compiled_inline
def _tally_membrane(x, by_drive, by_leak, tallies):  # type: ignore[no-untyped-def]
    for j in range(len(x)):
        tallies[AMPLIFICATION, j] += by_drive[j] * x[j]
        tallies[LEAK, j] += by_leak[j]


@compiled
def _collect(tallies, sums):  # type: ignore[no-untyped-def]
    """Add the sums of a step, which are short, to those of the movie, in float64."""
    for i in range(len(tallies)):
        for j in range(tallies.shape[1]):
            sums[i, j] += tallies[i, j]
            tallies[i, j] = 0


@compiled_inline
def _add(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] += source[i]


@compiled_inline
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = source[i]


@compiled_inline
def _scale(source, factor, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = factor * source[i]
