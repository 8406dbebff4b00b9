"""`bin_spikes` against plain loops in fractions, and against numpy's histogram."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import bin_spikes, spike_table
from convis_xr.recordings.times import SLACK


def film(steps, dt="10 ms", start=0.0):
    made = cx.as_stimulus(np.zeros(steps), dt=dt, units="1")
    return made.assign_coords(time=made["time"] + start).assign_coords(
        time=lambda given: given["time"].assign_attrs(made["time"].attrs)
    )


def looped(times, cells, wanted, edges, dt):
    """One spike after the other, in fractions: a spike within rounding before an edge belongs to the later bin."""
    exact = [Fraction(float(edge)) - Fraction(SLACK) * Fraction(float(dt)) for edge in edges]
    counts = np.zeros((len(edges) - 1, len(wanted)), np.int64)
    outside = np.zeros(len(wanted), np.int64)
    for time, cell in zip(times, cells, strict=True):
        if cell not in wanted:
            continue
        column = wanted.index(cell)
        place = [k for k in range(len(edges) - 1) if exact[k] <= Fraction(float(time)) < exact[k + 1]]
        if place:
            counts[place[0], column] += 1
        else:
            outside[column] += 1
    return counts, outside


@given(
    ticks=st.lists(st.tuples(st.integers(-30, 400), st.integers(0, 3)), min_size=1, max_size=40),
    start=st.sampled_from([0.0, 0.1, 7200.3, -2.0]),
    dt=st.sampled_from([0.01, 1 / 60, 1 / 3, 0.001]),
    steps=st.integers(1, 30),
    block=st.integers(1, 7),
)
def test_counts_are_those_of_a_loop(ticks, start, dt, steps, block):
    # ticks of a tenth of a step: many spikes lie right at an edge, as exactly as floats can say
    grid = film(steps, dt=f"{dt!r} s", start=start)
    labels = grid["time"].values
    times = np.array([start + tick / 10 * dt for tick, _ in ticks])
    cells = np.array([cell for _, cell in ticks])
    order = np.argsort(times, kind="stable")
    table = xr.Dataset({"time": ("event", times[order], {"units": "s"})}, {"cell": ("event", cells[order])})
    wanted = sorted(set(cells.tolist()))
    step = (labels[-1] - labels[0]) / (steps - 1) if steps > 1 else dt
    counts, outside = looped(times, cells, wanted, np.append(labels, labels[-1] + step), step)
    found = bin_spikes(table, grid, outside="count")
    np.testing.assert_array_equal(found.values, counts)
    np.testing.assert_array_equal(found["outside"].values, outside)
    assert int(found.sum()) + int(found["outside"].sum()) == len(times)
    # neither blocks of events, nor of steps, nor their order change a count
    np.testing.assert_array_equal(bin_spikes(table.chunk(event=block), grid, outside="count").values, counts)
    parts = [found[at : at + block].values for at in range(0, steps, block)]
    np.testing.assert_array_equal(np.concatenate(parts), counts)
    backwards = table.isel(event=slice(None, None, -1))
    np.testing.assert_array_equal(bin_spikes(backwards, grid, outside="count").values, counts)
    np.testing.assert_array_equal(found[::-2].values, counts[::-2])


@given(seed=st.integers(0, 2**16), cells=st.integers(1, 5))
def test_counts_are_numpys_histogram(seed, cells):
    draw = np.random.default_rng(seed)
    trains = {f"c{cell}": np.sort(draw.uniform(0, 2, draw.integers(1, 50))) for cell in range(cells)}
    found = bin_spikes(spike_table(trains), film(200))
    edges = np.append(found["time"].values, 2.0)
    for name, train in trains.items():
        np.testing.assert_array_equal(found.sel(cell=name).values, np.histogram(train, edges)[0])


def test_last_step_ends_one_step_after_its_label():
    grid = film(3)
    assert bin_spikes(spike_table({0: [0.0299]}), grid).values[:, 0].tolist() == [0, 0, 1]
    with pytest.raises(cx.ContractError, match=r"spikes: wanted spikes within the grid, 0 to 0\.03 s, got spikes from"):
        bin_spikes(spike_table({0: [0.03]}), grid)


def test_spike_times_of_counts_go_back_to_their_steps():
    draw = np.random.default_rng(1).poisson(0.5, (2000, 3)).astype(np.int64)
    grid = film(2000, dt="1 ms", start=0.3)
    counts = xr.DataArray(draw, {"time": grid["time"], "cell": [5, 7, 9]}, ("time", "cell"), attrs={"units": "count"})
    back = bin_spikes(cx.analysis.spike_times(counts), grid)
    np.testing.assert_array_equal(back.values, draw)


def test_offset_and_clock_move_spikes_to_the_stimulus():
    grid = film(100)
    spikes = spike_table({0: [0.5, 1.0]})
    moved = bin_spikes(spikes, grid, offset="-250 ms", clock=1.001)
    hit = moved["time"].values[np.flatnonzero(moved.values[:, 0])]
    np.testing.assert_allclose(hit, [0.25, 0.75])
    in_ms = spikes.assign(time=(spikes["time"] * 1e3).assign_attrs(units="ms"))
    xr.testing.assert_identical(bin_spikes(in_ms, grid, outside="count"), bin_spikes(spikes, grid, outside="count"))
    with pytest.raises(cx.UnitError, match="offset: wanted a time"):
        bin_spikes(spikes, grid, offset=0.25)
    with pytest.raises(cx.ContractError, match=r"clock: wanted a factor within 1 ± 0\.01, got 1000\. Cure: .*ms read"):
        bin_spikes(spikes, grid, clock=1000)


def test_cells_are_chosen_ordered_and_may_be_silent():
    spikes = spike_table({3: [0.001], 1: [0.011, 0.012], 2: [0.02]})
    grid = film(3)
    assert bin_spikes(spikes, grid)["cell"].values.tolist() == [1, 2, 3]
    some = bin_spikes(spikes, grid, cells=[3, 1])
    assert some["cell"].values.tolist() == [3, 1]
    assert bin_spikes(spikes, grid, cells=2)["cell"].values.tolist() == [2]
    assert some.sum("time").values.tolist() == [1, 2]
    table = xr.Dataset({"depth": ("cell", [1.0, 2.0], {"units": "um"})}, {"cell": [8, 2], "y": ("cell", [0.5, 0.6])})
    known = bin_spikes(spikes, grid, cells=table)
    assert known.sum("time").values.tolist() == [0, 1]
    assert known["depth"].values.tolist() == [1.0, 2.0]
    assert known["depth"].attrs["units"] == "um"
    assert known["y"].dims == ("cell",)
    with pytest.raises(cx.ContractError, match=r"got 8, which never spikes\. Cure: a table of the cells"):
        bin_spikes(spikes, grid, cells=[8, 2])
    with pytest.raises(cx.ContractError, match="wanted each label once, got 1 twice"):
        bin_spikes(spikes, grid, cells=[1, 1])
    with pytest.raises(cx.ContractError, match="wanted at least one cell, got none"):
        bin_spikes(spike_table({}), grid)


def test_repeats_are_counted_by_themselves():
    table = xr.Dataset(
        {"time": ("event", [0.001, 0.002, 0.011, 0.5], {"units": "s"})},
        {"cell": ("event", ["a", "b", "a", "b"]), "repeat": ("event", [4, 2, 2, 4])},
    )
    found = bin_spikes(table, film(2), outside="count")
    assert found.dims == ("repeat", "time", "cell")
    assert found["repeat"].values.tolist() == [2, 4]
    assert found.values.tolist() == [[[0, 1], [1, 0]], [[1, 0], [0, 0]]]
    assert found["outside"].values.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[ns]"])
def test_dates_count_from_the_first(dtype):
    stamps = (np.arange(4) * 10_000_000).astype("timedelta64[ns]")
    if dtype.startswith("datetime"):
        stamps = np.datetime64("2026-01-01", "ns") + stamps
    grid = xr.DataArray(np.zeros(4), {"time": stamps}, attrs={"units": "1"})
    found = bin_spikes(spike_table({0: [0.0, 0.031]}), grid)
    assert found.values[:, 0].tolist() == [1, 0, 0, 1]
    assert found["time"].dtype.kind == np.dtype(dtype).kind


def test_very_long_grids_are_never_written_out():
    grid = cx.as_stimulus(np.broadcast_to(np.float32(0), (2**23 + 100,)), dt="1 ms", units="1")
    last = (2**23 + 99) * 0.001
    found = bin_spikes(spike_table({0: [0.0, last], 1: [5.0005]}), grid)
    assert type(found.xindexes["time"]) is type(grid.xindexes["time"])
    assert found[5000].values.tolist() == [0, 1]
    assert found[-1].values.tolist() == [1, 0]
    assert int(found[-2:].sum()) == 1


def test_nothing_is_counted_before_it_is_asked_for():
    spikes = spike_table({cell: np.arange(0, 3600, 0.9) for cell in range(300)})
    found = bin_spikes(spikes, film(3_600_000, dt="1 ms"))
    assert found.nbytes > 4e9
    assert max(found.chunks[0]) * 300 * 4 <= 2**22
    assert found[900].values.sum() == 300


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ([0.1, 0.2], r"spikes: wanted a table of spikes, got list\. Cure: .*spike_table"),
        (
            xr.DataTree.from_dict({"spikes": spike_table({0: [0.1]})}),
            r"wanted a table of spikes, got a whole recording\. Cure: recording\[\"spikes\"\]",
        ),
        (xr.Dataset({"t": ("event", [0.1])}), "wanted a variable time over event, got t"),
        (
            xr.Dataset({"time": ("event", [0.1], {"units": "s"})}),
            "wanted a coordinate cell over event, got coordinates",
        ),
        (xr.Dataset({"time": ("event", [0.1], {"units": "m"})}, {"cell": ("event", [0])}), "wanted a unit of time"),
        (
            xr.Dataset({"time": ("event", [0.1, np.nan], {"units": "s"})}, {"cell": ("event", [0, 0])}),
            r"wanted finite times, got nan at index 1 \(1 such",
        ),
    ],
)
def test_what_is_no_table_of_spikes_raises(spikes, message):
    with pytest.raises(cx.ConvisError, match=message):
        bin_spikes(spikes, film(3))


def test_what_is_no_grid_raises():
    spikes = spike_table({0: [0.0]})
    with pytest.raises(cx.ContractError, match="grid: wanted a stimulus with time labels, got coordinates"):
        bin_spikes(spikes, xr.DataArray(np.zeros(3), dims="time"))
    uneven = xr.DataArray(np.zeros(3), {"time": ("time", [0.0, 0.1, 0.3], {"units": "s"})})
    with pytest.raises(cx.ContractError, match="wanted a uniform grid"):
        bin_spikes(spikes, uneven)
    with pytest.raises(cx.ContractError, match='outside: wanted "raise" or "count"'):
        bin_spikes(spikes, film(3), outside="drop")


def test_tables_of_trains():
    table = spike_table({"a": [3.0, 1.0], "b": [1.0, 2.0]}, units="ms")
    np.testing.assert_array_equal(table["time"].values, np.array([1.0, 1.0, 2.0, 3.0]) * 0.001)
    assert table["cell"].values.tolist() == ["a", "b", "b", "a"]
    with pytest.raises(cx.ContractError, match=r"of a: wanted one row of numbers, got float64 of shape \(1, 2\)"):
        spike_table({"a": [[1.0, 2.0]]})
    with pytest.raises(cx.ContractError, match="spike times of a: wanted one row of numbers, got <U1"):
        spike_table({"a": ["x"]})
    with pytest.raises(cx.ContractError, match=r"trains: wanted times by label, got list\. Cure: spike_table\("):
        spike_table([[1.0], [2.0]])
    with pytest.raises(cx.ContractError, match="spike times of a: wanted finite times"):
        spike_table({"a": [np.inf]})
