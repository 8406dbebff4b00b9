"""Frames from one program to another over a socket.

First comes one line of JSON (UTF-8, ended by a newline), for example::

    {"convis_xr_stream": 1, "dims": ["y", "x"], "shape": [40, 60], "dtype": "<f4", "dt": "10 ms",
     "pixel_size": "0.1 deg", "units": "1", "valid_range": [0, 1]}

``dims`` are those of one frame, ``dtype`` is numpy's short name with its byte order; ``pixel_size`` and ``valid_range``
may be left out. After it frames follow without anything between them: their bytes in C order. Whoever sends ends the
stream by closing the connection after a whole frame.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, FormatError, explain
from convis_xr.scales import step_seconds
from convis_xr.streams.axes import FRAME_AXES

if TYPE_CHECKING:
    from convis_xr.streams.stream import Stream

VERSION = 1
#: bytes of a header, and of a frame, that are believed
MOST_HEADER, MOST_FRAME = 2**16, 2**30


def open_socket(kind: type[Stream], address: Any, *, timeout: Any = "10 s", **options: Any) -> Stream:
    """A `Stream` of what another program sends, in the form that this module describes.

    Parameters
    ----------
    kind : type of Stream
    address : (host, port) or socket.socket
        Where to connect to, or a connection.
    timeout : quantity
        How long to wait for the connection, and for each frame.
    **options
        See `Stream`; what the header tells is told by it alone.

    Returns
    -------
    Stream

    Raises
    ------
    FormatError
        No such header.
    ConnectionError, TimeoutError
        Nobody answers.

    Examples
    --------
    >>> import convis_xr as cx, threading
    >>> here, there = socket.socketpair()
    >>> film = cx.as_stimulus(np.arange(8.0).reshape(2, 2, 2), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> threading.Thread(target=cx.streams.send, args=(film, there)).start()
    >>> with cx.Stream.from_socket(here) as stream:
    ...     stream.take(2).equals(film)
    True
    """
    seconds = step_seconds(timeout, "timeout")
    connection = address if isinstance(address, socket.socket) else _connected(address, seconds)
    connection.settimeout(seconds)
    try:
        header = _header(connection)
        told = set(header["stream"]) & set(options)
        if told:
            wanted = "only what the header does not tell"
            raise ContractError(explain("from_socket", wanted=wanted, got=", ".join(sorted(told)), cure="leave it out"))
        # from here on the reader waits, not the socket
        connection.settimeout(None)
        frames = _frames(connection, header["shape"], header["dtype"])
        options |= {"timeout": timeout, "on_close": lambda: _shut(connection)}
        return kind(frames, **header["stream"], **options)
    except BaseException:
        _shut(connection)
        connection.close()
        raise


def send(stimulus: xr.DataArray, connection: socket.socket) -> None:
    """Send a stimulus frame by frame, and close the connection: the other end of ``Stream.from_socket``.

    Parameters
    ----------
    stimulus : DataArray (any of batch, channel, time, y, x) [units]
        Is read frame by frame.
    connection : socket.socket

    Raises
    ------
    ConnectionError
        Nobody reads any more.
    ContractError
        Not a stimulus, or frames that a `Stream` cannot have.
    """
    array, sampling = check_stimulus(stimulus)
    frame = {str(dim): size for dim, size in array.sizes.items() if dim != dims.TIME}
    if FRAME_AXES.get(len(frame)) != tuple(frame):
        wanted = f"frames of {', or '.join(', '.join(axes) or 'one number' for axes in FRAME_AXES.values())}"
        raise ContractError(explain("stimulus", wanted=wanted, got=", ".join(frame), cure="expand_dims or isel"))
    dtype = array.dtype.newbyteorder("<")
    header: dict[str, Any] = {
        "convis_xr_stream": VERSION, "dims": list(frame), "shape": list(frame.values()), "dtype": dtype.str,
        "dt": f"{sampling.need_dt('stimulus')!r} s", "units": array.attrs["units"],
    }  # fmt: skip
    if sampling.pixel_deg is not None:
        header["pixel_size"] = [f"{pitch!r} deg" for pitch in sampling.pixel_deg]
    if "valid_range" in array.attrs:
        header["valid_range"] = [float(end) for end in array.attrs["valid_range"]]
    with connection:
        connection.sendall(json.dumps(header).encode() + b"\n")
        for at in range(array.sizes[dims.TIME]):
            values = array.isel({dims.TIME: at}).values
            connection.sendall(np.ascontiguousarray(values, dtype).tobytes())


def _connected(address: Any, seconds: float) -> socket.socket:
    if not (isinstance(address, tuple | list) and len(address) == 2):
        cure = '("localhost", 5000)'
        raise ContractError(explain("address", wanted="a pair (host, port)", got=repr(address), cure=cure))
    return socket.create_connection((str(address[0]), int(address[1])), timeout=seconds)


def _header(connection: socket.socket) -> dict[str, Any]:
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte or len(line) > MOST_HEADER:
            raise _no_header(f"{len(line)} bytes without a newline")
        line += byte
    try:
        table = json.loads(line)
        if table.get("convis_xr_stream") != VERSION:
            raise _no_header(repr(bytes(line[:60])))
        dtype, shape = np.dtype(str(table["dtype"])), tuple(int(size) for size in table["shape"])
        names = tuple(str(name) for name in table["dims"])
        options = {name: table[name] for name in ("dt", "pixel_size", "units", "valid_range") if name in table}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, FormatError):
            raise
        raise _no_header(f"{type(error).__name__}: {error}") from error
    if FRAME_AXES.get(len(shape)) != names:
        raise _no_header(f"dims {names} for shape {shape}")
    if dtype.kind not in "biuf" or min(shape, default=1) < 1 or math.prod(shape) * dtype.itemsize > MOST_FRAME:
        raise _no_header(f"frames {shape} of {dtype}")
    return {"shape": shape, "dtype": dtype, "stream": options}


def _frames(connection: socket.socket, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
    size = math.prod(shape) * dtype.itemsize
    with connection:
        while (data := _received(connection, size)) is not None:
            yield np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _received(connection: socket.socket, size: int) -> bytearray | None:
    """One frame; None where the connection was closed before it."""
    data = bytearray(size)
    view, held = memoryview(data), 0
    while held < size:
        count = connection.recv_into(view[held:])
        if not count:
            if not held:
                return None
            cure = "send whole frames, then close"
            got = f"{held} of its {size} bytes"
            raise FormatError(explain("stream", wanted="a whole frame before the end", got=got, cure=cure))
        held += count
    return data


def _shut(connection: socket.socket) -> None:
    """Wake a thread that waits for data; a connection that is gone is none the worse."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _no_header(got: str) -> FormatError:
    wanted = "a header: one line of JSON with convis_xr_stream, dims, shape, dtype, dt, units"
    return FormatError(explain("stream", wanted=wanted, got=got, cure="convis_xr.streams.send(stimulus, connection)"))
