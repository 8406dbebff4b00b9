"""The draws in torch, on any device: 32-bit words are held in int64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .counters import MASK, Key, block_of, lane_of, words_of
from .reference import INCREMENTS, MULTIPLIERS, ROUNDS


def philox4x32(counter: Tensor, key: Key) -> Tensor:
    """See `reference.philox4x32`. A product that overflows int64 wraps, and its bits are still right."""
    c0, c1, c2, c3 = counter.unbind(-1)
    for i in range(ROUNDS):
        k0, k1 = ((word + i * step) & MASK for word, step in zip(key, INCREMENTS, strict=True))
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32 & MASK) ^ c1 ^ k0, p1 & MASK, (p0 >> 32 & MASK) ^ c3 ^ k1, p0 & MASK
    return torch.stack([c0, c1, c2, c3], dim=-1)


def uniform(
    cells: Tensor, *, key: Key, step: int, stream: int, span: int = 0, repeat: int = 0, dtype: torch.dtype
) -> Tensor:
    """See `reference.uniform`."""
    lanes, words = _words(cells, key, step, stream, span, repeat)
    own = words.gather(-1, lanes[..., None])[..., 0]
    return ((own >> 9).to(dtype) + 0.5) * 2.0**-23


def normal(
    cells: Tensor, *, key: Key, step: int, stream: int, span: int = 0, repeat: int = 0, dtype: torch.dtype
) -> Tensor:
    """See `reference.normal`."""
    lanes, words = _words(cells, key, step, stream, span, repeat)
    pair = (lanes // 2 * 2)[..., None]
    first, second = words.gather(-1, pair)[..., 0], words.gather(-1, pair + 1)[..., 0]
    u = ((first.to(torch.float32) + 0.5) * 2.0**-32).to(dtype)
    radius = (-2.0 * u.log()).sqrt()
    place = second >> 6 & 0xFFFFFF
    place = torch.where(place >= 2**23, place - 2**24, place)
    angle = place.to(dtype) * (math.pi * 2.0**-25)
    # The quadrant turns (cos, sin) by whole right angles, which loses no digit; the odd lane is the sine.
    turn = ((second >> 30) - lanes % 2) % 4
    part = torch.where(turn % 2 == 0, angle.cos(), angle.sin())
    return radius * torch.where((turn == 1) | (turn == 2), -part, part)


def _words(cells: Tensor, key: Key, step: int, stream: int, span: int, repeat: int) -> tuple[Tensor, Tensor]:
    """Return each cell's lane, and the four words of its block."""
    block = block_of(cells)
    rest = [torch.full_like(block, word) for word in words_of(step, stream, span, repeat)]
    return lane_of(cells), philox4x32(torch.stack([block, *rest], dim=-1), key)
