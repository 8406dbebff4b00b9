"""Receptive fields: one cell per output channel, which sees the whole frame, as matrix products over its pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from .windows import overlapping, windows


def weigh(past: Tensor, weight: Tensor) -> Tensor:
    """Compute what ``reference.receptive_field`` defines."""
    lag, frames = weight.shape[2], past.shape[2]
    steps = frames - lag + 1
    if 4 * steps < lag:
        return _step_by_step(past, weight)
    # Every frame times every lag's weight, the oldest first: output t is the sum of what is at (k, k + t).
    products = torch.einsum("bityx,oilyx->bolt", past, weight.flip(2))
    # In rows that are longer by one, diagonals are columns; a slice for each lag would cost autograd its square.
    return pad(products.flatten(2), (0, lag)).unflatten(2, (lag, frames + 1))[..., :steps].sum(2)


def _step_by_step(past: Tensor, weight: Tensor) -> Tensor:
    """Compute only the products that count: for a chunk much shorter than the memory."""
    lag = weight.shape[2]
    reversed_weight = weight.flip(2).flatten(1)
    seen = windows(past, overlapping(past.shape[2] - lag + 1, 1, lag))
    return torch.stack([window.flatten(1) @ reversed_weight.T for window in seen], dim=2)
