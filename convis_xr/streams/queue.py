"""`FrameQueue`: frames on their way from a source's own thread to whoever reads them; never more than a few."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Frame = np.ndarray[Any, Any]


class FrameQueue:
    """A bounded queue with an end, which may be an error.

    Parameters
    ----------
    depth : int
        Frames that are held at most.
    drop : bool
        Where it is full: the oldest frame is dropped, else the source waits.

    Examples
    --------
    >>> queue = FrameQueue(2, drop=True)
    >>> all(queue.put(np.array(number)) for number in range(3)), queue.get(1.0), queue.dropped
    (True, array(1), 1)
    """

    def __init__(self, depth: int, drop: bool) -> None:
        self._depth, self._drop = depth, drop
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._ended = self._closed = False
        #: frames that were dropped
        self.dropped = 0

    def resize(self, depth: int, drop: bool) -> None:
        """Hold so many frames from now on; drop the oldest of more, or let the source wait."""
        with self._changed:
            self._depth, self._drop = depth, drop
            self._changed.notify_all()

    def put(self, frame: Frame) -> bool:
        """Add a frame, waiting for room unless frames may be dropped; False where nobody will read any more."""
        with self._changed:
            if not self._drop:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._depth)
            elif len(self._frames) >= self._depth:
                self._frames.popleft()
                self.dropped += 1
            if self._closed:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; ``error`` is raised where the next frame would be read."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody reads any more: a source that waits goes on, to its end."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()

    def get(self, timeout: float) -> Frame | None:
        """The next frame; None at the end of the source.

        Raises
        ------
        TimeoutError
            None came in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames or self._ended or self._closed, timeout):
                raise TimeoutError
            if self._frames:
                frame = self._frames.popleft()
                self._changed.notify_all()
                return frame
            if self._error is not None:
                raise self._error
            return None


def produce(frames: Iterator[Any], queue: FrameQueue, read: Callable[[Any], Frame]) -> None:
    """Put everything of ``frames`` into ``queue``: what a source's thread does.

    An error is not swallowed: it is handed to whoever reads.
    """
    try:
        for frame in frames:
            if not queue.put(read(frame)):
                break
    except BaseException as error:
        queue.end(error)
    else:
        queue.end()
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()
