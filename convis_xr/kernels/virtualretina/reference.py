"""The definition of the recursions of VirtualRetina's convention: one plain step after the other, in float64."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..deriche import reference as deriche
from ..gain_control.parameters import GainControl
from ..scalars import number
from .ceiling import CEILING

Frame = NDArray[np.float64]

#: Widths along y and x, px.
Width = tuple[float, float]


def blur(frame: Frame, sigma_px: Width) -> Frame:
    """Blur one frame (y, x) by Deriche's kernel."""
    return deriche.blur(torch.from_numpy(frame), sigma_px).numpy()


def leaky_step(y: Frame, x: Frame, tau: float, sigma_px: Width, dt: float) -> Frame:
    """Return ``D_s(c y + (1-c) x)``, with ``s = sigma sqrt(dt/tau)`` given as it is."""
    c = math.exp(-dt / tau)
    return blur(c * y + (1 - c) * x, sigma_px)


def membrane_step(v: Frame, a: Frame, current: Frame, p: GainControl) -> tuple[Frame, Frame]:
    """Move potential and adaptation by one step; each reads what the other held before."""
    amplification, leak, gain, tau = (number(x) for x in (p.input_amplification, p.g_leak, p.gain, p.tau))
    new_v, square = np.empty_like(v), np.empty_like(v)
    for i in np.ndindex(v.shape):
        g = leak + a[i]
        new_v[i] = v[i] * math.exp(-p.dt * g) + amplification * current[i] * (
            -math.expm1(-p.dt * g) / g if g > 0 else p.dt
        )
        q = gain * v[i] ** 2
        square[i] = q / (1 + q / CEILING)
    c = math.exp(-p.dt / tau) if tau > 0 else 0.0
    return new_v, c * a + (1 - c) * blur(square, (number(p.sigma_px[0]), number(p.sigma_px[1])))


def current_of(drive: Frame, threshold: float, baseline: float, slope: float) -> Frame:
    """Return N of every value: linear above the threshold, below 500 kHz in all, and never negative."""
    out = np.empty_like(drive)
    for i in np.ndindex(drive.shape):
        y = slope * (drive[i] - threshold)
        if drive[i] >= threshold:
            out[i] = baseline + y / (1 + y / (CEILING - baseline))
        else:
            out[i] = baseline**2 / (baseline - y) if y != baseline else baseline
    return out


def leaky_low_pass(x: Tensor, state: Tensor, tau: float, sigma_px: Width, dt: float) -> tuple[Tensor, Tensor]:
    """Smooth movies (batch, channel, time, y, x); ``sigma_px`` is the width of one step."""
    y, state = torch.empty_like(x), state.clone()
    for n in np.ndindex(x.shape[:2]):
        for k in range(x.shape[2]):
            held = leaky_step(state[n].numpy(), x[n][k].numpy(), tau, sigma_px, dt)
            y[n][k] = state[n] = torch.from_numpy(held)
    return y, state


def late_gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Follow the membranes of movies (batch, channel, time, y, x)."""
    vs, adaptations = torch.empty_like(x), torch.empty_like(x)
    v, a = (part.clone() for part in state)
    for n in np.ndindex(x.shape[:2]):
        for k in range(x.shape[2]):
            moved = membrane_step(v[n].numpy(), a[n].numpy(), x[n][k].numpy(), p)
            v[n], a[n] = (torch.from_numpy(part) for part in moved)
            vs[n][k], adaptations[n][k] = v[n], a[n]
    return vs, adaptations, (v, a)
