"""The adjoint of the gain control as compiled loops: one movie after the other, backward in time.

With ``z = g dt``, ``f = (1-exp(-z))/g`` and ``d = -f'(g)/f``, a step is ``V[k] = V[k-1] + (A I[k] - g V[k-1]) f``,
``a[k] = (1-rate) a[k-1] + rate B (gain V[k]^2)``. So if v, w are the derivatives of a loss by V[k] and a[k], the step
before gets ``v exp(-z)`` and ``(1-rate) w + v s``, where ``s = -V[k-1] f - (V[k] - V[k-1]) d`` is V[k]'s slope in g:
neither needs the input. Before that, v gets ``2 gain rate V[k] B' w``. The blur transposed, B', is another one at the
edges, since an edge pixel is seen for all that lie beyond it.
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


class Run(NamedTuple):
    """What is known of a movie: I, all V and a, and those before the first step."""

    x: Any
    vs: Any
    adaptations: Any
    v: Any
    a: Any


class Blur(NamedTuple):
    """A blur, by its weights for every row, along x and along y (y, taps), and where the latter begin (y,).

    ``beyond`` (radius,) is how much of the first pixels of a row reaches beyond its edge, and comes back to the edge.
    """

    along_x: Any
    along_y: Any
    first_y: Any
    beyond: Any


class Kept(NamedTuple):
    """What is kept of steps for the gradients of the widths, or else of one at a time: ``w``, and it blurred along x.

    (time, y, x) with margins of 0 as wide as the blur reaches, and (time, y, x) of whole vectors.
    """

    wide: Any
    along_x: Any


def kept(steps: int, height: int, width: int, beyond: int, dtype: Any) -> Kept:
    """Return room for so many steps; an odd number of vectors in a row keeps rows apart in the cache."""
    lanes = VECTOR_BYTES // dtype.itemsize
    pitch = (-(-width // lanes) | 1) * lanes
    return Kept(np.zeros((steps, height, pitch + 2 * beyond), dtype), np.zeros((steps, height, pitch), dtype))


#: Places in the sums: of ``f v I``, ``v s``, ``V^2 B'w``, ``a w``.
AMPLIFICATION, LEAK, DRIVE, DECAY = range(4)

#: Places in those of `widths`: of ``w`` on the blurred V^2 by the two widths.
WIDTH_Y, WIDTH_X = range(2)

_BLOCK = 512


@compiled
def back(run, grad_vs, grad_as, grad_x, by_v, by_a, kept, blur, c, wanted):  # type: ignore[no-untyped-def]
    """Go back through a movie: turn ``by_v``, ``by_a`` (pixel,), the gradients of the last V and a, into the first's.

    ``grad_vs`` and ``grad_as`` (time, y, x) are the gradients of the outputs, the latter empty where there is none;
    ``grad_x`` is written where it is wanted, and so is ``kept``. ``blur`` is the transposed one. Returns the sums over
    time, which are to be added up.
    """
    height, width = run.v.shape
    beyond, blurred = len(blur.beyond), np.zeros_like(kept.along_x[0])
    drive, rows = np.zeros(by_v.size, by_v.dtype), np.zeros((2, _BLOCK), by_v.dtype)
    tallies, sums = np.zeros((4, _BLOCK), by_v.dtype), np.zeros((4, _BLOCK))
    for k in range(len(grad_vs) - 1, -1, -1):
        if len(grad_as):
            _add(grad_as[k].reshape(by_a.size), by_a)
        if wanted.blur:
            here = min(k, len(kept.wide) - 1)
            wide, along_x = kept.wide[here], kept.along_x[here]
            for i in range(height):
                _copy(by_a[i * width : (i + 1) * width], wide[i, beyond : beyond + width])
            _along_x(wide, along_x, blur, width)
            combine(along_x, blur.first_y, blur.along_y, blurred, width)
            for i in range(height):
                _copy(blurred[i, :width], drive[i * width : (i + 1) * width])
        _frame(k, run, grad_vs[k].reshape(by_v.size), drive, by_v, by_a, grad_x, rows, tallies, c, wanted)
        if wanted.parameters:
            _collect(tallies, sums)
    return sums


@compiled
def _frame(k, run, grad_v, drive, by_v, by_a, grad_x, rows, tallies, c, wanted):  # type: ignore[no-untyped-def]
    """Take all pixels back by one step; those that are taken together are all in the nearest cache."""
    n = by_v.size
    v = run.vs[k].reshape(n)
    last, a = (run.vs[k - 1], run.adaptations[k - 1]) if k else (run.v, run.a)
    last, a = last.reshape(n), a.reshape(n)
    for start in range(0, n, _BLOCK):
        here = slice(start, min(start + _BLOCK, n))
        by_drive, by_leak = rows[0, : here.stop - start], rows[1, : here.stop - start]
        if wanted.parameters:
            _add_product(a[here], by_a[here], tallies[DECAY])
            _tally_drive(v[here], drive[here], tallies[DRIVE])
        _step(v[here], last[here], a[here], grad_v[here], drive[here], by_v[here], by_a[here], by_drive, by_leak, c)
        if wanted.x:
            _scale(by_drive, c.amplification, grad_x[k].reshape(n)[here])
        if wanted.parameters:
            _add_product(run.x[k].reshape(n)[here], by_drive, tallies[AMPLIFICATION])
            _add(by_leak, tallies[LEAK])


@compiled
def _along_x(wide, out, blur, width):  # type: ignore[no-untyped-def]
    """Blur rows that have margins of 0, as wide as the blur reaches."""
    radius, edges = len(blur.beyond), np.zeros((len(wide), 2), wide.dtype)
    # Every pixel begins a row of its own: so the blur along x is the sum of rows that the blur along y is.
    combine(wide.reshape(wide.size, 1), np.arange(len(wide)) * wide.shape[1], blur.along_x, out, width)
    for j in range(min(radius, width)):
        for i in range(len(wide)):  # inside, since the sums of different rows do not wait for each other
            edges[i, 0] += blur.beyond[j] * wide[i, radius + j]
            edges[i, 1] += blur.beyond[j] * wide[i, radius + width - 1 - j]
    for i in range(len(wide)):
        out[i, 0] += edges[i, 0]
        out[i, width - 1] += edges[i, 1]


@compiled
def widths(vs, kept, slopes, blur_of_v):  # type: ignore[no-untyped-def]
    """Return the sums over time of what the widths of the blur do to ``w`` on the blurred V^2, to be added up.

    ``slopes`` are the derivatives of the transposed blur, ``blur_of_v`` is the one of the movie along y.
    """
    height, width = vs.shape[1:]
    room = np.zeros((3, *kept.along_x.shape[1:]), vs.dtype)
    square, made, other = room[0], room[1], room[2]
    tallies, sums = np.zeros((2, width), vs.dtype), np.zeros((2, width))
    for k in range(len(vs)):
        for i in range(height):
            for j in range(width):
                square[i, j] = vs[k, i, j] * vs[k, i, j]
        combine(kept.along_x[k], slopes.first_y, slopes.along_y, made, width)
        for i in range(height):
            _add_product(made[i, :width], square[i, :width], tallies[WIDTH_Y])
        combine(square, blur_of_v.first_y, blur_of_v.along_y, other, width)
        _along_x(kept.wide[k], made, slopes, width)
        for i in range(height):
            _add_product(made[i, :width], other[i, :width], tallies[WIDTH_X])
        _collect(tallies, sums)
    return sums


@compiled_inline
def _add_product(one, other, total):  # type: ignore[no-untyped-def]
    for j in range(len(one)):
        total[j] += one[j] * other[j]


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
def _tally_drive(v, drive, total):  # type: ignore[no-untyped-def]
    for j in range(len(v)):
        total[j] += v[j] * v[j] * drive[j]


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
