"""The recursions of VirtualRetina's convention in torch: autograd can follow them, and they run on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from ..deriche.matrix import matrices
from ..gain_control.parameters import GainControl
from ..gain_control.steps import mean_decay
from ..gaussian.banded import between
from ..recursion.rate import rate_of
from ..scalars import Scalar
from .ceiling import CEILING


def leaky_low_pass(x: Tensor, state: Tensor, rate: Tensor, sigma_px: tuple[Scalar, Scalar]) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.LowPass`` defines for the leaky form; ``sigma_px`` is the width of one step."""
    along_y, along_x = matrices(x, sigma_px)
    outputs = []
    for frame in x.unbind(2):
        state = between(state + rate * (frame - state), along_y, along_x)
        outputs.append(state)
    return torch.stack(outputs, 2), state


def leaky_rest(frame: Tensor, rate: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Return where the leaky low-pass rests under a frame (batch, channel, y, x) that never changes.

    It is ``sum_m c^m D^(m+1) (1-c) x``; each round of this loop doubles the number of terms.
    """
    along_y, along_x = matrices(frame, sigma_px)
    total, left = between(rate * frame, along_y, along_x), 1 - rate
    while float(left.detach()) > 1e-18:
        total = total + left * between(total, along_y, along_x)
        along_y, along_x, left = along_y @ along_y, along_x @ along_x, left * left
    # A uniform frame is what it rests at, to the bit.
    uniform = frame.amax((-1, -2), keepdim=True) == frame.amin((-1, -2), keepdim=True)
    return torch.where(uniform, frame, total)


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference._membrane`` defines."""
    v, a = state
    amplification, leak, gain = (
        torch.as_tensor(value, dtype=x.dtype, device=x.device) for value in (p.input_amplification, p.g_leak, p.gain)
    )
    rate = rate_of(p.tau, p.dt).to(x)
    along_y, along_x = matrices(x, p.sigma_px)
    vs, adaptations = [], []
    for frame in x.unbind(2):
        g, q = leak + a, gain * v * v
        target = between(q / (1 + q / CEILING), along_y, along_x)
        v, a = v + (amplification * frame - g * v) * (p.dt * mean_decay(g * p.dt)), a + rate * (target - a)
        vs.append(v)
        adaptations.append(a)
    return torch.stack(vs, 2), torch.stack(adaptations, 2) if with_adaptation else None, (v, a)
