"""Receptive fields: one cell per output channel, which sees the whole frame, as matrix products over its pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def weigh(past: Tensor, weight: Tensor) -> Tensor:
    """Compute what ``reference.receptive_field`` defines."""
    lag = weight.shape[2]
    steps = past.shape[2] - lag + 1
    if 4 * steps < lag:
        return _step_by_step(past, weight)
    # Every frame times every lag's weight, then the sum along each diagonal: frame lag - 1 - l + t belongs to output t.
    products = torch.einsum("bityx,oilyx->bolt", past, weight)
    return sum((products[:, :, k, lag - 1 - k : lag - 1 - k + steps] for k in range(lag)), start=past.new_zeros(()))


def _step_by_step(past: Tensor, weight: Tensor) -> Tensor:
    """Compute only the products that count: for a chunk much shorter than the memory."""
    lag = weight.shape[2]
    reversed_weight = weight.flip(2).flatten(1)
    windows = [past[:, :, t : t + lag].flatten(1) for t in range(past.shape[2] - lag + 1)]
    return torch.stack([window @ reversed_weight.T for window in windows], dim=2)
