"""What VirtualRetina's convention does to whole movies, as compiled loops: recursions that couple pixels, and currents.

Time runs outside, a whole frame inside; what a step needs stays in the cache. Threads share out the movies.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..deriche.loops import room, smooth, width_of
from ..gain_control.parameters import GainControl
from ..memory import copied, empty_like
from ..nonlinearity.loops import Nonlinearity, current_of
from ..recursion.rate import rate_of
from ..scalars import number
from ..threads import parallel, split
from .ceiling import CEILING


class _Constants(NamedTuple):
    amplification: float
    leak: float
    gain: float
    rate: float
    dt: float


def leaky_low_pass(x: Tensor, state: Tensor, rate: float, sigma_px: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.LowPass`` defines for the leaky form; ``sigma_px`` is the width of one step."""
    x, y = x.detach().contiguous(), empty_like(x)
    new = copied(state)
    movies, outs, states = (t.flatten(0, 1).numpy() for t in (x, y, new))
    widths = [width_of(sigma) for sigma in sigma_px]
    parallel(lambda unit: _low_pass(movies[unit], states[unit], outs[unit], rate, *widths), range(len(movies)))
    return y, new


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference._membrane`` defines."""
    x = x.detach().contiguous()
    new_v, new_a = (copied(part) for part in state)
    out, adaptation = empty_like(x), empty_like(x if with_adaptation else x[:, :, :0])
    movies, vs, adaptations = (t.flatten(0, 1).numpy() for t in (x, out, adaptation))
    v, a = (t.flatten(0, 1).numpy() for t in (new_v, new_a))
    scalars = (p.input_amplification, p.g_leak, p.gain, rate_of(p.tau, p.dt), p.dt)
    constants = _Constants(*(number(value) for value in scalars))
    widths = [width_of(number(sigma)) for sigma in p.sigma_px]
    parallel(
        lambda unit: _gain_control(movies[unit], v[unit], a[unit], vs[unit], adaptations[unit], *widths, constants),
        range(len(movies)),
    )
    return out, adaptation if with_adaptation else None, (new_v, new_a)


def ceiled_current(v: Tensor, threshold: float, baseline: float, slope: float) -> Tensor:
    """Compute what ``reference.current_of`` defines."""
    v = v.detach().contiguous()
    out = empty_like(v)
    values, currents = v.numpy().reshape(-1), out.numpy().reshape(-1)
    n = Nonlinearity.of(values.dtype, threshold, baseline, slope)
    parallel(lambda piece: _current(values, currents, n, *piece), split(values.size, torch.get_num_threads()))
    return out


@compiled
def _current(v, out, n, start, stop):  # type: ignore[no-untyped-def]
    room_above = CEILING - n.baseline
    for i in range(start, stop):
        rise = n.slope * (v[i] - n.threshold)
        out[i] = n.baseline + rise / (1.0 + rise / room_above) if v[i] >= n.threshold else current_of(v[i], n)


@compiled
def _low_pass(x, y, out, rate, along_y, along_x):  # type: ignore[no-untyped-def]
    height, width = y.shape
    scratch, mixed = room(height, width), np.empty((height, width))
    for k in range(len(x)):
        for i in range(height):
            for j in range(width):
                mixed[i, j] = y[i, j] + rate * (x[k, i, j] - y[i, j])
        smooth(mixed, y, along_y, along_x, scratch)
        for i in range(height):
            for j in range(width):
                out[k, i, j] = y[i, j]


@compiled
def _gain_control(x, v, a, vs, adaptations, along_y, along_x, c):  # type: ignore[no-untyped-def]
    height, width = v.shape
    scratch, square, blurred = room(height, width), np.empty((height, width)), np.zeros((height, width))
    for k in range(len(x)):
        for i in range(height):
            for j in range(width):
                old, g = v[i, j], c.leak + a[i, j]
                q = c.gain * old * old
                square[i, j] = q / (1.0 + q / CEILING)
                fall = -math.expm1(-g * c.dt) / g if g != 0.0 else c.dt
                v[i, j] = old + (c.amplification * x[k, i, j] - g * old) * fall
                vs[k, i, j] = v[i, j]
        if c.gain > 0.0:
            smooth(square, blurred, along_y, along_x, scratch)
        for i in range(height):
            for j in range(width):
                a[i, j] += c.rate * (blurred[i, j] - a[i, j])
        if len(adaptations):
            for i in range(height):
                for j in range(width):
                    adaptations[k, i, j] = a[i, j]
