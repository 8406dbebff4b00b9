"""`Stream`: a stimulus without an end."""

from __future__ import annotations

import math
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
import xarray as xr
from xarray.core import indexing
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.contract import as_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.scales import step_seconds, whole
from convis_xr.streams.axes import axes_of
from convis_xr.streams.queue import Frame, FrameQueue, produce
from convis_xr.streams.upcoming import Upcoming
from convis_xr.units import is_bare, magnitude

#: bytes, and frames, that are held ahead of the reader
AHEAD_BYTES, AHEAD_FRAMES = 2**23, 64


class Stream:
    """Frames that come one after another, for as long as they come: each is seen once.

    A thread of its own fetches them and waits when a few are unread, so that memory stays bounded however slow the
    reader is. ``cx.run(model, stream, stop=...)`` takes it as a stimulus. Time counts from the first frame.

    Parameters
    ----------
    frames : iterable of array_like
        Each a number, or (y, x), (channel, y, x) or (batch, channel, y, x), all of one shape and dtype; row 0 is the
        top of the picture.
    dt : quantity, optional
        Time step; by default that of `set_options`.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch; by default that of `set_options`.
    units : str
        Unit of the values: ``"1"`` for relative luminance.
    valid_range : (float, float), optional
        The range that the values may take, as (0, 255) for 8-bit film.
    ahead : int, optional
        Frames that are held unread at most; by default up to 64, or 8 MiB.
    drop : bool
        True: where so many are unread the oldest is dropped, which is counted (``dropped``) and warned of, and the
        frames that are left follow one another without a gap. False: the source waits.
    timeout : quantity
        How long to wait for a frame.
    on_close : callable, optional
        What makes a source that waits for its next frame let go.

    Raises
    ------
    ContractError
        No frame comes, or something that is none.

    Examples
    --------
    >>> import convis_xr as cx, itertools
    >>> ramp = (np.full((2, 2), float(number)) for number in itertools.count())
    >>> with cx.Stream(ramp, dt="10 ms", pixel_size="0.1 deg", units="1") as stream:
    ...     response = cx.run(cx.filters.LowPass("0 ms"), stream, stop="30 ms")
    ...     later = stream.take(2)
    >>> response.response[:, 0, 0].values.tolist(), later.time.values.tolist()
    ([0.0, 1.0, 2.0], [0.03, 0.04])
    """

    def __init__(
        self,
        frames: Iterable[Any],
        *,
        dt: Any = None,
        pixel_size: Any = None,
        units: str | None = None,
        valid_range: tuple[float, float] | None = None,
        ahead: int | None = None,
        drop: bool = False,
        timeout: Any = "10 s",
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._timeout = step_seconds(timeout, "timeout")
        if not isinstance(frames, Iterable):
            cure = "a generator, a list of arrays, or Stream.from_camera(0)"
            got = type(frames).__name__
            raise ContractError(explain("frames", wanted="something to iterate over", got=got, cure=cure))
        self._reading = threading.Lock()
        self._position = self._dropped_before = self._warned = 0
        self._queue = FrameQueue(2, drop=False)
        # the thread must not hold the stream, or it would never be let go
        thread = threading.Thread(
            target=produce, args=(iter(frames), self._queue, np.asarray), name="convis_xr stream", daemon=True
        )
        self._finalizer = weakref.finalize(self, _close, self._queue, on_close)
        thread.start()
        try:
            first = self._get()
            if first is None:
                raise _ended("at least one frame", "a source without any")
            self._axes = axes_of(first)
            names = (dims.TIME, *self._axes)
            self._like = as_stimulus(first[None], dt, pixel_size, units, valid_range, names)
        except BaseException:
            self.close()
            raise
        self._form = first.shape, first.dtype
        # of a live source the first frame is an old one by the time that anybody reads
        self._held: Frame | None = None if drop else first
        self._queue.resize(_depth(ahead, first.nbytes), drop)

    @classmethod
    def from_generator(cls, iterable: Iterable[Any], **options: Any) -> Stream:
        """Frames from anything that can be iterated over; the arguments are those of `Stream`."""
        return cls(iterable, **options)

    @classmethod
    def from_camera(cls, source: Any = 0, **options: Any) -> Stream:
        """Frames from a camera, or a film as if it were one; see `convis_xr.streams.camera.open_camera`."""
        from convis_xr.streams.camera import open_camera

        return open_camera(cls, source, **options)

    @classmethod
    def from_socket(cls, address: Any, **options: Any) -> Stream:
        """Frames from another program; see `convis_xr.streams.socket.open_socket` for how they are sent."""
        from convis_xr.streams.socket import open_socket

        return open_socket(cls, address, **options)

    # --- what it is -----------------------------------------------------------------------------------------

    @property
    def sampling(self) -> Sampling:
        """Time step and pixel pitch."""
        return Sampling.of(self._like)

    @property
    def position(self) -> int:
        """Index of the next frame: how many were read."""
        return self._position

    @property
    def dropped(self) -> int:
        """Frames that were dropped since the first one was read."""
        return self._queue.dropped - self._dropped_before if self._position else 0

    @property
    def template(self) -> xr.DataArray:
        """One frame, for its dimensions, coordinates, unit and dtype."""
        return self._like

    # --- reading --------------------------------------------------------------------------------------------

    def take(self, length: Any) -> xr.DataArray:
        """The next frames, in memory.

        Parameters
        ----------
        length : int or quantity
            Frames, or time.

        Returns
        -------
        DataArray
            With the stream's own time.

        Raises
        ------
        ContractError
            The source ends before, or gives nothing in time, or another kind of frame.
        """
        count = self._count(length, "length")
        first = self._position
        values = self.read(first, count)
        if values.shape[self._time_axis] < count:
            raise self._too_short(first + count)
        return self._labelled(values, first)

    def blocks(self, length: Any) -> Iterator[xr.DataArray]:
        """`take` again and again, until the source ends; the last block may be shorter."""
        count = self._count(length, "length")
        while True:
            first = self._position
            values = self.read(first, count)
            if values.shape[self._time_axis]:
                yield self._labelled(values, first)
            if values.shape[self._time_axis] < count:
                return

    def upcoming(self, stop: Any) -> xr.DataArray:
        """The frames from here on, as a lazy array that can be read once, in order: what a run is given.

        Parameters
        ----------
        stop : int or quantity
            How many frames; or the time, on the stream's own axis, to stop before.

        Returns
        -------
        DataArray

        Raises
        ------
        ContractError
            No ``stop``: an endless stream needs one; or one that is over.
        """
        if stop is None:
            cure = 'stop="10 s", or stop=1000 (frames)'
            raise ContractError(explain("stop", wanted="where to stop: a stream has no end", got="none", cure=cure))
        count = whole(stop, "stop") if is_bare(stop) else self._label(stop) - self._position
        if count < 1:
            cure = f"a later one: the stream is at {self._position * self._dt:g} s"
            raise ContractError(explain("stop", wanted="a time to come", got=str(stop), cure=cure))
        sizes = {str(dim): size for dim, size in self._like.sizes.items()} | {dims.TIME: count}
        lazy = indexing.LazilyIndexedArray(Upcoming(self, self._position, tuple(sizes.values()), self._like.dtype))
        variable = xr.Variable(tuple(sizes), lazy, self._like.attrs)
        return xr.DataArray(variable, self._coordinates(count, self._position), name="stream")

    def read(self, first: int, count: int) -> np.ndarray[Any, Any]:
        """Frames from index ``first`` on, bare; fewer where the source ends. Those before are passed over.

        Raises
        ------
        ContractError
            They were read before; the source gives nothing in time, or another kind of frame.
        """
        with self._reading:
            if first < self._position:
                wanted = f"frames from {self._position} on: each can be read once"
                cure = "read in order; to look at frames again keep what take(...) gave"
                raise ContractError(explain("stream", wanted=wanted, got=f"frame {first}", cure=cure))
            while self._position < first:
                if self._next() is None:
                    raise self._too_short(first + count)
            frames = np.empty((count, *self._form[0]), self._form[1])
            held = 0
            while held < count and (frame := self._next()) is not None:
                frames[held] = frame
                held += 1
            self._warn_of_dropped()
        return np.moveaxis(frames[:held], 0, self._time_axis)

    def close(self) -> None:
        """Let the source go; what was not read is lost."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{dim}: {size}" for dim, size in self._like.sizes.items() if dim != dims.TIME)
        at = f"frame {self._position} ({self._position * self._dt:g} s)"
        lost = f", {self.dropped} dropped" if self.dropped else ""
        return f"Stream({sizes or 'time only'}; {self._like.dtype} [{self._like.attrs['units']}]; at {at}{lost})"

    # --- inner workings -------------------------------------------------------------------------------------

    @property
    def _dt(self) -> float:
        return self.sampling.need_dt("stream")

    @property
    def _time_axis(self) -> int:
        return int(self._like.get_axis_num(dims.TIME))

    def _count(self, length: Any, name: str) -> int:
        count = self.sampling.steps(length, name)
        if count < 1:
            raise ContractError(explain(name, wanted="at least one frame", got=str(length), cure=f"{name}=1"))
        return count

    def _label(self, time: Any) -> int:
        return math.ceil(magnitude(time, "time", "stop") / self._dt - 1e-6)

    def _get(self) -> Frame | None:
        """The next frame out of the thread."""
        try:
            return self._queue.get(self._timeout)
        except TimeoutError:
            wanted = f"a frame within {self._timeout:g} s"
            got, cure = f"none after frame {self._position - 1}", 'timeout="60 s", or see whether the source runs'
            if not self._position:
                got = "none"
            raise ContractError(explain("stream", wanted=wanted, got=got, cure=cure)) from None
        except Exception as error:
            error.add_note(f"This was raised by the source of a stream, where frame {self._position} was wanted.")
            raise

    def _next(self) -> Frame | None:
        """The next frame, checked; None at the end."""
        if not self._position:
            self._dropped_before = self._queue.dropped
        frame, self._held = (self._get(), None) if self._held is None else (self._held, None)
        if frame is None:
            return None
        if (frame.shape, frame.dtype) != self._form:
            wanted = f"frames of shape {self._form[0]}, {self._form[1]}, as the first one"
            got = f"shape {frame.shape}, {frame.dtype} in frame {self._position}"
            raise ContractError(explain("stream", wanted=wanted, got=got, cure="a source of one kind of frames"))
        self._position += 1
        return frame

    def _warn_of_dropped(self) -> None:
        if self.dropped > self._warned:
            self._warned = self.dropped
            message = explain(
                "stream",
                wanted="a reader that keeps up with the source",
                got=f"{self.dropped} frames that were dropped so far: time is that of the frames that are left",
                cure="a faster model, smaller frames, or drop=False where the source can wait",
            )
            warnings.warn(message, stacklevel=4)

    def _labelled(self, values: np.ndarray[Any, Any], first: int) -> xr.DataArray:
        count = values.shape[self._time_axis]
        attrs = self._like.attrs
        return xr.DataArray(values, self._coordinates(count, first), self._like.dims, name="stream", attrs=attrs)

    def _coordinates(self, count: int, first: int) -> xr.Coordinates:
        time = grid({dims.TIME: count}, self.sampling, start=first * self._dt)
        others = {str(name): value for name, value in self._like.coords.items() if dims.TIME not in value.dims}
        labelled = xr.Dataset(coords=time).assign_coords(others)
        if isinstance(labelled.xindexes[dims.TIME], RangeIndex):
            return labelled.coords
        # the very numbers that a film of all frames would have
        exact = labelled[dims.TIME].copy(data=np.arange(first, first + count) * self._dt)
        return labelled.assign_coords({dims.TIME: exact}).coords

    def _too_short(self, wanted: int) -> ContractError:
        if not self._finalizer.alive:
            got, cure = "a stream that was closed", "read within its with block"
            return ContractError(explain("stream", wanted=f"frames up to {wanted}", got=got, cure=cure))
        return _ended(f"frames up to {wanted}", f"a source that ended after {self._position}")


def _ended(wanted: str, got: str) -> ContractError:
    return ContractError(explain("stream", wanted=wanted, got=got, cure="an earlier stop=, or a longer source"))


def _close(queue: FrameQueue, on_close: Callable[[], None] | None) -> None:
    queue.close()
    if on_close is not None:
        on_close()


def _depth(ahead: Any, nbytes: int) -> int:
    if ahead is None:
        return max(2, min(AHEAD_FRAMES, AHEAD_BYTES // max(nbytes, 1)))
    if isinstance(ahead, bool) or not isinstance(ahead, int) or ahead < 1:
        raise ContractError(explain("ahead", wanted="a number of frames, at least 1", got=repr(ahead), cure="ahead=8"))
    return ahead
