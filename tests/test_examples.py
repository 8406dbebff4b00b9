"""Each example runs as a user would start it, says what it says it does, and leaves a picture."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def run_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run one as a script that writes to ``tmp_path``; its variables come back."""

    def run(name: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
        found = runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        plt.close("all")
        picture = plt.imread(tmp_path / f"{name}.png")
        assert min(picture.shape[:2]) > 300
        assert np.ptp(picture[..., :3]) == 1
        return found

    return run


def test_every_example_is_short_and_tested() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    for path in EXAMPLES.glob("*.py"):
        assert path.stem in tested
        assert sum(1 for line in path.read_text().splitlines() if line.strip()) < 60


def test_film_to_spikes(run_example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_example("film_to_spikes")
    assert "Hz on average" in capsys.readouterr().out
    with xr.open_zarr(tmp_path / "response.zarr") as stored:
        assert dict(stored.sizes) == {"time": 1000, "y": 44, "x": 80}
        assert int(stored.magno_on.sum()) == found["events"].sizes["event"]
        np.testing.assert_allclose(stored.magno_on.sum("time"), found["rates"].magno_on, rtol=1e-12)


def test_contrast_gain_control(run_example: Any) -> None:
    found = run_example("contrast_gain_control")
    contrasts = found["contrasts"]
    np.testing.assert_allclose(found["off"] / found["off"][-1], contrasts, rtol=1e-3)  # linear without
    assert found["on"][-1] / found["on"][0] < 0.25 * contrasts[-1] / contrasts[0]
    assert (np.diff(found["on"]) > 0).all()
    assert (np.diff(found["advance"]) > 0).all()


def test_spatial_tuning(run_example: Any) -> None:
    tuning = run_example("spatial_tuning")["tuning"]
    best = {name: curves["preferred_spatial_frequency"].item() for name, curves in tuning.children.items()}
    assert best["magno_on_current"] < 1 < 3 < best["parvo_on_current"] < 6
    magno = tuning["magno_on_current/F1"]
    assert magno[-1] < 0.01 * magno.max()


def test_own_model(run_example: Any, tmp_path: Path) -> None:
    found = run_example("own_model")
    for path, value in found["truth"].items():
        assert float(found["again"].p[path]) == pytest.approx(value, rel=1e-3)
    assert (tmp_path / "own_model.json").read_text().count("units") >= 3


def test_recording_to_model(run_example: Any) -> None:
    """Known cells are found again, and models score as far as the truth lets them."""
    found = run_example("recording_to_model")
    feve, cascade, truth = found["feve"], found["fitted"]["subunits"][1], found["two"]
    assert feve.sel(cell="subunits", model="LN") < 0.6
    assert (feve.sel(model="LN-LN") > 0.85).all()
    assert (feve < 1.1).all()
    for name in ("subunit", "pool"):
        own, known = (getattr(one, name).weight.detach().ravel() for one in (cascade, truth))
        assert np.corrcoef(own, known)[0, 1] > 0.95
    linear = found["fitted"]["linear"][0].conv.weight.detach().ravel()
    assert np.corrcoef(linear, found["one"].conv.weight.detach().ravel())[0, 1] > 0.94


def test_the_tutorial_tells_the_code_of_its_example() -> None:
    """All of it but the imports and where its files go: what one of them mends, the other has."""
    told = set((EXAMPLES.parent / "docs" / "tutorial.md").read_text(encoding="utf-8").splitlines())
    body = (EXAMPLES / "recording_to_model.py").read_text(encoding="utf-8").partition("import convis_xr as cx\n")[2]
    alone = [line for line in body.splitlines() if line.strip() and line not in told]
    assert len(alone) == 1
    assert "sys.argv" in alone[0]
