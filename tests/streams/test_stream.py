from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx

GRID = {"dt": "10 ms", "pixel_size": "0.1 deg", "units": "1"}


def _values(steps: int) -> np.ndarray:
    return np.random.default_rng(0).random((steps, 3, 4))


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "convis_xr stream"]


def _until(holds: Any) -> None:
    """Wait until something holds; at most two seconds."""
    end = time.monotonic() + 2
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def _counted(seen: list[int]) -> Iterator[np.ndarray]:
    for number in itertools.count():
        seen.append(number)
        yield np.full((3, 4), float(number))


def test_a_run_over_a_stream_is_a_run_over_its_frames() -> None:
    values = _values(50)
    fine = GRID | {"dt": "1 ms"}
    model = cx.models.Retina(input_range=1.0, ganglion=["parvo_on"])
    with cx.Stream(iter(values), **fine) as stream:
        expected = cx.run(model, cx.as_stimulus(values, **fine))
        first = cx.run(model, stream, stop=20, chunk=7)
        later = cx.run(model, stream, stop="50 ms", chunk=8, state=first.convis.state)
    whole = xr.concat([first, later], "time")
    xr.testing.assert_equal(whole, expected)
    assert float(later.time[0]) == pytest.approx(0.02)


def test_start_passes_over_frames_and_stop_counts_from_where_the_stream_is() -> None:
    values = _values(30)
    with cx.Stream(iter(values), **GRID) as stream:
        stream.take("50 ms")
        response = cx.run(cx.filters.LowPass("0 s"), stream, start=2, stop=6)
        np.testing.assert_allclose(response.response, values[7:11], rtol=1e-6)
        np.testing.assert_allclose(response.time, np.arange(7, 11) * 0.01)
        assert stream.position == 11


def test_a_stream_into_a_store(tmp_path: Path) -> None:
    values = _values(40)
    with cx.Stream(iter(values), **GRID) as stream:
        made = cx.run(cx.filters.LowPass(), stream, stop=40, chunk=9, store=tmp_path / "response.zarr")
    expected = cx.run(cx.filters.LowPass(), cx.as_stimulus(values, **GRID))
    np.testing.assert_array_equal(made.response, expected.response)
    np.testing.assert_array_equal(made.convis.state["low_pass"], expected.convis.state["low_pass"])


def test_an_interrupted_run_is_gone_on_with_where_the_source_can_be_had_again(tmp_path: Path) -> None:
    values = _values(40)
    store = tmp_path / "response.zarr"
    with (
        cx.Stream(iter(values[:25]), **GRID) as short,
        pytest.raises(cx.ContractError, match="wanted frames up to 27, got a source that ended after 25"),
    ):
        cx.run(cx.filters.LowPass(), short, stop=40, chunk=9, store=store)
    with cx.Stream(iter(values), **GRID) as again:
        made = cx.run(cx.filters.LowPass(), again, stop=40, chunk=9, store=store, resume=True)
    expected = cx.run(cx.filters.LowPass(), cx.as_stimulus(values, **GRID))
    np.testing.assert_array_equal(made.response, expected.response)


def test_an_endless_stream_needs_a_stop_to_come() -> None:
    with cx.Stream(_counted([]), **GRID) as stream:
        with pytest.raises(cx.ContractError, match="stop: wanted where to stop: a stream has no end, got none"):
            cx.run(cx.filters.LowPass(), stream)
        stream.take(10)
        for over in ("0.1 s", 0):
            with pytest.raises(cx.ContractError, match="stop: wanted a time to come"):
                cx.run(cx.filters.LowPass(), stream, stop=over)
        with pytest.raises(cx.UnitError, match="stop"):
            cx.run(cx.filters.LowPass(), stream, stop=1.5)
        assert cx.plan(cx.filters.LowPass(), stream, stop=100).steps == 100
        assert stream.position == 10


