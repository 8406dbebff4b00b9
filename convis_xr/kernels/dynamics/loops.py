"""The cells that are differential equations as compiled loops, float64: runs of cells, that stay in the nearest cache.

Threads share out the runs. Only plain arithmetic and scalar library calls: a cell has the same bits in every run.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..threads import parallel, split
from .cells import MOST, Cell, FitzHughNagumo, Izhikevich

#: Cells that are taken through time together.
RUN = 256


def follow(
    current: Tensor, state: Tensor, cell: Cell, h: float, parts: int, limits: tuple[float, float], kept: list[int]
) -> tuple[Tensor, Tensor, Tensor, list[tuple[int, int, int, bool]]]:
    """Compute what ``reference.follow`` defines, for a current (batch, channel, time, y, x).

    Traces (variable, batch, channel, time, y, x) are those of the variables whose numbers are ``kept``, in the dtype of
    the current. Last comes, for every run of cells that had to stop, (movie, step, pixel) of the first at fault, and
    whether it only fires too often.
    """
    drive = current.contiguous().flatten(3).flatten(0, 1).numpy()
    units, steps, pixels = drive.shape
    new = state.to(torch.float64).clone(memory_format=torch.contiguous_format)
    values = new.flatten(3).flatten(1, 2).numpy()
    counts = np.empty((units, steps, pixels), np.uint8)
    traces = np.empty((len(kept), units, steps, pixels), drive.dtype)
    which = np.array(kept, np.int64)

    def run(piece: tuple[int, int, int]) -> tuple[int, int, int, bool]:
        unit, start, stop = piece
        here = (unit, slice(None), slice(start, stop))
        part = values[:, unit, start:stop]
        k, i, often = _run(drive[here], counts[here], part, traces[:, *here], which, cell, h, parts, limits)
        return unit, k, start + i, often

    runs = [(unit, *piece) for unit in range(units) for piece in split(pixels, -(-pixels // RUN))]
    stops = [stop for stop in parallel(run, runs) if stop[1] >= 0]
    kept_traces = torch.from_numpy(traces).view(len(kept), *current.shape)
    return torch.from_numpy(counts).view(current.shape), kept_traces, new, stops


@compiled
def _run(current, counts, state, traces, which, cell, h, parts, limits):  # type: ignore[no-untyped-def]
    """Take some cells through time; return where it had to stop, or -1, and whether by too many spikes."""
    steps, cells = current.shape
    drive, own = np.empty(cells), state.copy()
    fired, failed = np.zeros(cells, np.int32), np.zeros(cells, np.uint8)
    for k in range(steps):
        for i in range(cells):
            drive[i] = current[k, i]
            fired[i] = 0
        for _ in range(parts):
            advance(cell, own, drive, fired, failed, h, limits[0], limits[1])
        for i in range(cells):
            if failed[i] or fired[i] > MOST:
                return k, i, not failed[i]
            counts[k, i] = fired[i]
            for j in range(len(which)):
                traces[j, k, i] = own[which[j], i]
    state[:] = own
    return -1, 0, False


def advance(cell, state, drive, fired, failed, h, low, high):  # type: ignore[no-untyped-def]
    """Take cells through one sub-step. Only compiled code can call it."""
    raise NotImplementedError("advance is compiled code's; see reference.sub_step")


@overload(advance)
def _advance(cell, state, drive, fired, failed, h, low, high):  # type: ignore[no-untyped-def]
    kind = cell.instance_class
    if kind is Izhikevich:
        return lambda cell, state, drive, fired, failed, h, low, high: _izhikevich(
            cell, state[0], state[1], drive, fired, failed, h, low
        )
    if kind is FitzHughNagumo:
        return lambda cell, state, drive, fired, failed, h, low, high: _fitzhugh_nagumo(
            cell, state[0], state[1], drive, fired, failed, h, low, high
        )
    return lambda cell, state, drive, fired, failed, h, low, high: _hodgkin_huxley(
        cell, state[0], state[1], state[2], state[3], drive, fired, failed, h, low, high
    )


@compiled_inline
def _lost(value, other, v, w, drive):  # type: ignore[no-untyped-def]
    """Say whether numbers became none, although all that they were made of are numbers."""
    return ((value != value) | (other != other)) & (v == v) & (w == w) & (drive == drive)


@compiled_inline
def _sum(y, h, k1, k2, k3, k4):  # type: ignore[no-untyped-def]
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@compiled_inline
def _izhikevich_slope(p, drive, v, u):  # type: ignore[no-untyped-def]
    return 0.04 * v * v + p.linear * v + p.constant - u + drive, p.a * (p.b * (v - p.v_ref) - p.u_leak * u)


@compiled
def _izhikevich(p, vs, us, drive, fired, failed, h, low):  # type: ignore[no-untyped-def]
    for i in range(len(drive)):
        v, u, x = vs[i], us[i], drive[i]
        v1, u1 = _izhikevich_slope(p, x, v, u)
        v2, u2 = _izhikevich_slope(p, x, v + h / 2 * v1, u + h / 2 * u1)
        v3, u3 = _izhikevich_slope(p, x, v + h / 2 * v2, u + h / 2 * u2)
        v4, u4 = _izhikevich_slope(p, x, v + h * v3, u + h * u3)
        new, own = _sum(v, h, v1, v2, v3, v4), _sum(u, h, u1, u2, u3, u4)
        spike = new >= p.threshold
        end, rest = (p.c if spike else new), (own + p.d if spike else own)
        failed[i] |= np.uint8((end < low) | (spike & (v == p.c)) | _lost(end, rest, v, u, x))
        fired[i] += np.int32(spike)
        vs[i], us[i] = end, rest


@compiled_inline
def _fitzhugh_nagumo_slope(p, drive, v, w):  # type: ignore[no-untyped-def]
    return v - v * v * v / 3 - w + drive, p.epsilon * (v + p.a - p.b * w)


@compiled
def _fitzhugh_nagumo(p, vs, ws, drive, fired, failed, h, low, high):  # type: ignore[no-untyped-def]
    for i in range(len(drive)):
        v, w, x = vs[i], ws[i], drive[i]
        v1, w1 = _fitzhugh_nagumo_slope(p, x, v, w)
        v2, w2 = _fitzhugh_nagumo_slope(p, x, v + h / 2 * v1, w + h / 2 * w1)
        v3, w3 = _fitzhugh_nagumo_slope(p, x, v + h / 2 * v2, w + h / 2 * w2)
        v4, w4 = _fitzhugh_nagumo_slope(p, x, v + h * v3, w + h * w3)
        end, rest = _sum(v, h, v1, v2, v3, v4), _sum(w, h, w1, w2, w3, w4)
        failed[i] |= np.uint8((end < low) | (end > high) | _lost(end, rest, v, w, x))
        fired[i] += np.int32((v < p.threshold) & (end >= p.threshold))
        vs[i], ws[i] = end, rest


@compiled_inline
def _linoid(x):  # type: ignore[no-untyped-def]
    return x / -math.expm1(-x) if x != 0.0 else 1.0


@compiled
def _hodgkin_huxley_slope(p, drive, v, m, h, n):  # type: ignore[no-untyped-def]
    sodium, potassium = p.g_na * m * m * m * h * (v - p.e_na), p.g_k * (n * n) * (n * n) * (v - p.e_k)
    rise = (drive - sodium - potassium - p.g_leak * (v - p.e_leak)) / p.capacitance
    opening = _linoid((v + 40) / 10) * (1 - m) - 4 * math.exp(-(v + 65) / 18) * m
    recovery = 0.07 * math.exp(-(v + 65) / 20) * (1 - h) - h / (1 + math.exp(-(v + 35) / 10))
    delayed = 0.1 * _linoid((v + 55) / 10) * (1 - n) - 0.125 * math.exp(-(v + 65) / 80) * n
    return rise, p.phi * opening, p.phi * recovery, p.phi * delayed


@compiled
def _hodgkin_huxley(p, vs, ms, hs, ns, drive, fired, failed, dt, low, high):  # type: ignore[no-untyped-def]
    half = dt / 2
    for i in range(len(drive)):
        v, m, h, n, x = vs[i], ms[i], hs[i], ns[i], drive[i]
        v1, m1, h1, n1 = _hodgkin_huxley_slope(p, x, v, m, h, n)
        v2, m2, h2, n2 = _hodgkin_huxley_slope(p, x, v + half * v1, m + half * m1, h + half * h1, n + half * n1)
        v3, m3, h3, n3 = _hodgkin_huxley_slope(p, x, v + half * v2, m + half * m2, h + half * h2, n + half * n2)
        v4, m4, h4, n4 = _hodgkin_huxley_slope(p, x, v + dt * v3, m + dt * m3, h + dt * h3, n + dt * n3)
        end = _sum(v, dt, v1, v2, v3, v4)
        ms[i], hs[i] = _sum(m, dt, m1, m2, m3, m4), _sum(h, dt, h1, h2, h3, h4)
        ns[i] = _sum(n, dt, n1, n2, n3, n4)
        gates, before = ms[i] + hs[i] + ns[i], m + h + n
        failed[i] |= np.uint8((end < low) | (end > high) | _lost(end, gates, v, before, x))
        fired[i] += np.int32((v < p.threshold) & (end >= p.threshold))
        vs[i] = end
