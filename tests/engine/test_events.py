"""Exact spike times: the same events however a run is cut, labelled, stored and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine import layout
from convis_xr.engine.state import read_state
from convis_xr.events import Events
from convis_xr.models.retina import GanglionConfig, RetinaConfig
from convis_xr.models.retina.cells import SquareArray
from tests.engine.cases import film, tree
from tests.engine.test_store import interrupted

ALL = ["times", "response"]
STEPS = 60


def currents(shape: tuple[int, ...] = (STEPS, 5, 6), peak: float = 900.0) -> xr.DataArray:
    values = np.random.default_rng(3).random(shape).astype("f4") * peak
    return cx.as_stimulus(values, dt="5 ms", pixel_size="0.1 deg", units="Hz")


def cell() -> cx.Layer:
    return cx.spiking.NoisyLIF(refractory_mean="1 ms", refractory_sd="0.5 ms")


def fired(**options: Any) -> xr.Dataset:
    return cx.run(cell(), currents(), **({"outputs": ALL} | options))


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return fired(chunk=STEPS)


def counted(events: xr.Dataset, counts: xr.DataArray, name: str = "times_event") -> np.ndarray:
    """The oracle: a histogram of the table."""
    made = np.zeros(counts.shape, "uint8")
    index = [np.searchsorted(counts.time.values, events[f"{name}_time"].values + 1e-12, side="right") - 1]
    for dim in counts.dims[1:]:
        labels = list(counts[dim].values)
        index.append(np.array([labels.index(label) for label in events[f"{name}_{dim}"].values]))
    np.add.at(made, tuple(index), 1)
    return made


def test_events_binned_are_the_counts(whole: xr.Dataset) -> None:
    assert int(whole.response.max()) > 1  # several in one step are kept
    np.testing.assert_array_equal(counted(whole, whole.response), whole.response)


def test_times_are_those_of_the_kernel(whole: xr.Dataset) -> None:
    from convis_xr.kernels.lif import noisy_lif_times
    from convis_xr.kernels.philox import key_of

    x = torch.from_numpy(currents().values)[None, None]
    rest = torch.zeros_like(x[:, :, 0])
    _, _, events = noisy_lif_times(x, (rest, rest), dt=0.005, key=key_of(0, ""), **cell().constants)
    expected = np.sort(currents().time.values[events.step] + events.offset.numpy())
    np.testing.assert_array_equal(whole.times, expected)


def test_a_constant_current_without_noise_fires_as_the_closed_form_says() -> None:
    step = cx.as_stimulus(np.full(100, 200.0), dt="10 ms", units="Hz")
    made = cx.run(cx.spiking.NoisyLIF(g_leak="50 Hz", noise=0.0, refractory_mean="3 ms"), step, outputs="times")
    rise = np.log(200 / (200 - 50)) / 50
    expected = rise + np.arange(len(made.times)) * (rise + 0.003)
    np.testing.assert_allclose(made.times, expected, rtol=1e-9)
    assert len(expected) == int((1.0 - rise) / (rise + 0.003)) + 1


@given(chunk=st.integers(1, 70), block=st.integers(1, 61))
def test_any_cut_gives_the_same_events(whole: xr.Dataset, chunk: int, block: int) -> None:
    made = cx.run(cell(), currents().chunk(time=block), outputs=ALL, chunk=chunk)
    xr.testing.assert_identical(made, whole)


def test_so_does_a_model_that_computes_in_blocks() -> None:
    model = cx.models.Retina("primate", ganglion=["parvo_on"])
    outputs = ["parvo_on_times", "parvo_on"]
    expected = cx.run(model, film(90, 6, 7), outputs=outputs)
    assert expected.sizes["parvo_on_event"] == int(expected.parvo_on.sum()) > 10
    model.block_bytes = 6 * 7 * 4 * 11
    made = cx.run(model, film(90, 6, 7), outputs=outputs, chunk=40)
    xr.testing.assert_identical(made.drop_attrs(deep=False), expected.drop_attrs(deep=False))


def test_a_table_alone_has_plain_names() -> None:
    made = fired(outputs=["times"])
    assert made.times.dims == ("event",)
    assert set(made.coords) == {"time", "y", "x"}
    np.testing.assert_array_equal(made.time, made.times)
    assert made.times.dtype == "float64"
    assert made.times.attrs["units"] == made.time.attrs["units"] == "s"
    assert made.y.attrs["units"] == "degree"
    assert bool((np.diff(made.times) >= 0).all())


def test_a_table_beside_others_has_names_of_its_own(whole: xr.Dataset) -> None:
    assert set(whole.coords) == {"time", "y", "x", "times_event_time", "times_event_y", "times_event_x"}
    alone = fired(outputs=["times"])
    np.testing.assert_array_equal(whole.times, alone.times)
    np.testing.assert_array_equal(whole.times_event_y, alone.y)
    model = cx.models.Retina("primate", ganglion=["parvo_on", "magno_off"])
    both = cx.run(model, film(), outputs=["parvo_on_times", "magno_off_times"])
    assert both.parvo_on_times.dims == ("parvo_on_event",)
    assert both.magno_off_times.dims == ("magno_off_event",)
    assert both.parvo_on_event_y.dims == ("parvo_on_event",)


def test_batches_channels_and_trials_are_columns() -> None:
    stimulus = currents((2, 3, 20, 4, 5)).assign_coords(channel=["L", "M", "S"], batch=[7, 9])
    made = cx.run(cell(), stimulus, outputs=["times"], repeats=2, chunk=6)
    counts = cx.run(cell(), stimulus, repeats=2).response
    assert set(made.coords) == {"time", "y", "x", "batch", "channel", "repeat"}
    assert made.channel.dtype == made.batch.dtype == made["repeat"].dtype == "int64"
    for dim, labels in (("repeat", [0, 1]), ("batch", [7, 9]), ("channel", [0, 1, 2])):
        for index, label in enumerate(labels):
            assert int((made[dim] == label).sum()) == int(counts.isel({dim: index}).sum())


def test_events_of_single_cells_and_of_parts(whole: xr.Dataset) -> None:
    pixels = [(2, 3), (0, 0), (2, 3)]
    made = fired(outputs=["times"], cells=pixels)
    y, x = currents().y.values, currents().x.values
    for number, (row, column) in enumerate(pixels):
        here = (whole.times_event_y == y[row]) & (whole.times_event_x == x[column])
        own = made.where(made.cell == number, drop=True)
        np.testing.assert_array_equal(own.times, whole.times[here.values])
        assert bool((own.y == y[row]).all())
        assert bool((own.x == x[column]).all())
    part = fired(outputs=["times"], region=(slice(1, 3), slice(2, 6)))
    inside = whole.times_event_y.isin(y[1:3]) & whole.times_event_x.isin(x[2:])
    np.testing.assert_array_equal(part.times, whole.times[inside.values])


def test_a_model_of_ones_own_may_hand_events_out() -> None:
    """They are narrowed as frames are."""

    class Own(cx.Layer):
        output_names = ("times",)  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__()
            self.cell = cell()

        def forward(self, x: torch.Tensor) -> dict[str, Events]:
            return {"times": self.cell.fire(x)[1]}

    def same(made: xr.Dataset, **options: Any) -> None:
        expected = cx.run(Named(), currents(), outputs=["times"], **options)
        xr.testing.assert_equal(made, expected)

    class Named(cx.Layer):
        """As `Own`, but the cell narrows before it fires."""

        output_names = ("times",)  # type: ignore[assignment]
        selects = True

        def __init__(self) -> None:
            super().__init__()
            self.cell = cell()

        def forward(self, x: torch.Tensor) -> dict[str, Events]:
            if self.selection is None:
                return {"times": self.cell.fire(x)[1]}
            index = self.selection.take(self.cell.cells(x))
            return {"times": self.cell.fire(self.selection.take(x), index)[1]}

    for options in ({}, {"cells": [(2, 3), (0, 0), (2, 3)]}, {"region": (slice(1, 3), slice(2, 6))}):
        same(cx.run(Own(), currents(), chunk=7, **options), **options)  # type: ignore[arg-type]
    assert Own()(currents())["times"].dims == ("event",)


def test_events_of_an_array_of_cells() -> None:
    config = RetinaConfig(ganglion=(GanglionConfig("on", cells=SquareArray("7/deg")),))
    made = cx.run(cx.models.Retina(config), film(80, 9, 12), outputs=["on_times"])
    counts = cx.run(cx.models.Retina(config), film(80, 9, 12), outputs=["on"])
    assert set(made.coords) == {"time", "y", "x", "cell"}
    np.testing.assert_array_equal(np.bincount(made.cell, minlength=counts.sizes["cell"]), counts["on"].sum("time"))
    np.testing.assert_array_equal(made.x, counts.x.values[made.cell])
    both = cx.run(cx.models.Retina(config), film(80, 9, 12), outputs=["on", "on_times"])
    assert both["on"].dims == ("time", "on_cell")
    np.testing.assert_array_equal(both.on_event_cell, made.cell)


@pytest.mark.parametrize("cells", [None, SquareArray("7/deg")])
def test_the_convention_of_virtualretina_has_them_too(cells: Any) -> None:
    config = RetinaConfig(ganglion=(GanglionConfig("on", cells=cells, pooling_sigma="0.1 deg"),))
    model = cx.models.Retina(config, convention="virtualretina")
    whole = cx.run(model, film(80, 7, 8), outputs=["on", "on_times"])
    steps = np.searchsorted(whole.time.values, whole.on_times.values + 1e-12, side="right") - 1
    space = [dim for dim in whole["on"].dims if dim != "time"]
    np.testing.assert_array_equal(np.bincount(steps, minlength=80), whole["on"].sum(space))
    part = (slice(1, 5), slice(2, 6))
    made = cx.run(model, film(80, 7, 8), outputs=["on"], region=part, chunk=11)
    alone = cx.run(model, film(80, 7, 8), outputs=["on"])
    wanted = alone.isel(y=part[0], x=part[1]) if cells is None else alone.sel(cell=made.cell.values)
    xr.testing.assert_equal(made, wanted)


def test_labels_of_time_in_any_form() -> None:
    plain = fired(outputs=["times"]).times.values
    late = currents().assign_coords(time=("time", 100 + 1000 * currents().time.values, {"units": "ms"}))
    np.testing.assert_allclose(cx.run(cell(), late, outputs=["times"]).times, plain + 0.1, rtol=1e-12)
    part = cx.run(cell(), late, outputs=["times"], start=20)
    assert float(part.times.min()) >= 0.2
    dates = np.datetime64("2020-01-01", "ns") + np.arange(STEPS) * np.timedelta64(5, "ms")
    dated = currents().assign_coords(time=dates)
    np.testing.assert_allclose(cx.run(cell(), dated, outputs=["times"]).times, plain, rtol=1e-9)
    assert 0.1 <= float(cx.run(cell(), dated, outputs=["times"], start=20).times.min()) < 0.12
    spans = currents().assign_coords(time=dates - dates[0] + np.timedelta64(1, "s"))
    np.testing.assert_allclose(cx.run(cell(), spans, outputs=["times"]).times, plain + 1, rtol=1e-9)


def test_no_spike_at_all(tmp_path: Path) -> None:
    still = currents() * 0.0
    still.attrs["units"] = "Hz"
    model = cx.spiking.NoisyLIF(noise=0.0)
    made = cx.run(model, still, outputs=ALL, store=tmp_path / "r.zarr", chunk=7)
    assert made.sizes["times_event"] == 0
    xr.testing.assert_equal(made.load(), cx.run(model, still, outputs=ALL))
    cx.run(model, still, outputs=ALL, store=tmp_path / "r.zarr", resume=True)


# --- stores -----------------------------------------------------------------------------------------------------------


def store_in(folder: Path, **options: Any) -> xr.Dataset:
    return fired(store=folder, chunk=7, **options)


@pytest.mark.parametrize("outputs", [ALL, ["times"]])
def test_a_stored_table_is_that_in_memory(tmp_path: Path, outputs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "EVENT_CHUNK", 50)
    made = store_in(tmp_path / "r.zarr", outputs=outputs, repeats=2)
    expected = fired(outputs=outputs, repeats=2)
    for opened in (made, xr.open_zarr(tmp_path / "r.zarr"), xr.open_zarr(tmp_path / "r.zarr", consolidated=False)):
        xr.testing.assert_identical(opened.load().drop_attrs(deep=False), expected.drop_attrs(deep=False))
    assert read_state(xr.open_zarr(tmp_path / "r.zarr")).keys() == read_state(expected).keys()


def test_a_lost_chunk_of_a_table_is_told(tmp_path: Path) -> None:
    store_in(tmp_path / "r.zarr")
    (tmp_path / "r.zarr" / "times_event_y" / "c.0").unlink()
    with pytest.raises(cx.ResumeError, match="1 chunks of 'times_event_y' are lost"):
        store_in(tmp_path / "r.zarr", resume=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a store whose tables take several chunks."""
    folder = tmp_path_factory.mktemp("store") / "whole.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "EVENT_CHUNK", 50)
        store_in(folder)
    return tree(folder)


