"""The definition of the draws: Philox4x32-10, uniform and normal numbers, in plain numpy and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .counters import MASK, Key, block_of, lane_of, words_of

Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10


def philox4x32(counter: npt.ArrayLike, key: Key) -> Words:
    """Ten rounds of Philox4x32 (Salmon et al. 2011, doi:10.1145/2063384.2063405).

    Parameters
    ----------
    counter : array_like (..., 4)
        32-bit words.
    key : tuple of two int
        32-bit words.

    Returns
    -------
    ndarray (..., 4), uint64
        Random 32-bit words.
    """
    low, shift = np.uint64(MASK), np.uint64(32)
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint64), -1, 0)
    for i in range(ROUNDS):
        k0, k1 = (np.uint64((word + i * step) & MASK) for word, step in zip(key, INCREMENTS, strict=True))
        p0, p1 = c0 * np.uint64(MULTIPLIERS[0]), c2 * np.uint64(MULTIPLIERS[1])
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ k0, p1 & low, (p0 >> shift) ^ c3 ^ k1, p0 & low
    return np.stack([c0, c1, c2, c3], axis=-1)


def uniform(cells: npt.ArrayLike, *, key: Key, step: int, stream: int, span: int = 0, repeat: int = 0) -> Floats:
    """Draws from (0, 1), each the middle of one of 2**23 equal parts: exact in float32 as in float64."""
    lanes, words = _words(cells, key, step, stream, span, repeat)
    own = np.take_along_axis(words, lanes[..., None], -1)[..., 0]
    return ((own >> np.uint64(9)).astype(np.float64) + 0.5) * 2.0**-23


def normal(cells: npt.ArrayLike, *, key: Key, step: int, stream: int, span: int = 0, repeat: int = 0) -> Floats:
    """Draws from the standard normal distribution: Box and Muller's two from each pair of words.

    The first word gives the radius. It is rounded to float32 on every route, by definition, so that all see the same
    number; it reaches 6.7. The second gives the angle: two bits for the quadrant, 24 for the place in it.
    """
    lanes, words = _words(cells, key, step, stream, span, repeat)
    pair = lanes // 2 * 2
    first = np.take_along_axis(words, pair[..., None], -1)[..., 0]
    second = np.take_along_axis(words, pair[..., None] + 1, -1)[..., 0]
    u = ((first.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)).astype(np.float64)
    radius = np.sqrt(-2.0 * np.log(u))
    quadrant = (second >> np.uint64(30)).astype(np.float64)
    place = (second >> np.uint64(6) & np.uint64(0xFFFFFF)).astype(np.float64)
    place = np.where(place >= 2**23, place - 2**24, place)  # a signed number: the middle of the quadrant's part is 0
    angle = np.pi / 2 * (quadrant + place * 2.0**-24)
    return radius * np.where(lanes % 2 == 0, np.cos(angle), np.sin(angle))


def _words(
    cells: npt.ArrayLike, key: Key, step: int, stream: int, span: int, repeat: int
) -> tuple[npt.NDArray[np.int64], Words]:
    """Return each cell's lane, and the four words of its block."""
    index = np.asarray(cells, dtype=np.int64)
    block = block_of(index)
    rest: list[Any] = [np.full_like(block, word) for word in words_of(step, stream, span, repeat)]
    return lane_of(index), philox4x32(np.stack([block, *rest], axis=-1), key)
