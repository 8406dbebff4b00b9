"""The gain control in torch: autograd can follow it in every parameter, and it runs on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from ..gaussian.banded import between, matrix
from ..recursion.rate import rate_of
from ..scalars import Scalar, number
from .parameters import GainControl


def gain_control(
    x: Tensor, state: tuple[Tensor, Tensor], p: GainControl, with_adaptation: bool
) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
    """Compute what ``reference.gain_control`` defines."""
    v, a = state
    amplification, leak, gain = (_like(value, x) for value in (p.input_amplification, p.g_leak, p.gain))
    rate = rate_of(p.tau, p.dt).to(x)
    still = number(p.gain) == 0 and not gain.requires_grad
    along_y, along_x = (matrix(sigma, n).to(x) for sigma, n in zip(p.sigma_px, x.shape[-2:], strict=True))
    vs, adaptations = [], []
    for frame in x.unbind(2):
        g = leak + a
        v = v + (amplification * frame - g * v) * (p.dt * mean_decay(g * p.dt))
        a = a + rate * ((0 if still else between(gain * v * v, along_y, along_x)) - a)
        vs.append(v)
        if with_adaptation:
            adaptations.append(a)
    everything = torch.stack(vs, 2) if vs else x.clone()
    return everything, (torch.stack(adaptations, 2) if adaptations else x.clone()) if with_adaptation else None, (v, a)


def mean_decay(z: Tensor) -> Tensor:
    """Return ``(1 - exp(-z))/z``, and its limit 1 at 0, with the right slope there."""
    small = z.abs() < 1e-2
    series = 1 - z / 2 * (1 - z / 3 * (1 - z / 4 * (1 - z / 5 * (1 - z / 6))))
    safe = torch.where(small, 1, z)
    return torch.where(small, series, -torch.expm1(-safe) / safe)


def _like(value: Scalar, x: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=x.dtype, device=x.device)
