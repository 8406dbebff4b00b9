"""`convis-xr demo`: what it prints and leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import convis_xr as cx
from convis_xr.cli import main
from convis_xr.demo import FILM, PICTURE, STORE, demo


@pytest.fixture
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first frames of the sample, every second pixel of them, and one cell type instead of four."""
    half = slice(None, None, 2)
    film = cx.open_stimulus(cx.sample("big_buck_bunny")).isel(time=slice(6), y=half, x=half)
    cx.io.to_video(film, tmp_path / "short.mp4")
    monkeypatch.setattr(cx, "sample", lambda name: tmp_path / "short.mp4", raising=False)
    monkeypatch.setattr("convis_xr.demo.PRESET", "cat_x")


@pytest.mark.usefixtures("_small")
def test_demo_prints_and_leaves_what_it_says_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", "--output", str(folder)]) == 0
    first = xr.open_zarr(folder / STORE).compute()
    (folder / PICTURE).write_text("old")
    assert main(["demo", "--output", str(folder)]) == 0
    out = capsys.readouterr().out
    for word in ("<xarray.Dataset>", "Blender Foundation", "x_on", "Hz", "pixel-steps/s", "x real time", "MiB"):
        assert out.count(word) >= 2

    assert sorted(entry.name for entry in folder.iterdir()) == sorted((STORE, PICTURE, FILM))
    response = xr.open_zarr(folder / STORE).compute()
    assert response.identical(first)
    assert dict(response.sizes) == {"time": 250, "y": 44, "x": 80}
    rate = float(response["x_on"].mean()) / 1e-3
    assert f"{rate:.1f} Hz" in out
    assert 5 < rate < 300

    picture = np.asarray(Image.open(folder / PICTURE).convert("RGB"))
    assert min(picture.shape[:2]) > 300
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 200

    film = cx.open_stimulus(folder / FILM)
    assert film.sizes["time"] == 15  # 0.25 s at 0.4 of real time, 24 pictures a second
    assert film.values.std() > 20


def test_a_folder_of_somebody_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / STORE).mkdir()
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(cx.ContractError, match=r"output: wanted a new folder.*thesis.txt"):
        demo(tmp_path)
    assert (tmp_path / STORE).is_dir()


@pytest.mark.slow
def test_whole_demo_is_done_within_ninety_seconds(tmp_path: Path) -> None:
    start = time.perf_counter()
    code = f"from convis_xr.cli import main; raise SystemExit(main(['demo', '--output', {str(tmp_path / 'demo')!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 90
    assert (tmp_path / "demo" / FILM).exists()
