"""The weighted difference as its definition."""

from __future__ import annotations

from torch import Tensor


def weighted_difference(center: Tensor, surround: Tensor, gain: float, weight: float) -> Tensor:
    """Return ``gain center - gain weight surround``, element by element."""
    out = center.detach().clone()
    flat, a, b = out.view(-1), center.detach().reshape(-1), surround.detach().reshape(-1)
    for i in range(flat.numel()):
        flat[i] = gain * float(a[i]) - gain * weight * float(b[i])
    return out
