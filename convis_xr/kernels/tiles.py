"""How movies are cut for recursions in time, in which every pixel goes its own way."""

from __future__ import annotations

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
    """Cut a movie into pieces of neighbouring pixels, enough of them for all threads.

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
    >>> tiles(np.zeros((1, 4, 30)), 10)
    [(0, 0, 10), (0, 10, 20), (0, 20, 30)]
    """
    count = len(movie)
    pieces = max(-(-movie.shape[2] // pixels), -(-torch.get_num_threads() // max(count, 1)))
    return [(unit, *span) for unit in range(count) for span in split(movie.shape[2], pieces)]
