"""The command: what it does, what it prints, and one line in place of a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.cli import main


@pytest.fixture
def film(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).integers(0, 255, (6, 8, 8)).astype(np.uint8)
    stimulus = cx.as_stimulus(values, dt="20 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    cx.io.to_zarr(stimulus, tmp_path / "film.zarr")
    return tmp_path / "film.zarr"


def run(film: Path, store: Path, *options: str) -> int:
    return main(["run", "primate", str(film), str(store), "--dt", "5 ms", *options])


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"convis-xr {cx.__version__}\n"


@pytest.mark.parametrize("job", ["demo", "run", "info"])
def test_each_job_has_help(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([job, "--help"])
    assert stopped.value.code == 0
    assert f"convis-xr {job}" in capsys.readouterr().out


def test_run_writes_the_store_that_python_writes(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--outputs", "parvo_on,opl", "--seed", "3", "--chunk", "10"]
    assert run(film, tmp_path / "out.zarr", *options) == 0
    assert "parvo_on" in capsys.readouterr().out
    stimulus = cx.io.resample(cx.open_stimulus(film), dt="5 ms")
    expected = cx.run(cx.models.Retina("primate"), stimulus, outputs=["parvo_on", "opl"], seed=3)
    written = xr.open_zarr(tmp_path / "out.zarr")
    xr.testing.assert_equal(written[["parvo_on", "opl"]].compute(), expected[["parvo_on", "opl"]])


def test_trials_and_a_part_of_the_frame(film: Path, tmp_path: Path) -> None:
    assert run(film, tmp_path / "out.zarr", "--repeats", "2", "--region", "1:4, -0.1 deg:0.2 deg") == 0
    stimulus = cx.io.resample(cx.open_stimulus(film), dt="5 ms")
    part = {"y": slice(1, 4), "x": slice("-0.1 deg", "0.2 deg")}
    expected = cx.run(cx.models.Retina("primate"), stimulus, repeats=2, region=part)
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "out.zarr").compute(), expected)


def test_chunk_may_be_a_time_or_follow_from_memory(film: Path, tmp_path: Path) -> None:
    assert run(film, tmp_path / "out.zarr", "--chunk", "50 ms") == 0
    assert run(film, tmp_path / "again.zarr", "--memory", "1 GiB") == 0
    assert xr.open_zarr(tmp_path / "out.zarr").sizes["time"] == 24


@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_the_model_may_be_a_file(suffix: str, film: Path, tmp_path: Path) -> None:
    config = cx.models.Retina("cat_x", input_range=255).to_config()
    getattr(config, f"write_{suffix}")(tmp_path / f"retina.{suffix}")
    arguments = ["run", str(tmp_path / f"retina.{suffix}"), str(film), str(tmp_path / "out.zarr"), "--dt", "5 ms"]
    assert main(arguments) == 0
    stimulus = cx.io.resample(cx.open_stimulus(film), dt="5 ms")
    expected = cx.run(cx.models.Retina("cat_x"), stimulus)
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "out.zarr").x_on.load(), expected.x_on)
    assert main([*arguments, "--resume"]) == 0


def film_without_pitch() -> xr.DataArray:
    """A gif has no place to note one."""
    values = np.full((4, 8, 8), 128, np.uint8)
    return cx.as_stimulus(values, dt="20 ms", pixel_size="1 deg", units="1", valid_range=(0, 255))


def test_pixel_size_of_a_file_without(tmp_path: Path) -> None:
    cx.io.to_video(film_without_pitch(), tmp_path / "film.gif")
    arguments = ["run", "primate", str(tmp_path / "film.gif"), str(tmp_path / "a.zarr"), "--dt", "5 ms"]
    assert main(arguments) == 2
    assert not (tmp_path / "a.zarr").exists()
    assert main([*arguments, "--pixel-size", "0.2 deg"]) == 0
    assert xr.open_zarr(tmp_path / "a.zarr").convis.sampling == cx.Sampling(dt="5 ms", pixel_size="0.2 deg")


def test_step_of_pictures(film: Path, tmp_path: Path) -> None:
    cx.io.to_images(cx.open_stimulus(film), tmp_path / "pictures")
    options = ["--step", "20 ms", "--pixel-size", "0.1 deg"]
    assert run(tmp_path / "pictures", tmp_path / "pictures.zarr", *options) == 0
    assert run(film, tmp_path / "film_out.zarr") == 0
    made, expected = (xr.open_zarr(tmp_path / name).load() for name in ("pictures.zarr", "film_out.zarr"))
    xr.testing.assert_equal(made, expected)


def test_a_store_is_never_written_over(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(film, tmp_path / "out.zarr", "--seed", "1") == 0
    before = xr.open_zarr(tmp_path / "out.zarr").compute()
    assert run(film, tmp_path / "out.zarr", "--seed", "2") == 2
    assert "resume" in capsys.readouterr().err
    assert run(film, tmp_path / "out.zarr", "--seed", "1", "--resume") == 0
    assert xr.open_zarr(tmp_path / "out.zarr").compute().identical(before)


def test_info_of_a_run(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(film, tmp_path / "out.zarr")
    capsys.readouterr()
    assert main(["info", str(tmp_path / "out.zarr")]) == 0
    out = capsys.readouterr().out
    assert "magno_off" in out
    assert "sampling: Sampling(dt='5 ms', pixel_size='0.1 deg')" in out
    assert "complete: yes" in out


def test_info_of_an_interrupted_run(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from convis_xr.engine.store import Store

    write, written = Store.write, []

    def stop_after_two(store: Store, made: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(made)
        write(store, made)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "write", stop_after_two)
    assert run(film, tmp_path / "out.zarr", "--chunk", "4") == 130
    assert main(["info", str(tmp_path / "out.zarr")]) == 0
    assert "complete: no, 8 of 24 steps are written" in capsys.readouterr().out


def test_info_of_a_film(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(cx.sample("big_buck_bunny"))]) == 0
    out = capsys.readouterr().out
    assert "time: 115, y: 88, x: 160" in out
    assert "complete" not in out


def test_info_of_a_grid_that_is_none_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "film.npy", np.zeros((4, 8, 8)))
    assert main(["info", str(tmp_path / "film.npy")]) == 0
    assert "wanted a coordinate with units, got none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "primat", "FILM", "OUT"], r"preset: wanted .*'primat'"),
        (["run", "primate", "NOTHING", "OUT"], r"path: wanted an existing file"),
        (["run", "primate", "FILM", "OUT", "--dt", "5"], r"dt: wanted a time"),
        (["run", "primate", "FILM", "OUT", "--outputs", "opl,parvo"], r"outputs: wanted names .*parvo"),
        (["run", "primate", "FILM", "OUT", "--dt", "5 ms", "--chunk", "0"], r"chunk: wanted"),
        (["run", "primate", "FILM", "OUT", "--dt", "5 ms", "--repeats", "0"], r"repeats: wanted"),
        (["run", "primate", "FILM", "OUT", "--dt", "5 ms", "--region", "3,4"], r"--region: wanted two ends, .*got '3'"),
        (["run", "primate", "FILM", "OUT", "--dt", "5 ms", "--region", "0:3"], r"region: wanted slices"),
        (["run", "nowhere.xml", "FILM", "OUT"], r"nowhere.xml"),
        (["run", "RETINA", "FILM", "OUT"], r"retina.xml, line 1: wanted a root element"),
        (["info", "NOTHING"], r"path: wanted an existing file"),
        (["info", "BROKEN"], r"broken.mp4: wanted a film"),
        (["info", "ODD"], r"odd.foo: wanted .*unknown type"),
        (["demo", "--output", "HOME"], r"output: wanted a new folder"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    arguments: list[str], expected: str, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_text("no film")
    (tmp_path / "odd.foo").write_text("no film")
    words = {"FILM": film, "OUT": tmp_path / "out.zarr", "NOTHING": tmp_path / "nothing", "HOME": tmp_path}
    (tmp_path / "retina.xml").write_text("<retina/>")
    words |= {"RETINA": tmp_path / "retina.xml", "BROKEN": tmp_path / "broken.mp4", "ODD": tmp_path / "odd.foo"}
    before = sorted(tmp_path.iterdir())
    assert main([str(words.get(word, word)) for word in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("convis-xr: ")
    assert re.search(expected, line)
    assert sorted(tmp_path.iterdir()) == before
