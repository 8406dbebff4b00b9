"""The bar shows itself on terminals only."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import convis_xr as cx
from convis_xr.engine import progress
from convis_xr.engine.progress import COMPILING, compiling_told
from tests.engine.cases import film


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **options: bool) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    cx.run(cx.filters.LowPass(), film(2), progress=False)  # the kernels' own threads stay
    before = threading.active_count()
    cx.run(cx.filters.LowPass(), film(2000), chunk=1, **options)
    assert threading.active_count() <= before
    return stream.getvalue()


def test_silent_where_standard_error_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""


def test_silent_where_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), progress=False) == ""
    with cx.set_options(progress=False):
        assert shown(monkeypatch, Terminal()) == ""


def test_a_terminal_sees_samples_and_pixels_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Terminal())
    assert "2.00k/2.00k" in text
    assert "samples/s" in text
    assert "Mpx/s" in text


@contextmanager
def compiled_twice(tell: Callable[[str], None]) -> Iterator[None]:
    """As if two loops were compiled in the block."""
    tell("one")
    tell("two")
    yield


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, wanted: bool = True) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "compiling", compiled_twice)
    with compiling_told(wanted):
        return stream.getvalue()


def test_compiling_is_told_once_and_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, Terminal()) == COMPILING + "\n"
    assert told(monkeypatch, io.StringIO()) == ""
    assert told(monkeypatch, Terminal(), wanted=False) == ""


def test_compiling_is_told_to_the_logger_where_one_listens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "convis_xr"):
        assert told(monkeypatch, Terminal()) == ""
    assert caplog.messages == [COMPILING]
