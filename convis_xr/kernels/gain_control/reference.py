"""The definition of the contrast gain control: a plain loop over time, in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..gaussian.reference import blur
from ..scalars import number
from .parameters import GainControl


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Follow ``dV/dt = A I - g V``, ``g = g0 + G * E_tau * (gain V^2)``, by exponential Euler steps.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        Input I.
    state : tuple of two Tensor (batch, channel, y, x)
        V and the adaptation a [Hz].
    p : GainControl
        Parameters.

    Returns
    -------
    v, a : Tensor, as x
        All V and a.
    state : tuple of two Tensor
        The last of them.
    """
    v, a = (part.double() for part in state)
    amplification, leak, gain = number(p.input_amplification), number(p.g_leak), number(p.gain)
    c = math.exp(-p.dt / number(p.tau)) if number(p.tau) > 0 else 0.0
    vs, adaptations = torch.empty_like(x, dtype=torch.float64), torch.empty_like(x, dtype=torch.float64)
    for k in range(x.shape[2]):
        drive, g = amplification * x[:, :, k].double(), leak + a
        e = torch.exp(-p.dt * g)
        # V e + (A I/g) (1 - e): the same as A I/g + (V - A I/g) e, but it does not cancel when g is small.
        v = v * e + drive * torch.where(g > 0, -torch.expm1(-p.dt * g) / g, p.dt)
        a = c * a + (1 - c) * blur(gain * v**2, p.sigma_px)
        vs[:, :, k], adaptations[:, :, k] = v, a
    return vs.to(x), adaptations.to(x), (v.to(x), a.to(x))
