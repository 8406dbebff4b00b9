"""The pipeline keeps the order and its bounds, hands on every error, and leaves no thread behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.engine.stream import DEPTH, ahead, stream


class Failure(BaseException):
    """An error that nobody knows; not even an Exception."""


def failing_at(place: int, function: Callable[[int], int] = int) -> Callable[[int], int]:
    def step(number: int) -> int:
        if number == place:
            raise Failure(place)
        return function(number)

    return step


def workers() -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith(("convis_xr reader", "convis_xr writer"))
    ]


@given(st.lists(st.integers()))
def test_everything_passes_in_order(numbers: list[int]) -> None:
    written: list[int] = []
    stream(iter(numbers), lambda number: number + 1, written.append)
    assert written == [number + 1 for number in numbers]
    assert workers() == []


def test_little_is_held() -> None:
    read, computed, written = [0], [0], [0]
    ahead, behind = [], []

    def blocks() -> Iterator[int]:
        for number in range(50):
            read[0] += 1
            ahead.append(read[0] - computed[0])
            yield number

    def compute(number: int) -> int:
        computed[0] += 1
        behind.append(computed[0] - written[0])
        return number

    def write(number: int) -> None:
        written[0] += 1

    stream(blocks(), compute, write)
    assert max(ahead) <= DEPTH + 1
    assert max(behind) <= DEPTH + 2


@given(place=st.integers(0, 9))
def test_an_error_of_the_reader_is_raised_here(place: int) -> None:
    written: list[int] = []
    with pytest.raises(Failure) as caught:
        stream(map(failing_at(place), range(10)), int, written.append)
    assert caught.traceback[-1].name == "step"
    assert written == list(range(place))
    assert workers() == []


@given(place=st.integers(0, 9))
def test_an_error_of_the_model_is_raised_here_and_what_was_made_is_written(place: int) -> None:
    written: list[int] = []
    with pytest.raises(Failure) as caught:
        stream(iter(range(10)), failing_at(place), written.append)
    assert caught.traceback[-1].name == "step"
    assert written == list(range(place))
    assert workers() == []


@given(place=st.integers(0, 9))
def test_an_error_of_the_writer_is_raised_here_and_nothing_is_written_after_it(place: int) -> None:
    written: list[int] = []

    def keep(number: int) -> int:
        written.append(number)
        return number

    with pytest.raises(Failure) as caught:
        stream(iter(range(10)), int, failing_at(place, keep))
    assert caught.traceback[-1].name == "step"
    assert written == list(range(place))
    assert workers() == []


def test_a_keyboard_interrupt_ends_the_threads() -> None:
    def interrupted(number: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream(iter(range(10)), interrupted, print)
    assert workers() == []


def test_reading_ahead_ends_with_who_wanted_it() -> None:
    read: list[int] = []

    def blocks() -> Iterator[int]:
        for number in range(50):
            read.append(number)
            yield number

    coming = ahead(blocks())
    assert [next(coming), next(coming)] == [0, 1]
    coming.close()
    assert workers() == []
    assert len(read) <= 2 + DEPTH


def test_who_reads_ahead_alone_holds_the_block() -> None:
    class Thing:
        pass

    for thing in ahead(Thing() for _ in range(3)):
        held = weakref.ref(thing)
        del thing
        gc.collect()
        assert held() is None


def test_an_error_of_the_reader_reaches_who_reads_ahead() -> None:
    found: list[int] = []
    with pytest.raises(Failure):
        found.extend(ahead(map(failing_at(3), range(9))))
    assert workers() == []
