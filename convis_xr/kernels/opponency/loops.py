"""The weighted difference as a compiled loop: one pass over memory, on threads of our own."""

from __future__ import annotations

import torch
from torch import Tensor

from ..compiled import compiled
from ..memory import empty_like
from ..threads import parallel, split


def weighted_difference(center: Tensor, surround: Tensor, gain: float, weight: float) -> Tensor:
    """Compute what ``reference.weighted_difference`` defines."""
    center, surround = center.detach().contiguous(), surround.detach().contiguous()
    out = empty_like(center)
    a, b, y = (tensor.numpy().reshape(-1) for tensor in (center, surround, out))
    factors = a.dtype.type(gain), a.dtype.type(gain * weight)
    pieces = [slice(*piece) for piece in split(a.size, torch.get_num_threads())]
    parallel(lambda piece: _fill(a[piece], b[piece], y[piece], *factors), pieces)
    return out


@compiled
def _fill(a, b, y, gain, weight):  # type: ignore[no-untyped-def]
    for i in range(len(y)):  # from 0: an index that might be negative keeps the loop from being vectorised
        y[i] = gain * a[i] - weight * b[i]
