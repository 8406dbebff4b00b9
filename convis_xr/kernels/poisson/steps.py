"""Poisson counts in torch, on any device: all cells of a step at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..philox import steps as philox
from .streams import COARSE, FINE, MOST, NEVER, Source, overflow


def poisson(rate: Tensor, cells: Tensor, dt: float, source: Source, bernoulli: bool) -> Tensor:
    """Compute what ``reference.poisson`` defines, for a rate (batch, channel, time, y, x)."""
    counts = torch.empty(rate.shape, dtype=torch.uint8, device=rate.device)
    for k, now in enumerate(rate.unbind(2)):
        key, first, repeat = source
        coarse, fine = (
            philox.uniform(cells, key=key, step=first + k, stream=stream, repeat=repeat, dtype=torch.float64)
            for stream in (COARSE, FINE)
        )
        u = (coarse - 2.0**-24) + fine * 2.0**-23
        count = inverse(u, now.double() * dt, 1 if bernoulli else MOST + 1)
        if int(count.max()) > MOST:
            where = tuple(int(n) for n in torch.unravel_index(count.argmax(), cells.shape))
            raise overflow(where, source.step + k, float(now[where]), dt)
        counts[:, :, k] = count.to(torch.uint8)
    return counts


def inverse(u: Tensor, mean: Tensor, most: int) -> Tensor:
    """See ``reference.inverse``."""
    count = torch.zeros(u.shape, dtype=torch.int64, device=u.device)
    probability = (-mean).exp()
    below = probability.clone()
    for k in range(1, most + 1):
        above = (u >= below) & ~((k - 1 > mean) & (probability < NEVER))
        if not bool(above.any()):
            break
        count += above
        probability = probability * (mean / k)
        below = torch.where(above, below + probability, below)
    return count
