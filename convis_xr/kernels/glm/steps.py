"""Spikes with a memory in torch, on any device: all cells of a step at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..philox import steps as philox
from ..poisson.steps import inverse
from ..poisson.streams import COARSE, FINE, MOST, Source
from .reference import LARGEST, runaway


def glm(drive: Tensor, past: Tensor, weight: Tensor, cells: Tensor, dt: float, source: Source) -> Tensor:
    """Compute what ``reference.glm`` defines."""
    lags = past.shape[1]
    counts = torch.empty(drive.shape, dtype=torch.uint8, device=drive.device)
    known, weights = past.double(), weight.double().flip(2)
    for k in range(drive.shape[1]):
        coarse, fine = (
            philox.uniform(
                cells, key=source.key, step=source.step + k, stream=stream, repeat=source.repeat, dtype=torch.float64
            )
            for stream in (COARSE, FINE)
        )
        u = ((coarse - 2.0**-24) + fine * 2.0**-23).expand(drive.shape[0], -1)
        log_rate = drive[:, k].double() + torch.einsum("bls,csl->bc", known, weights)
        drawn = inverse(u, log_rate.clamp(max=LARGEST).exp() * dt, MOST + 1)
        if int(drawn.max()) > MOST:
            batch, cell = (int(n) for n in torch.unravel_index(drawn.argmax(), drawn.shape))
            raise runaway(batch, cell, source.step + k)
        counts[:, k] = drawn.to(torch.uint8)
        known = torch.cat([known, drawn[:, None].double()], 1)[:, 1:] if lags else known
    return counts


def filtered_counts(counts: Tensor, past: Tensor, basis: Tensor) -> Tensor:
    """Compute what ``reference.filtered_counts`` defines."""
    batch, steps, cells = counts.shape
    known = torch.cat([past, counts], 1).double().transpose(1, 2).reshape(batch * cells, 1, -1)
    # the last count of all is seen by nothing yet
    made = torch.nn.functional.conv1d(known[..., :-1], basis.double().flip(1)[:, None])
    return made.reshape(batch, cells, len(basis), steps).permute(0, 3, 1, 2)
