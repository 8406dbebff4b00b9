"""The cells that are differential equations in torch: all cells at once, on any device; autograd follows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .cells import MOST, Cell, FitzHughNagumo, HodgkinHuxley, Izhikevich

Values = tuple[Tensor, ...]


def follow(
    current: Tensor, state: Tensor, cell: Cell, h: Tensor | float, parts: int, limits: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute what ``reference.follow`` defines, for a current (batch, channel, time, y, x).

    Returns counts (batch, channel, time, y, x), traces (variable, batch, channel, time, y, x), the state, and for the
    last step that was computed where the sub-step was too long (batch, channel, y, x).
    """
    counts, traces = [], []
    values: Values = tuple(state.unbind(0))
    failed = torch.zeros(values[0].shape, dtype=torch.bool, device=state.device)
    for drive in current.to(torch.float64).unbind(2):
        count = torch.zeros(drive.shape, dtype=torch.int64, device=state.device)
        for _ in range(parts):
            before = values
            values, spike = sub_step(cell, before, drive, h)
            count += spike
            failed |= _failed(cell, before, values, spike, drive, limits)
        counts.append(count)
        traces.append(torch.stack(values))
        if bool(failed.any()) or bool((count > MOST).any()):
            break
    return torch.stack(counts, 2), torch.stack(traces, 3), torch.stack(values), failed


def sub_step(cell: Cell, values: Values, drive: Tensor, h: Tensor | float) -> tuple[Values, Tensor]:
    """Return the state after one sub-step, and where there was a spike in it."""
    new = runge_kutta(lambda *y: SLOPES[type(cell)](cell, drive, *y), values, h)
    if not isinstance(cell, Izhikevich):
        return new, (values[0] < cell.threshold) & (new[0] >= cell.threshold)
    v, u = new
    spike = v >= cell.threshold
    return (torch.where(spike, cell.c, v), torch.where(spike, u + cell.d, u)), spike


def _failed(
    cell: Cell, before: Values, values: Values, spike: Tensor, drive: Tensor, limits: tuple[float, float]
) -> Tensor:
    with torch.no_grad():
        failed = (values[0] < limits[0]) | (values[0] > limits[1])
        failed |= torch.stack(values).isnan().any(0) & ~torch.stack([*before, drive]).isnan().any(0)
        return failed | (spike & (before[0] == cell.c)) if isinstance(cell, Izhikevich) else failed


def runge_kutta(slope: Callable[..., Values], y: Values, h: Tensor | float) -> Values:
    """One step of the classical fourth order."""

    def ahead(k: Values, part: Tensor | float) -> Values:
        return tuple(value + part * change for value, change in zip(y, k, strict=True))

    k1 = slope(*y)
    k2 = slope(*ahead(k1, h / 2))
    k3 = slope(*ahead(k2, h / 2))
    k4 = slope(*ahead(k3, h))
    return tuple(y[j] + h / 6 * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]) for j in range(len(y)))


def _izhikevich(p: Izhikevich, drive: Tensor, v: Tensor, u: Tensor) -> Values:
    return 0.04 * v * v + p.linear * v + p.constant - u + drive, p.a * (p.b * (v - p.v_ref) - p.u_leak * u)


def _fitzhugh_nagumo(p: FitzHughNagumo, drive: Tensor, v: Tensor, w: Tensor) -> Values:
    return v - v * v * v / 3 - w + drive, p.epsilon * (v + p.a - p.b * w)


def _hodgkin_huxley(p: HodgkinHuxley, drive: Tensor, v: Tensor, m: Tensor, h: Tensor, n: Tensor) -> Values:
    sodium, potassium = p.g_na * m * m * m * h * (v - p.e_na), p.g_k * (n * n) * (n * n) * (v - p.e_k)
    slopes = [(drive - sodium - potassium - p.g_leak * (v - p.e_leak)) / p.capacitance]
    for x, (alpha, beta) in zip((m, h, n), rates(v), strict=True):
        slopes.append(p.phi * (alpha * (1 - x) - beta * x))
    return tuple(slopes)


SLOPES: dict[type, Callable[..., Values]] = {
    Izhikevich: _izhikevich,
    FitzHughNagumo: _fitzhugh_nagumo,
    HodgkinHuxley: _hodgkin_huxley,
}


def rates(v: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Alpha and beta of the gates m, h, n, in 1/ms; see ``reference.rates``."""
    return [
        (linoid((v + 40) / 10), 4 * (-(v + 65) / 18).exp()),
        (0.07 * (-(v + 65) / 20).exp(), 1 / (1 + (-(v + 35) / 10).exp())),
        (0.1 * linoid((v + 55) / 10), 0.125 * (-(v + 65) / 80).exp()),
    ]


def linoid(x: Tensor) -> Tensor:
    """``x / (1 - exp(-x))``; by its series near 0, where both parts of the fraction, and of its derivative, vanish."""
    near = x.abs() < 1e-3
    away = torch.where(near, 1.0, x)
    square = x * x
    return torch.where(near, 1 + x / 2 + square / 12 - square * square / 720, away / -torch.expm1(-away))