@pytest.mark.parametrize("call", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("appending", [False, True])
def test_resumed_equals_uninterrupted_byte_by_byte(
    uninterrupted: dict[str, bytes], tmp_path: Path, call: int, appending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "EVENT_CHUNK", 50)
    if appending:
        _die_appending(tmp_path / "r.zarr", call)
    else:
        interrupted(tmp_path / "r.zarr", call, model=cell(), stimulus=currents(), outputs=ALL)
    store_in(tmp_path / "r.zarr", resume=True)
    assert tree(tmp_path / "r.zarr") == uninterrupted


def _die_appending(folder: Path, call: int) -> None:
    """End a run between the columns of a table, or after all of them and before the mark."""

    class Died(Exception):
        pass

    append, left = layout.append, [call]

    def dying(columns: Any, rows: Any, at: int) -> int:
        left[0] -= 1
        if left[0] == 0:
            append(columns, dict(list(rows.items())[: 1 + call % 4]), at)
            raise Died
        return append(columns, rows, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "append", dying)
        with pytest.raises(Died):
            store_in(folder)


KILLED = """
    import os, signal
    from pathlib import Path
    from convis_xr.engine.checkpoint import Checkpoint
    from tests.engine.test_events import store_in
    save, left = Checkpoint.save, [6]
    def dying(mark, folder):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        save(mark, folder)
    Checkpoint.save = dying
    store_in(Path({folder!r}))
"""


def test_a_process_that_is_killed_leaves_no_trace(tmp_path: Path) -> None:
    code = textwrap.dedent(KILLED).format(folder=str(tmp_path / "r.zarr"))
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    assert done.returncode == -signal.SIGKILL
    store_in(tmp_path / "r.zarr", resume=True)
    store_in(tmp_path / "whole.zarr")
    assert tree(tmp_path / "r.zarr") == tree(tmp_path / "whole.zarr")


def test_a_plan_reckons_with_events() -> None:
    made = cx.plan(cell(), currents(), outputs=ALL, store="x", chunk=20)
    assert [table.name for table in made.tables] == ["times"]
    assert made.tables[0].row_bytes == 4 * 8
    assert "times (times_event) with times_event_time, times_event_y, times_event_x" in repr(made)
    alone = cx.plan(cell(), currents(), outputs=["response"], store="x", chunk=20)
    assert made.disk - alone.disk == pytest.approx(30 * 100 * 0.3 * 32 + 4 * 2**16, abs=60)


# --- what is made of them -----------------------------------------------------------------------------------------


def test_spikes_are_exact_where_there_are_exact_times(whole: xr.Dataset) -> None:
    tables = whole.convis.spikes()
    assert list(tables) == ["response"]
    table = tables["response"]
    np.testing.assert_array_equal(table["time"], whole.times)
    np.testing.assert_array_equal(table["y"], whole.times_event_y)
    assert table["time"].dims == ("event",)
    alone = fired(outputs=["times"]).convis.spikes()["response"]
    xr.testing.assert_equal(alone.to_dataset(), table.to_dataset())
    model = cx.models.Retina("primate", ganglion=["parvo_on", "magno_off"])
    mixed = cx.run(model, film(), outputs=["parvo_on", "magno_off", "magno_off_times"]).convis.spikes()
    assert list(mixed) == ["parvo_on", "magno_off"]
    assert "exact" not in str(mixed["parvo_on"]["time"].attrs.get("long_name"))
    assert {"y", "x"} <= set(mixed["magno_off"].coords)


def test_times_are_no_output_of_cells_that_do_not_spike() -> None:
    model = cx.models.Retina("primate", spikes=False)
    assert not [name for name in model.output_names if name.endswith("_times")]
    with pytest.raises(cx.ContractError, match="outputs: wanted names among"):
        cx.run(model, film(), outputs=["parvo_on_times"])
