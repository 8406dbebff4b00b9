"""The bounded pipeline: a thread reads ahead, the caller computes, a thread writes behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from typing import Generic, TypeVar

#: blocks that are read ahead, and results that wait to be written
DEPTH = 1

Read = TypeVar("Read")
Made = TypeVar("Made")


def stream(blocks: Iterator[Read], compute: Callable[[Read], Made], write: Callable[[Made], None]) -> None:
    """Pass every block through ``compute`` (here) and ``write`` (behind), in order.

    At most `DEPTH` blocks are held ahead of the one that is computed, and `DEPTH` results behind it. An error of any of
    the three is raised here, as it is; both threads have ended by then. Results that were made before the error are
    still written, but none after a write that failed.

    Examples
    --------
    >>> written = []
    >>> stream(iter([1, 2, 3]), lambda number: number * 10, written.append)
    >>> written
    [10, 20, 30]
    """
    writer = ThreadPoolExecutor(1, "convis_xr writer")
    behind = _Behind(writer, write)
    with closing(ahead(blocks)) as coming:
        try:
            for block in coming:
                made = compute(block)
                del block  # or it would be held while the next one is waited for
                behind.put(made)
                del made
            behind.finish()
        finally:
            writer.shutdown()


def ahead(blocks: Iterator[Read]) -> Generator[Read]:
    """Hand on every block in order, while a thread reads the one after it.

    At most `DEPTH` blocks are held ahead. An error of the reader is raised here, as it is. The thread ends with the
    generator: where the blocks are not used up, close it (`contextlib.closing`).

    Examples
    --------
    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    reader = ThreadPoolExecutor(1, "convis_xr reader")
    end, context = object(), copy_context()

    def read() -> Read | object:
        return context.run(lambda: next(blocks, end))

    try:
        coming = deque(reader.submit(read) for _ in range(DEPTH))
        while (block := coming.popleft().result()) is not end:
            coming.append(reader.submit(read))
            handed = [block]
            del block
            yield handed.pop()  # type: ignore[misc]  # the caller alone holds it now, and says when it is done with
    finally:
        reader.shutdown(cancel_futures=True)


class _Behind(Generic[Made]):
    """Results on their way to be written."""

    def __init__(self, writer: ThreadPoolExecutor, write: Callable[[Made], None]) -> None:
        self._writer, self._write = writer, write
        self._waiting: deque[Future[None]] = deque()
        self._broken = False

    def put(self, made: Made) -> None:
        if len(self._waiting) == DEPTH:
            self._waiting.popleft().result()
        self._waiting.append(self._writer.submit(self._write_unless_broken, made))

    def finish(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def _write_unless_broken(self, made: Made) -> None:
        if self._broken:
            return
        self._broken = True
        self._write(made)
        self._broken = False
