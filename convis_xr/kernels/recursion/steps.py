"""The time recursions in torch: autograd can follow them, and they run on any device."""

from __future__ import annotations

import torch
from torch import Tensor


def cascade(x: Tensor, state: Tensor, rate: Tensor | float) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.cascade`` defines; ``rate`` is ``1 - exp(-dt/tau)``."""
    poles = list(state.unbind(0))
    outputs = []
    # Three plain operations a step, no fused one: fused ones round differently at the end of a vector.
    for value in x.unbind(2):
        for i, pole in enumerate(poles):
            value = poles[i] = pole + rate * (value - pole)
        outputs.append(value)
    y = torch.stack(outputs, dim=2) if outputs else x
    return y, torch.stack(poles)
