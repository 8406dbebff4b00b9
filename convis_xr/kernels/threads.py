"""Threads for compiled loops: one small pool of our own, as wide as ``torch.get_num_threads()``.

Compiled loops release the interpreter lock, so plain Python threads run them side by side. numba's own threading layers
are not used: they are not safe when two Python threads run models at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_worker = threading.local()


def parallel(function: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Call a function on every piece, side by side, and return the results in order.

    Parameters
    ----------
    function : callable of one piece
        Must release the interpreter lock to gain anything, and must not depend on the order of the calls.
    pieces : sequence
        The work, best cut by `split` into as many pieces as there are threads, or more.

    Returns
    -------
    list
        What the function returned for each piece.

    Raises
    ------
    Exception
        Whatever the function raised, for the first piece that failed; by then every call has ended.

    Examples
    --------
    >>> parallel(lambda piece: piece[1] - piece[0], split(10, 3))
    [4, 3, 3]
    """
    workers = torch.get_num_threads()
    # A worker that waited for its own pool could wait forever: nested work is done on the spot.
    if len(pieces) < 2 or workers < 2 or getattr(_worker, "inside", False):
        return [function(piece) for piece in pieces]
    futures = [_pool(workers).submit(function, piece) for piece in pieces]
    wait(futures)  # all of them, also after a failure: pieces write into memory that the caller owns
    return [future.result() for future in futures]


def split(n: int, parts: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into at most `parts` runs of nearly equal length, none of them empty.

    Parameters
    ----------
    n : int
        How many items.
    parts : int
        How many runs at most.

    Returns
    -------
    list of (start, stop)
        The runs in order; empty when ``n`` is 0.

    Examples
    --------
    >>> split(5, 2)
    [(0, 3), (3, 5)]
    >>> split(1, 4)
    [(0, 1)]
    """
    parts = max(1, min(n, parts))
    size, longer = divmod(n, parts)
    starts = [i * size + min(i, longer) for i in range(parts + 1)]
    return [(start, stop) for start, stop in pairwise(starts) if stop > start]


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Return the pool of that width. Pools are never shut down, so that no other thread's work is cut off."""

    def mark() -> None:
        _worker.inside = True

    return ThreadPoolExecutor(workers, thread_name_prefix="convis_xr", initializer=mark)


if hasattr(os, "register_at_fork"):
    # The child of a fork inherits the pools but not their threads, and would wait forever.
    os.register_at_fork(after_in_child=_pool.cache_clear)
