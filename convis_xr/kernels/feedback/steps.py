"""The feedback loop in torch: autograd can follow it, and it runs on any device."""

from __future__ import annotations

import torch
from torch import Tensor


def feedback(x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.feedback`` defines."""
    lags = past.shape[2]
    outputs = list(past.unbind(2))
    weights = [column[:, None, None] for column in weight.unbind(1)]
    for value in x.unbind(2):
        for j, column in enumerate(weights, 1):
            value = value - column * outputs[-j]
        outputs.append(value)
    y = torch.stack(outputs[lags:], dim=2) if x.shape[2] else x
    return y, torch.stack(outputs[len(outputs) - lags :], dim=2)
