"""What a draw is a function of: how cell, step, repeat, stream and span become Philox's counter, and the seed its key.

Philox4x32 turns a counter of four 32-bit words and a key of two into four random words. The key is a hash of the seed
and of the layer's path. The counter is, low word first::

    word 0   block of the cell
    word 1   step, lower 32 bits
    word 2   step, upper 16 bits | span << 16 (12 bits) | stream << 28 (4 bits)
    word 3   repeat

``step`` is the absolute time step, ``cell`` the index of the cell in the full frame (batch, channel, y, x flattened),
``stream`` keeps apart the draws that a layer makes for different ends, and ``span`` counts the pieces into which spikes
cut a step. One call serves four cells, 64 apart, so that compiled loops fill whole vectors and still nothing but
absolute indices matters: a tile of 256 cells shares 64 blocks, and the cell's lane says which of the words is its own.
The arithmetic is plain, so that it serves Python ints, numpy arrays and tensors.
"""

from __future__ import annotations

import hashlib
from typing import Any

Key = tuple[int, int]

#: Cells whose draws come from one run of blocks, and the number of these blocks.
TILE = 256
BLOCKS = TILE // 4

MASK = 0xFFFFFFFF
STEPS, SPANS, STREAMS, REPEATS, CELLS = 1 << 48, 1 << 12, 1 << 4, 1 << 32, 1 << 34


def key_of(seed: int, path: str) -> Key:
    """Make the key of all draws of one layer.

    Parameters
    ----------
    seed : int
        Any integer, however large.
    path : str
        The layer's path in its model. Layers with different paths draw independently under one seed.

    Returns
    -------
    tuple of two int
        32-bit words: the 8-byte BLAKE2b hash of both.

    Raises
    ------
    ValueError
        If the seed is not a whole number: 1.5 would draw what 1 draws.

    Examples
    --------
    >>> key_of(0, "parvo_on.spikes") == key_of(0, "parvo_off.spikes")
    False
    """
    if not hasattr(seed, "__index__"):
        raise ValueError(f"seed: wanted a whole number, got {seed!r}")
    digest = hashlib.blake2b(f"{int(seed)}\0{path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def block_of(cell: Any) -> Any:
    """Index of the Philox call that serves a cell."""
    return (cell // TILE) * BLOCKS + cell % BLOCKS


def lane_of(cell: Any) -> Any:
    """Which of the call's four words is the cell's own."""
    return cell // BLOCKS % 4


def words_of(step: int, stream: int, span: int = 0, repeat: int = 0) -> tuple[int, int, int]:
    """Words 1, 2 and 3 of the counter.

    Parameters
    ----------
    step, stream, span, repeat : int
        As in the head of this module.

    Returns
    -------
    tuple of three int
        32-bit words.

    Raises
    ------
    ValueError
        If one of them does not fit: two different draws would be the same.
    """
    limits = {"step": (step, STEPS), "stream": (stream, STREAMS), "span": (span, SPANS), "repeat": (repeat, REPEATS)}
    for name, (value, limit) in limits.items():
        if not 0 <= value < limit:
            raise ValueError(f"{name}: wanted an integer from 0 to {limit - 1}, got {value}")
    return step & MASK, step >> 32 | span << 16 | stream << 28, repeat
