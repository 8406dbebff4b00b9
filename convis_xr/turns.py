"""Consecutive blocks of time side by side: each stage of a model takes them in turn, so that its state goes on.

While one thread is in a stage that cannot be shared out, another is in a different stage of the next block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Condition
from typing import TypeVar

import torch
from torch import Tensor

from convis_xr.kernels.threads import parallel

Block = TypeVar("Block")
Result = TypeVar("Result")

#: How many blocks are worked on at once: each more holds memory of its own.
AT_ONCE = 2


class _Turns:
    """Which blocks have passed which stages, have ended, or have failed."""

    def __init__(self, blocks: int) -> None:
        self._changed = Condition()
        self._passed: list[set[str]] = [set() for _ in range(blocks)]
        self._ended = [False] * blocks
        self._failed = blocks  # the first that did

    @contextmanager
    def stage(self, name: str, index: int) -> Iterator[None]:
        def free() -> bool:
            return self._failed < index or all(
                ended or name in passed for ended, passed in zip(self._ended[:index], self._passed[:index], strict=True)
            )

        with self._changed:
            self._changed.wait_for(free)
            if self._failed < index:
                raise RuntimeError("an earlier block failed")
        yield
        with self._changed:
            self._passed[index].add(name)
            self._changed.notify_all()

    def end(self, index: int, failed: bool) -> None:
        with self._changed:
            self._ended[index] = True
            self._failed = min(self._failed, index) if failed else self._failed
            self._changed.notify_all()


_place: ContextVar[tuple[_Turns, int] | None] = ContextVar("convis_xr_turn", default=None)


@contextmanager
def in_turn(stage: str) -> Iterator[None]:
    """Within this block, be the only one in a stage, after all earlier blocks; without blocks side by side, nothing.

    Parameters
    ----------
    stage : str
        Its name; a block must not come to it twice.

    Examples
    --------
    >>> with in_turn("filter"):
    ...     pass  # here the state goes on
    """
    place = _place.get()
    if place is None:
        yield
        return
    turns, index = place
    with turns.stage(stage, index):
        yield


def blocks_of(
    inputs: Sequence[Tensor], size: int | None, dtype: torch.dtype, shared: bool = False
) -> list[tuple[Tensor, ...]]:
    """Cut inputs of a layer into blocks of time.

    Parameters
    ----------
    inputs : sequence of Tensor (batch, channel, time, y, x)
        Of one shape.
    size : int, optional, bytes
        Of a block of the first one, in ``dtype``, at least one step; None: all is one block.
    dtype : torch.dtype
    shared : bool
        Whether blocks are computed side by side, where there are threads for it: they then share the bytes.

    Returns
    -------
    list of tuple of Tensor

    Examples
    --------
    >>> [x.shape[2] for x, in blocks_of([torch.zeros(1, 1, 5, 2, 2)], 32, torch.float32)]
    [2, 2, 1]
    """
    x = inputs[0]
    if size is not None and shared and torch.get_num_threads() > 1:
        size //= AT_ONCE
    steps = x.shape[2] if size is None else max(1, size * x.shape[2] // (x.numel() * dtype.itemsize))
    return list(zip(*(given.split(steps, dim=2) for given in inputs), strict=True))


def side_by_side(function: Callable[[Block], Result], blocks: Sequence[Block], alone: int = 0) -> list[Result]:
    """Call a function, which keeps to `in_turn` wherever it reads or writes a state, on consecutive blocks.

    No gradient is followed, but where a block is alone.

    Parameters
    ----------
    function : callable of one block
    blocks : sequence
        In the order of time.
    alone : int
        How many of them come first, each by itself and in this thread.

    Returns
    -------
    list
        What the function returned for each block.

    Raises
    ------
    Exception
        Whatever it raised for the earliest block that failed; later ones are given up.

    Examples
    --------
    >>> side_by_side(lambda block: 2 * block, [1, 2, 3])
    [2, 4, 6]
    """
    made, blocks = [function(block) for block in blocks[:alone]], blocks[alone:]
    turns, inference = _Turns(len(blocks)), torch.is_inference_mode_enabled()

    def call(index: int) -> Result:
        token = _place.set((turns, index))
        failed = True
        try:
            with torch.inference_mode(inference), torch.no_grad():  # torch keeps both for each thread
                result = function(blocks[index])
            failed = False
            return result
        finally:
            turns.end(index, failed)
            _place.reset(token)

    return made + parallel(call, range(len(blocks)), AT_ONCE)
