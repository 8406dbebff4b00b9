"""Stores: what is in them, who may go on with them, and that interruptions leave no trace."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.coordinates import grid
from convis_xr.engine import checkpoint, layout, store
from convis_xr.engine.checkpoint import Checkpoint
from convis_xr.engine.state import GROUP, read_state
from tests.engine.cases import Cells, film, tree

BOTH = ["current", "spikes"]
CHUNK = 7


def run_into(folder: Path, model: Any = None, stimulus: Any = None, **options: Any) -> xr.Dataset:
    options = {"outputs": BOTH, "chunk": CHUNK, "store": folder} | options
    return cx.run(Cells() if model is None else model, film() if stimulus is None else stimulus, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "response.zarr"
    run_into(folder)
    return folder


class Interrupted(Exception):
    """Stands for whatever ends a run."""


class Interrupting:
    """Replaces a function by one that fails at its n-th call, before or after it has done its work."""

    def __init__(self, function: Callable[..., Any], call: int, *, after: bool) -> None:
        self.function, self.left, self.after = function, call, after

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Interrupted
        done = self.function(*args, **kwargs)
        if self.left == 0:
            raise Interrupted
        return done


def interrupted(folder: Path, call: int = 4, **options: Any) -> None:
    """Leave a store whose run ended when its mark was set for the ``call``-th time."""
    with pytest.MonkeyPatch.context() as patch:
        save = Checkpoint.save
        breaking = Interrupting(save, call, after=True)
        patch.setattr(Checkpoint, "save", lambda mark, place: breaking(mark, place))
        with pytest.raises(Interrupted):
            run_into(folder, **options)


def test_a_stored_result_is_that_in_memory(finished: Path) -> None:
    expected = cx.run(Cells(), film(), outputs=BOTH)
    opened = xr.open_zarr(finished)
    xr.testing.assert_equal(opened, expected)
    for name in opened.variables:
        assert opened[name].attrs == expected[name].attrs
    assert opened.attrs.items() >= expected.attrs.items()
    for path, value in read_state(expected).items():
        assert torch.equal(read_state(opened)[path], value)


def test_the_result_is_opened_lazily(tmp_path: Path) -> None:
    made = run_into(tmp_path / "response.zarr")
    assert made.spikes.chunks is not None
    assert made.convis.state.keys() == read_state(made).keys()


def test_every_reader_of_zarr_reads_the_store(finished: Path) -> None:
    by_listing = xr.open_zarr(finished, consolidated=False)
    xr.testing.assert_identical(by_listing, xr.open_zarr(finished))
    group = zarr.open_group(finished, mode="r")
    assert group["spikes"].metadata.dimension_names == ("time", "y", "x")
    assert sorted(name for name, _ in group[GROUP].arrays()) == sorted(read_state(xr.open_zarr(finished)))


def test_units_and_coordinates_survive_netcdf_and_pint(finished: Path, tmp_path: Path) -> None:
    import pint_xarray  # noqa: F401 - registers the accessor

    opened = xr.open_zarr(finished)
    opened.to_netcdf(tmp_path / "copy.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "copy.nc", engine="h5netcdf") as copy:
        xr.testing.assert_identical(copy.load(), opened.load())
    quantified = opened.pint.quantify()
    assert str(quantified.current.pint.units) == "hertz"
    assert str(quantified.spikes.pint.units) == "count"


def test_a_result_in_memory_survives_both_formats(tmp_path: Path) -> None:
    made = cx.run(Cells(), film(), outputs=BOTH)
    made.to_netcdf(tmp_path / "copy.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "copy.nc", engine="h5netcdf") as copy:
        xr.testing.assert_identical(copy.load(), made)
    made.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "copy.zarr", consolidated=False).load(), made)


def test_coordinates_beside_the_dimensions_are_kept(tmp_path: Path) -> None:
    stimulus = film().assign_coords(trial=3, shown=("time", np.arange(60) % 2 == 0), part=("y", list("abcde")))
    run_into(tmp_path / "r.zarr", stimulus=stimulus)
    opened = xr.open_zarr(tmp_path / "r.zarr")
    for name in ("trial", "shown", "part"):
        assert opened[name].dims == stimulus[name].dims
        assert opened[name].values.tolist() == stimulus[name].values.tolist()


def test_a_film_from_a_store_leaves_nothing_of_its_encoding(tmp_path: Path) -> None:
    film().to_dataset().to_zarr(tmp_path / "film.zarr", zarr_format=2, consolidated=False)
    source = xr.open_zarr(tmp_path / "film.zarr", consolidated=False)
    made = run_into(tmp_path / "r.zarr", stimulus=source)
    xr.testing.assert_equal(made.load(), cx.run(Cells(), film(), outputs=BOTH))
    assert json.loads(made.attrs["convis_xr_provenance"])["stimulus"]["source"] == "film.zarr"


def test_a_very_long_time_axis_is_never_written_out_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convis_xr import coordinates

    monkeypatch.setattr(coordinates, "LONGEST_EXPLICIT", 10)
    monkeypatch.setattr(layout, "_AXIS_CHUNK", 16)
    values = film(60)
    long = xr.DataArray(values.values, grid(dict(values.sizes), cx.Sampling("1 ms", "0.1 deg")), values.dims)
    long.attrs["units"] = "1"
    made = run_into(tmp_path / "r.zarr", stimulus=long)
    assert type(made.xindexes["time"]).__name__ == "RangeIndex"
    assert "low.low_pass" in read_state(made)
    opened = xr.open_zarr(tmp_path / "r.zarr")
    np.testing.assert_allclose(opened.time, film().time, rtol=1e-12)
    assert opened.time.attrs == dict(long.time.attrs)
    interrupted(tmp_path / "again.zarr", stimulus=long)
    run_into(tmp_path / "again.zarr", stimulus=long, resume=True)
    assert tree(tmp_path / "again.zarr") == tree(tmp_path / "r.zarr")


def test_zeros_are_written_too(tmp_path: Path) -> None:
    cx.run(cx.filters.LowPass(), film() * 0 + 0.0, store=tmp_path / "r.zarr", chunk=20)
    assert len(list((tmp_path / "r.zarr" / "response").glob("c.*"))) == 3


@given(call=st.integers(1, 12))
def test_resumed_equals_uninterrupted_byte_by_byte(
    finished: Path, tmp_path_factory: pytest.TempPathFactory, call: int
) -> None:
    """The mark is set before anything is written, then when all is laid out, then after each of 9 chunks."""
    folder = tmp_path_factory.mktemp("store") / "r.zarr"
    if call <= 11:
        interrupted(folder, call)
        if call > 2:
            assert xr.open_zarr(folder).attrs["complete"] == 0
    run_into(folder, resume=True, chunk=None)  # cut as it was, whatever is asked for now
    if call <= 11:
        assert tree(folder) == tree(finished)
    shutil.rmtree(folder)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("place", "name"),
    [(checkpoint, "prepare"), (layout, "create"), (layout, "write_root"), (layout, "write_state"),
     (checkpoint, "remove"), (checkpoint.np, "savez")],
)  # fmt: skip
@pytest.mark.parametrize("call", [1, 2])
def test_wherever_a_run_ends_it_can_be_gone_on_with(
    finished: Path, tmp_path: Path, place: Any, name: str, call: int, after: bool
) -> None:
    folder = tmp_path / "r.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, Interrupting(getattr(place, name), call, after=after))
        if call == 1 or name in ("write_root", "savez"):
            with pytest.raises(Interrupted):
                run_into(folder)
        else:
            run_into(folder)
    run_into(folder, resume=True)
    assert tree(folder) == tree(finished)


def test_half_written_files_are_removed(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r.zarr"
    interrupted(folder)
    (folder / "spikes" / "c.0.0.0.partial").write_bytes(b"half")
    run_into(folder, resume=True)
    assert tree(folder) == tree(finished)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    folder = tmp_path / "r.zarr"
    interrupted(folder, call=2 + 5)
    shown = []

    class Watching(Cells):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            shown.append(x.shape[2])
            return super().forward(x)

    Watching.__module__, Watching.__qualname__, Watching.__name__ = Cells.__module__, "Cells", "Cells"
    run_into(folder, Watching(), resume=True)
    assert sum(shown) - 1 == 60 - 5 * CHUNK  # and one frame for the trial


def test_a_complete_store_is_only_opened(finished: Path) -> None:
    before = tree(finished)
    again = run_into(finished, resume=True)
    xr.testing.assert_identical(again.load(), xr.open_zarr(finished).load())
    assert tree(finished) == before


def test_a_lost_chunk_is_not_read_as_zeros(finished: Path, tmp_path: Path) -> None:
    name = next(iter(xr.open_zarr(finished).data_vars))
    shutil.copytree(finished, tmp_path / "whole.zarr")
    interrupted(tmp_path / "part.zarr")
    for folder in (tmp_path / "whole.zarr", tmp_path / "part.zarr"):
        next((folder / str(name)).glob("c.*")).unlink()
        with pytest.raises(cx.ResumeError, match=f"every chunk that was written, got .* 1 chunks of '{name}' are lost"):
            run_into(folder, resume=True)


def test_resume_of_nothing_begins(finished: Path, tmp_path: Path) -> None:
    run_into(tmp_path / "r.zarr", resume=True)
    (tmp_path / "empty.zarr").mkdir()
    run_into(tmp_path / "empty.zarr")
    assert tree(tmp_path / "r.zarr") == tree(finished) == tree(tmp_path / "empty.zarr")


def test_what_exists_is_not_touched(finished: Path, tmp_path: Path) -> None:
    before = tree(finished)
    with pytest.raises(cx.ContractError, match=r"store: wanted a path that does not exist.*resume=True"):
        run_into(finished)
    (tmp_path / "notes.txt").write_text("mine")
    for resume, error in ((False, cx.ContractError), (True, cx.ResumeError)):
        for place in (tmp_path, tmp_path / "notes.txt"):
            with pytest.raises(error, match="store: wanted"):
                run_into(place, resume=resume)
    assert tree(tmp_path) == {"notes.txt": b"mine"}
    assert tree(finished) == before


def test_a_store_of_others_is_not_ours(tmp_path: Path) -> None:
    film().to_dataset().to_zarr(tmp_path / "film.zarr", consolidated=False)
    with pytest.raises(cx.ResumeError, match="which is none"):
        run_into(tmp_path / "film.zarr", resume=True)
    (tmp_path / "r.zarr" / GROUP).mkdir(parents=True)
    (tmp_path / "r.zarr" / GROUP / "checkpoint.npz").write_bytes(b"PK nonsense")
    with pytest.raises(cx.ResumeError, match="wanted the mark of a run"):
        run_into(tmp_path / "r.zarr", resume=True)


def slower() -> Cells:
    model = Cells()
    model.low.tau = "30 ms"
    return model


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": slower()}, r"model\.parameters\.low\.tau\.value \(0\.02 there, 0\.03 here\)"),
        ({"model": Cells(seed=5)}, r"model\.settings\.cell\.seed \(0 there, 5 here\)"),
        ({"model": cx.filters.LowPass(), "outputs": ["response"]}, r"model\.class"),
        ({"stimulus": film(seed=1)}, "the stimulus' frame 0"),
        ({"stimulus": film(61)}, r"stimulus\.sizes\.time \(60 there, 61 here\)"),
        ({"stimulus": film(dtype="uint8")}, r"stimulus\.dtype"),
        ({"outputs": ["spikes"]}, "outputs"),
        ({"seed": 3}, r"seed \(None there, 3 here\)"),
        ({"initial": 0.5}, "initial"),
        ({"nan": "propagate"}, "nan"),
        ({"start": 1}, r"stimulus\.first_sample \(0 there, 1 here\)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("complete", [False, True])
def test_another_run_is_refused_and_told_apart(
    finished: Path, tmp_path: Path, change: dict[str, Any], named: str, complete: bool
) -> None:
    folder = finished
    if not complete:
        folder = tmp_path / "r.zarr"
        interrupted(folder)
    before = tree(folder)
    with pytest.raises(cx.ResumeError, match=named):
        run_into(folder, resume=True, **change)
    assert tree(folder) == before


def test_a_film_that_changes_later_is_told_apart(tmp_path: Path) -> None:
    interrupted(tmp_path / "r.zarr", call=2 + 3)
    other = film().copy()
    other[3 * CHUNK - 1] += 0.1
    with pytest.raises(cx.ResumeError, match=f"frame {3 * CHUNK - 1}"):
        run_into(tmp_path / "r.zarr", stimulus=other, resume=True)


def test_the_disk_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(store.shutil, "disk_usage", lambda place: usage(10**9, 10**9 - 10**5, 10**5))
    with pytest.raises(cx.ContractError, match=r"store: wanted at most 97\.7 KiB, the free space, got .* of outputs"):
        run_into(tmp_path / "deep" / "r.zarr", stimulus=film(1000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["s3://bucket/r.zarr", "r.zarr.zip"])
def test_a_store_is_a_directory(place: str) -> None:
    with pytest.raises(cx.ContractError, match="store: wanted a directory"):
        run_into(Path(), store=place)


def test_an_error_of_the_disk_reaches_the_caller(finished: Path, tmp_path: Path) -> None:
    full = Interrupting(np.savez, 5, after=False)
    full.function = np.savez
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", full)
        with pytest.raises(Interrupted):
            run_into(tmp_path / "r.zarr")
    run_into(tmp_path / "r.zarr", resume=True)
    assert tree(tmp_path / "r.zarr") == tree(finished)


def test_the_state_of_an_unfinished_store_is_no_result(tmp_path: Path) -> None:
    interrupted(tmp_path / "r.zarr")
    with pytest.raises(cx.ContractError, match="resume=True"):
        read_state(xr.open_zarr(tmp_path / "r.zarr"))
    with pytest.raises(cx.ContractError, match="the result of a finished run"):
        read_state(film().to_dataset())


def test_a_state_goes_on_from_a_store(finished: Path) -> None:
    state = read_state(xr.open_zarr(finished))
    both = xr.concat([film(), film(seed=9).assign_coords(time=0.06 + film().time.values)], "time")
    both.time.attrs.update(film().time.attrs)
    both.attrs.update(film().attrs)
    later = cx.run(Cells(), both, start=60, state=state, outputs=BOTH)
    xr.testing.assert_equal(later, cx.run(Cells(), both, outputs=BOTH).isel(time=slice(60, None)))
