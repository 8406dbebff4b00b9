"""The way back through spikes as a compiled loop: threads share out the cells of each movie."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..memory import empty_like
from ..threads import parallel, split
from .membrane import Membrane, span_of

#: Cells that go back together: their gradients stay in the nearest cache.
_TILE = 4096


class Constants(NamedTuple):
    """The whole step, and the steepness, in the dtype of the current."""

    decay: Any
    gain: Any
    beta: Any
    one: Any


def back(
    by_counts: Tensor, by_v: Tensor, counts: Tensor, reached: Tensor, gains: Tensor, membrane: Membrane, beta: float
) -> tuple[Tensor, Tensor]:
    """Compute what ``surrogate.back_in_torch`` does."""
    by_current, by_v = empty_like(counts), by_v.clone(memory_format=torch.contiguous_format)
    movies = [
        part.contiguous().flatten(3).flatten(0, 1).numpy() for part in (by_counts, counts, reached, gains, by_current)
    ]
    membranes = by_v.flatten(2).flatten(0, 1).numpy()
    whole = span_of(membrane, membrane.dt)
    c = Constants(*map(movies[0].dtype.type, (whole.decay, whole.gain, beta, 1)))
    units, pixels = membranes.shape
    parts = max(torch.get_num_threads(), -(-pixels // _TILE))
    pieces = [(unit, *piece) for unit in range(units) for piece in split(pixels, parts)]
    parallel(lambda piece: _back(*(movie[piece[0]] for movie in movies), membranes[piece[0]], *piece[1:], c), pieces)
    return by_current, by_v


@compiled
def _back(by_counts, counts, reached, gains, by_current, by_v, start, stop, c):  # type: ignore[no-untyped-def]
    here = slice(start, stop)
    for k in range(len(counts) - 1, -1, -1):
        _step(by_counts[k, here], counts[k, here], reached[k, here], gains[k, here], by_current[k, here], by_v[here], c)


@compiled_inline
def _step(by_count, count, reached, gains, by_current, by_v, c):  # type: ignore[no-untyped-def]
    zero = c.one - c.one
    for i in range(len(by_v)):
        gain = gains[i]
        off = c.one + c.beta * abs(reached[i] - c.one)
        by_u = by_count[i] / (off * off) + (by_v[i] if count[i] == zero else zero)
        by_u = by_u if gain > zero else zero
        by_current[i] = by_u * gain
        by_v[i] = by_u * c.decay if gain == c.gain else zero
