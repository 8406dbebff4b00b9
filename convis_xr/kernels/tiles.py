"""How movies are cut for recursions in time, in which every pixel goes its own way."""

from __future__ import annotations

import math

import torch
from numpy import ndarray
from torch import Tensor

from .threads import split


def units(x: Tensor) -> ndarray:
    """See a movie in one piece, or a state, as (unit, time, pixel).

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, contiguous.

    Returns
    -------
    ndarray (batch * channel, time, y * x)
        The same memory.

    Examples
    --------
    >>> units(torch.zeros(2, 3, 4, 5, 6)).shape
    (6, 4, 30)
    """
    return x.flatten(3).flatten(0, 1).numpy()


def tiles(movie: ndarray, pixels: int) -> list[tuple[int, int, int]]:
    """Cut a movie into pieces of neighbouring pixels, as many of them for each thread.

    Parameters
    ----------
    movie : ndarray (unit, time, pixel)
        The movie.
    pixels : int
        How many pixels a piece has at most: what the recursion holds of them should stay in a near cache.

    Returns
    -------
    list of (unit, first pixel, pixel behind the last)
        The pieces.

    Examples
    --------
    >>> import numpy as np
    >>> pieces = tiles(np.zeros((1, 4, 30)), 10)  # how many there are depends on the threads
    >>> max(stop - start for _, start, stop in pieces) <= 10, pieces[0][:2], pieces[-1][2]
    (True, (0, 0), 30)
    """
    count, threads = len(movie), torch.get_num_threads()
    even = threads // math.gcd(threads, max(count, 1))  # in multiples of it, no thread waits for another's last piece
    pieces = -(-max(-(-movie.shape[2] // pixels), 1) // even) * even
    return [(unit, *span) for unit in range(count) for span in split(movie.shape[2], pieces)]