def test_the_source_waits_for_the_reader() -> None:
    seen: list[int] = []
    with cx.Stream(_counted(seen), ahead=5, **GRID) as stream:
        _until(lambda: len(seen) == 7)  # one was read, five wait, one is at the door
        time.sleep(0.05)
        assert len(seen) == 7
        stream.take(4)
        _until(lambda: len(seen) == 10)
        np.testing.assert_array_equal(stream.take(100)[:, 0, 0], np.arange(4, 104))
        assert stream.dropped == 0


def test_frames_of_a_live_source_are_dropped_counted_and_warned_of() -> None:
    seen: list[int] = []
    ready = threading.Semaphore(0)

    def live() -> Iterator[np.ndarray]:
        for number in itertools.count():
            ready.acquire()
            seen.append(number)
            yield np.full((3, 4), float(number))

    ready.release(9)
    with cx.Stream(live(), ahead=4, drop=True, **GRID) as stream:
        _until(lambda: len(seen) == 9)
        _until(lambda: stream._queue.dropped == 4)
        fresh = stream.take(2)  # what came before anybody read is no loss
        assert fresh[:, 0, 0].values.tolist() == [5.0, 6.0]
        assert stream.dropped == 0
        ready.release(6)
        _until(lambda: stream.dropped == 4)
        with pytest.warns(UserWarning, match="got 4 frames that were dropped so far"):
            later = stream.take(3)
        assert later[:, 0, 0].values.tolist() == [11.0, 12.0, 13.0]
        np.testing.assert_allclose(later.time, [0.02, 0.03, 0.04])
        assert "4 dropped" in repr(stream)
        ready.release(2)
        stream.take(2)  # told once
        ready.release(1)


def test_an_error_of_the_source_reaches_the_caller_after_the_frames_before_it() -> None:
    def breaks() -> Iterator[np.ndarray]:
        yield from np.zeros((6, 3, 4))
        raise OSError("the cable is out")

    with cx.Stream(breaks(), **GRID) as stream:
        assert stream.take(4).sizes["time"] == 4
        with pytest.raises(OSError, match="the cable is out") as caught:
            cx.run(cx.filters.LowPass(), stream, stop=4)
        assert "where frame 6 was wanted" in caught.value.__notes__[0]
    with pytest.raises(OSError, match="at once"):
        cx.Stream(_raise(OSError("at once")), **GRID)


def _raise(error: Exception) -> Iterator[np.ndarray]:
    raise error
    yield np.zeros(())


def test_a_source_that_hangs_is_told_of() -> None:
    release = threading.Event()

    def hangs() -> Iterator[np.ndarray]:
        yield np.zeros((3, 4))
        release.wait()

    with (
        cx.Stream(hangs(), timeout="50 ms", on_close=release.set, **GRID) as stream,
        pytest.raises(cx.ContractError, match=r"wanted a frame within 0.05 s, got none after frame 0"),
    ):
        cx.run(cx.filters.LowPass(), stream, stop=4)
    assert release.is_set()


def test_frames_are_read_once_and_in_order() -> None:
    with cx.Stream(iter(_values(9)), **GRID) as stream:
        coming = stream.upcoming(9)
        assert repr(coming)
        assert stream.position == 0
        np.testing.assert_array_equal(coming[2:4], _values(9)[2:4])
        np.testing.assert_array_equal(coming[5], _values(9)[5])
        with pytest.raises(cx.ContractError, match="wanted frames from 6 on: each can be read once, got frame 2"):
            coming[2:4].load()
        assert [block.sizes["time"] for block in stream.blocks(2)] == [2, 1]
        with pytest.raises(cx.ContractError, match="wanted frames up to 10, got a source that ended after 9"):
            stream.take(1)


@pytest.mark.parametrize("shape", [(), (3, 4), (2, 3, 4), (2, 1, 3, 4)])
def test_frames_of_every_form(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).random((6, *shape)).astype("float32")
    names = {0: (), 2: ("y", "x"), 3: ("channel", "y", "x"), 4: ("batch", "channel", "y", "x")}[len(shape)]
    film = cx.as_stimulus(values, dims=("time", *names), **GRID)
    with cx.Stream(iter(values), **GRID) as stream:
        xr.testing.assert_allclose(stream.take(2), film[{"time": slice(0, 2)}])
        response = cx.run(cx.filters.LowPass(), stream, stop=4)
    expected = cx.run(cx.filters.LowPass(), film[{"time": slice(2, 6)}])
    np.testing.assert_allclose(response.response, expected.response, rtol=1e-6)
    assert response.response.dims == expected.response.dims


