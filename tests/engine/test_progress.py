"""The bar shows itself on terminals only."""

from __future__ import annotations

import io
import sys
import threading

import pytest

import convis_xr as cx
from tests.engine.cases import film


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **options: bool) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
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
