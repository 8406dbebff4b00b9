"""The script that prints the speeds: refuses before the tests pass, and puts a number beside its peers'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import table


def noted(row: str, by: str, value: float, wanted: float | None, unit: str = "Mpx/s") -> dict[str, Any]:
    return {"extra_info": {"row": row, "by": by, "value": value, "wanted": wanted, "unit": unit, "threads": 2}}


def test_a_row_holds_ours_what_is_wanted_and_the_peers() -> None:
    raw = {
        "machine_info": {"cpu": {"brand_raw": "some processor"}},
        "commit_info": {"id": "0123456789abcdef"},
        "datetime": "2026-01-02T03:04:05",
        "benchmarks": [
            noted("blur", "scipy", 60.0, None),
            noted("blur", "convis_xr", 512.3, 200),
            noted("gradients", "convis_xr", 2.4, 3, "x forward"),
            {"extra_info": {}},
        ],
    }
    measured = table.report(raw)
    assert [row["row"] for row in measured["rows"]] == ["blur", "gradients"]
    lines = table.markdown(measured).splitlines()
    assert "some processor" in lines[0]
    assert lines[-2] == "| blur | 2 | 512 Mpx/s | >= 200 | scipy: 60 |"
    assert lines[-1] == "| gradients | 2 | 2.4 x forward | <= 3 |  |"


def test_nothing_is_measured_where_a_test_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calls = []
    monkeypatch.setattr(table, "_pytest", lambda *arguments: calls.append(arguments) or 1)
    monkeypatch.setattr("sys.argv", ["table.py", "--json", str(tmp_path / "speed.json")])
    assert table.main() == 1
    assert len(calls) == 1
    assert "no speeds: the tests" in capsys.readouterr().err
    assert not (tmp_path / "speed.json").exists()
