"""The time recursions as compiled loops over (unit, time, pixel): each pixel is a recursion of its own.

Time runs outside, pixels inside, over a tile whose state stays in the nearest cache. Threads share out the tiles. The
step is written ``state += rate * (x - state)``, with ``rate = 1 - c``: a state at rest stays there to the bit, and a
small rate does not lose its digits against 1.
"""

from __future__ import annotations

from torch import Tensor

from ..compiled import compiled
from ..memory import copied, empty_like
from ..threads import parallel
from ..tiles import tiles, units

#: pixels at a time: their state stays in the nearest cache
TILE = 5120


def cascade(x: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.cascade`` defines; ``rate`` is ``1 - exp(-dt/tau)``."""
    x, y, state = _prepare(x, state)
    movie, out, poles = units(x), units(y), state.flatten(3).flatten(1, 2).numpy()
    rate = movie.dtype.type(rate)
    parallel(lambda tile: _cascade(movie, poles, out, rate, *tile), tiles(movie, TILE))
    return y, state


def high_pass(x: Tensor, state: Tensor, rate: float, weight: float) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.high_pass`` defines, in one pass over memory."""
    x, y, state = _prepare(x, state)
    movie, out, low = units(x), units(y), state.flatten(3).flatten(1, 2).numpy()
    rate, weight = movie.dtype.type(rate), movie.dtype.type(weight)
    parallel(lambda tile: _high_pass(movie, low, out, rate, weight, *tile), tiles(movie, TILE))
    return y, state


def _prepare(x: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the movie in one piece, room for the output, and a state of our own to write to."""
    x = x.detach().contiguous()
    return x, empty_like(x), copied(state)


@compiled
def _cascade(movie, poles, out, rate, unit, start, stop):  # type: ignore[no-untyped-def]
    for k in range(movie.shape[1]):
        value = movie[unit, k, start:stop]
        y = out[unit, k, start:stop]
        for pole in range(poles.shape[0]):
            state = poles[pole, unit, start:stop]
            for p in range(stop - start):
                new = state[p] + rate * (value[p] - state[p])
                state[p] = new
                y[p] = new
            value = y


@compiled
def _high_pass(movie, low, out, rate, weight, unit, start, stop):  # type: ignore[no-untyped-def]
    state = low[0, unit, start:stop]
    for k in range(movie.shape[1]):
        x = movie[unit, k, start:stop]
        y = out[unit, k, start:stop]
        for p in range(stop - start):
            new = state[p] + rate * (x[p] - state[p])
            state[p] = new
            y[p] = x[p] - weight * new
