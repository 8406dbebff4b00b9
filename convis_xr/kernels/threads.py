"""Threads for compiled loops: the caller and a small pool of our own, together ``torch.get_num_threads()``.

Compiled loops release the interpreter lock, so plain Python threads run them side by side. numba's own threading layers
are not used: they are not safe when two Python threads run models at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from typing import Generic, TypeVar, cast

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")

#: ``threads``: how many this thread may use, itself included, where it works on a piece
_worker = threading.local()


def parallel(function: Callable[[Piece], Result], pieces: Sequence[Piece], most: int | None = None) -> list[Result]:
    """Call a function on every piece, side by side, and return the results in order.

    Parameters
    ----------
    function : callable of one piece
        Must release the interpreter lock to gain anything. Pieces are begun in order, and none before there is a thread
        for it: a piece may wait for earlier ones, never for later ones.
    pieces : sequence
        The work, best cut by `split` into as many pieces as there are threads, or more.
    most : int, optional
        How many pieces may be worked on at once; each shares out its part of the threads again.

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
    threads = getattr(_worker, "threads", None) or torch.get_num_threads()
    width = min(threads, len(pieces), most or threads)
    if width < 2:
        return [function(piece) for piece in pieces]
    work = _Work(function, pieces, threads // width)
    pool = _pool(torch.get_num_threads() - 1)
    helpers = [pool.submit(copy_context().run, work.take) for _ in range(width - 1)]
    try:
        work.take()
    finally:
        # A helper that has not come yet is no longer needed. The others are waited for, also after a failure: pieces
        # write into memory that the caller owns.
        wait([helper for helper in helpers if not helper.cancel()])
    return work.results()


class _Work(Generic[Piece, Result]):
    """Pieces that the caller and its helpers take one after the other until none is left.

    The caller is one of the threads, and whoever is free takes the next piece: so a small piece costs no hand-over, and
    a thread that comes late takes fewer.
    """

    def __init__(self, function: Callable[[Piece], Result], pieces: Sequence[Piece], threads: int) -> None:
        self._function, self._threads = function, threads
        self._next = iter(enumerate(pieces))
        self._lock = threading.Lock()
        self._made: list[Result | None] = [None] * len(pieces)
        self._failures: dict[int, BaseException] = {}

    def take(self) -> None:
        """Work on pieces until none is left."""
        before, _worker.threads = getattr(_worker, "threads", None), self._threads
        try:
            while True:
                with self._lock:
                    i, piece = next(self._next, (-1, None))
                if i < 0:
                    return
                try:
                    self._made[i] = self._function(cast(Piece, piece))
                except BaseException as failure:
                    self._failures[i] = failure
        finally:
            _worker.threads = before

    def results(self) -> list[Result]:
        """Return what was made, or raise what the first piece that failed raised."""
        if self._failures:
            raise self._failures[min(self._failures)]
        return cast(list[Result], self._made)


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
    return ThreadPoolExecutor(workers, thread_name_prefix="convis_xr")


if hasattr(os, "register_at_fork"):
    # The child of a fork inherits the pools but not their threads, and would wait forever.
    os.register_at_fork(after_in_child=_pool.cache_clear)
