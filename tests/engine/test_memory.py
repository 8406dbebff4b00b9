"""What the process holds, and when the allocator is asked to give back."""

from __future__ import annotations

import numpy as np
import pytest

from convis_xr.engine import memory
from convis_xr.engine.memory import Keeper, available_bytes, resident_bytes, shown_bytes


def test_resident_memory_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = np.ones(2**26, "u1")
    assert resident_bytes() - before > 0.9 * held.nbytes


def test_available_memory_is_more_than_nothing() -> None:
    assert 2**24 < available_bytes() < 2**50


def test_without_proc_the_system_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    here = resident_bytes()
    monkeypatch.setattr(memory, "_STATM", tmp_path / "none")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert resident_bytes() >= 0.9 * here
    assert available_bytes() > 2**24


def test_memory_is_given_back_only_when_it_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    held, calls = [100], []
    monkeypatch.setattr(memory, "resident_bytes", lambda: held[0])
    keeper = Keeper(limit=150, margin=20)
    monkeypatch.setattr(keeper, "_trim", calls.append)
    for now in (100, 150, 200, 210, 220, 221, 100):
        held[0] = now
        keeper.look()
    assert len(calls) == 2  # at 200, and at 221: 20 more than what was left then


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1000, "1000 B"), (2**20, "1 MiB"), (1.5e12, "1.36 TiB")])
def test_bytes_for_people(count: float, text: str) -> None:
    assert shown_bytes(count) == text
