"""The feedback loop compiled: units and tiles of pixels side by side, time within.

The past stands in front of the outputs in one piece of memory, so that a lag is nothing but an offset.
"""

from __future__ import annotations

from numpy import ndarray
from torch import Tensor

from ..compiled import compiled
from ..memory import empty_like
from ..threads import parallel
from ..tiles import tiles, units

#: pixels at a time: as many lags of them as there usually are stay in the second cache
TILE = 1024


def feedback(x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.feedback`` defines."""
    lags, steps = past.shape[2], x.shape[2]
    outputs = empty_like(x.new_empty(1).expand(*x.shape[:2], lags + steps, *x.shape[3:]))
    outputs[:, :, :lags] = past.detach()
    outputs[:, :, lags:] = x.detach()
    memory, taps = units(outputs), taps_of(weight, x.shape[1])
    parallel(lambda tile: _feedback(memory, taps, *tile), tiles(memory, TILE))
    return outputs[:, :, lags:].contiguous(), outputs[:, :, steps:].clone()


def taps_of(weight: Tensor, channels: int) -> ndarray:
    """Return the weights of every channel (channel, lag)."""
    return weight.detach().expand(channels, weight.shape[1]).contiguous().numpy()


@compiled
def _feedback(memory, taps, unit, start, stop):  # type: ignore[no-untyped-def]
    """Turn the movie behind the past into the outputs, in place."""
    weights = taps[unit % taps.shape[0]]
    lags = weights.shape[0]
    for k in range(lags, memory.shape[1]):
        value = memory[unit, k, start:stop]
        for j in range(1, lags + 1):
            before = memory[unit, k - j, start:stop]
            weight = weights[j - 1]
            for p in range(stop - start):
                value[p] -= weight * before[p]
