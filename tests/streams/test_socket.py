from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.streams.socket import MOST_HEADER

HEADER = {
    "convis_xr_stream": 1, "dims": ["y", "x"], "shape": [2, 3], "dtype": "<f4", "dt": "1 ms", "pixel_size": "0.1 deg",
    "units": "1",
}  # fmt: skip


@contextmanager
def _sending(job: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """The receiving end of a pair whose other end a thread sends to."""
    here, there = socket.socketpair()
    thread = threading.Thread(target=job, args=(there,))
    thread.start()
    try:
        yield here
    finally:
        here.close()  # wakes the sender, whose own end must not be taken from it
        thread.join(60)
        assert not thread.is_alive()
        there.close()


def _bytes(*parts: bytes) -> Callable[[socket.socket], None]:
    def job(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):  # the other end may refuse and go
            for part in parts:
                connection.sendall(part)

    return job


def _line(**changes: object) -> bytes:
    return json.dumps(HEADER | changes).encode() + b"\n"


@pytest.mark.parametrize("dtype", ["uint8", "float32", ">f8"])
@pytest.mark.parametrize("names", [("time",), ("time", "y", "x"), ("channel", "time", "y", "x")])
def test_what_is_sent_arrives(names: tuple[str, ...], dtype: str) -> None:
    sizes = {"time": 7, "channel": 2, "y": 3, "x": 4}
    values = np.random.default_rng(0).integers(0, 255, [sizes[name] for name in names]).astype(dtype)
    film = cx.as_stimulus(
        values, dt="1 ms", pixel_size=("0.2 deg", "0.1 deg"), units="1", valid_range=(0, 255), dims=names
    )
    with _sending(lambda there: cx.streams.send(film, there)) as here, cx.Stream.from_socket(here) as stream:
        received = stream.take(7)
        xr.testing.assert_allclose(received, film.rename("stream"))
        assert received.attrs == film.attrs
        with pytest.raises(cx.ContractError, match="got a source that ended after 7"):
            stream.take(1)


def test_a_model_runs_on_what_a_server_sends_over_a_port() -> None:
    film = cx.as_stimulus(np.random.default_rng(0).random((60, 3, 4)), dt="1 ms", pixel_size="0.1 deg", units="1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: cx.streams.send(film, server.accept()[0]))
        thread.start()
        with cx.Stream.from_socket(server.getsockname(), ahead=2) as stream:
            response = cx.run(cx.filters.LowPass(), stream, stop=60, chunk=7)
        thread.join(5)
    np.testing.assert_array_equal(response.response, cx.run(cx.filters.LowPass(), film).response)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "0 bytes without a newline"),
        (b"GET / HTTP/1.1\r\n", "JSONDecodeError"),
        (b"x" * (MOST_HEADER + 10), "without a newline"),
        (b"[]\n", "AttributeError"),
        (_line(convis_xr_stream=2), "convis_xr_stream"),
        (_line(dtype="object"), "of object"),
        (_line(dtype="U4"), "of <U4"),
        (_line(shape=[2**20, 2**20]), "frames"),
        (_line(shape=[0, 3]), "frames"),
        (_line(shape=[2]), "dims"),
        (_line(dims=["x", "y"]), "dims"),
        (json.dumps({"convis_xr_stream": 1}).encode() + b"\n", "KeyError"),
    ],
)
def test_what_is_no_header_is_refused(sent: bytes, told: str) -> None:
    with _sending(_bytes(sent)) as here, pytest.raises(cx.FormatError, match=f"wanted a header.*{told}"):
        cx.Stream.from_socket(here)


def test_wrong_scales_in_a_header_are_refused() -> None:
    frame = np.zeros(6, "<f4").tobytes()
    with _sending(_bytes(_line(dt="1 deg"), frame)) as here, pytest.raises(cx.UnitError, match="dt"):
        cx.Stream.from_socket(here)
    with (
        _sending(_bytes(_line(), frame)) as here,
        pytest.raises(cx.ContractError, match=r"got units\. Cure: leave it out"),
    ):
        cx.Stream.from_socket(here, units="Hz")


def test_half_a_frame_is_an_error() -> None:
    frames = np.zeros(9, "<f4").tobytes()
    with _sending(_bytes(_line(), frames)) as here, cx.Stream.from_socket(here) as stream:
        stream.take(1)
        with pytest.raises(cx.FormatError, match="wanted a whole frame before the end, got 12 of its 24 bytes"):
            stream.take(1)


def test_a_sender_that_hangs_is_told_of_and_closing_wakes_the_thread() -> None:
    here, there = socket.socketpair()
    with here, there, pytest.raises(TimeoutError):
        cx.Stream.from_socket(here, timeout="20 ms")
    here, there = socket.socketpair()
    with here, there:
        there.sendall(_line() + np.zeros(6, "<f4").tobytes())
        with cx.Stream.from_socket(here, timeout="50 ms") as stream:
            stream.take(1)
            with pytest.raises(cx.ContractError, match=r"a frame within 0.05 s, got none after frame 0"):
                stream.take(1)
            threads = [thread for thread in threading.enumerate() if thread.name == "convis_xr stream"]
        for thread in threads:
            thread.join(2)
            assert not thread.is_alive()


def test_addresses_are_checked() -> None:
    with pytest.raises(cx.ContractError, match="address: wanted a pair"):
        cx.Stream.from_socket("localhost:5000")
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()
    with pytest.raises(ConnectionError):
        cx.Stream.from_socket(closed, timeout="1 s")


def test_frames_that_no_stream_has_are_not_sent() -> None:
    here, there = socket.socketpair()
    film = cx.as_stimulus(np.zeros((2, 5)), dt="1 ms", units="1", dims=("channel", "time"))
    with here, there, pytest.raises(cx.ContractError, match="stimulus: wanted frames of"):
        cx.streams.send(film, there)