def test_wrong_frames_are_told() -> None:
    with pytest.raises(cx.ContractError, match="frames: wanted frames that are numbers"):
        cx.Stream(iter(np.zeros((3, 4))), **GRID)
    with pytest.raises(cx.ContractError, match="wanted at least one frame, got a source without any"):
        cx.Stream([], **GRID)
    with pytest.raises(cx.ContractError, match="units: wanted a unit"):
        cx.Stream(iter(_values(2)), dt="1 ms", pixel_size="1 deg")
    with pytest.raises(cx.ContractError, match="ahead: wanted"):
        cx.Stream(iter(_values(2)), ahead=0, **GRID)
    with pytest.raises(cx.ContractError, match="dtype: wanted real numbers"):
        cx.Stream(iter(_values(2) * 1j), **GRID)
    mixed = [np.zeros((3, 4)), np.zeros((3, 5))]
    with cx.Stream(mixed, **GRID) as stream, pytest.raises(cx.ContractError, match=r"shape \(3, 5\).* in frame 1"):
        stream.take(2)
    nan = [np.zeros((3, 4)), np.full((3, 4), np.nan)]
    with cx.Stream(nan, **GRID) as stream, pytest.raises(cx.ContractError, match="wanted finite values"):
        cx.run(cx.filters.LowPass(), stream, stop=2)


def test_a_stream_that_is_closed_or_forgotten_lets_its_source_go() -> None:
    ended = threading.Event()

    def source() -> Iterator[np.ndarray]:
        try:
            while True:
                yield np.zeros((3, 4))
        finally:
            ended.set()

    stream = cx.Stream(source(), **GRID)
    stream.close()
    assert ended.wait(2)
    ended.clear()
    stream = cx.Stream(source(), **GRID)
    del stream
    gc.collect()
    assert ended.wait(2)
    _until(lambda: not _threads())


def test_memory_stays_bounded() -> None:
    """Far more frames than are held, and how many of them are alive at once."""
    alive, most = [0], [0]

    def gone() -> None:
        alive[0] -= 1

    def source() -> Iterator[np.ndarray]:
        while True:
            frame = np.zeros((30, 30))
            weakref.finalize(frame, gone)
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            yield frame
            del frame

    with cx.Stream(source(), ahead=3, **GRID) as stream:
        cx.run(cx.filters.LowPass(), stream, stop=500, chunk=5)
        assert stream.position == 500
    assert most[0] <= 3 + 4


def test_it_can_be_described() -> None:
    with cx.Stream(iter(_values(9)), valid_range=(0, 1), **GRID) as stream:
        stream.take(3)
        assert repr(stream) == "Stream(y: 3, x: 4; float64 [1]; at frame 3 (0.03 s))"
        described = cx.describe(stream)
        assert dict(described.facts)["position"] == "frame 3, 0.03 s"
        assert [row["name"] for row in described.table("Dimensions of a frame").records()] == ["y", "x"]


def test_what_is_no_source_and_no_time_is_told_by_name() -> None:
    options: dict[str, Any] = {"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1"}
    with pytest.raises(cx.ContractError, match=r"frames: wanted something to iterate over, got int\. Cure: "):
        cx.Stream(3, **options)  # type: ignore[arg-type]
    with pytest.raises(cx.UnitError, match=r"timeout: wanted a time .* Cure: say the unit: timeout="):
        cx.Stream(_values(3), timeout=3, **options)
    stream = cx.Stream(_values(3), **options)
    stream.close()
    with pytest.raises(cx.ContractError, match="got a stream that was closed"):
        stream.take(2)
