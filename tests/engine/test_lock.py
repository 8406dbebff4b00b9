"""Two runs into one store: the second is told so, and harms nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import convis_xr as cx
from convis_xr.engine.lock import alone
from tests.engine.cases import Cells, film, tree


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path, resume: bool) -> None:
    place = tmp_path / "r.zarr"
    with (
        alone(place),
        pytest.raises(cx.ContractError, match=r"store: wanted a place that no other run writes to.*r\.zarr"),
    ):
        cx.run(Cells(), film(), store=place, resume=resume)
    assert not place.exists()
    cx.run(Cells(), film(), store=place, resume=resume)
    before = tree(place)
    with alone(place), pytest.raises(cx.ContractError, match="Cure: wait until it is done"):
        cx.run(Cells(), film(), store=place, resume=True)
    assert tree(place) == before


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    place = tmp_path / "r.zarr"
    lines = (
        "import os, pathlib",
        "from convis_xr.engine.lock import alone",
        f"with alone(pathlib.Path({str(place)!r})): os._exit(9)",
    )
    assert subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False).returncode == 9
    assert place.is_dir()
    with alone(place):
        pass
    assert place.is_dir(), "an empty folder that was there before stays"


def test_what_is_no_folder_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with alone(tmp_path / "notes.txt"):
        assert (tmp_path / "notes.txt").read_text() == "mine"
