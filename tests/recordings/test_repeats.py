"""`cut`: trials as repeats, against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import cut, spike_table


def trials(start, stop, **columns):
    made = {"start": start, "stop": stop}
    table = xr.Dataset({name: ("trial", np.asarray(ends, float), {"units": "s"}) for name, ends in made.items()})
    return table.assign({name: ("trial", values) for name, values in columns.items()})


def response(steps, cells=2, start=0.0):
    values = np.arange(steps * cells).reshape(steps, cells)
    time = ("time", start + np.arange(steps) * 0.01, {"units": "s"})
    return xr.DataArray(
        values, {"time": time, "cell": list("abcdef"[:cells])}, ("time", "cell"), attrs={"units": "count"}
    )


@given(
    ticks=st.lists(st.integers(0, 2000), max_size=60),
    ends=st.lists(st.tuples(st.integers(0, 1500), st.integers(20, 400)), min_size=1, max_size=6),
    chunked=st.booleans(),
)
def test_spikes_of_each_trial_are_those_of_a_loop(ticks, ends, chunked):
    # in ms, so that a loop of whole numbers says which step a spike falls into
    start, length = (np.array(part) for part in zip(*ends, strict=True))
    table = trials(start * 1e-3, (start + length) * 1e-3)
    spikes = spike_table({"a": np.array(ticks) * 1e-3, "b": [0.5]})
    found = cut(
        spikes.chunk(event=3) if chunked else spikes, table, dt="10 ms", cells=xr.Dataset(coords={"cell": ["a"]})
    )
    assert found.dims == ("repeat", "time", "cell")
    assert found.sizes == {"repeat": len(ends), "time": max(length) // 10, "cell": 1}
    wanted = np.full((len(ends), max(length) // 10), np.nan)
    for row, (begin, long) in enumerate(ends):
        wanted[row, : long // 10] = 0
        for tick in ticks:
            step = (tick - begin) // 10
            if 0 <= step < long // 10:
                wanted[row, step] += 1
    np.testing.assert_array_equal(found.values[..., 0], wanted)
    np.testing.assert_allclose(found["time"].values, np.arange(max(length) // 10) * 0.01)


@given(
    ends=st.lists(st.tuples(st.integers(-100, 950), st.integers(20, 300)), min_size=1, max_size=6),
    block=st.integers(1, 100),
    offset=st.sampled_from([0.0, 7200.03]),
)
def test_a_response_is_cut_at_its_steps(ends, block, offset):
    whole = response(100, start=offset)
    start, length = (np.array(part) for part in zip(*ends, strict=True))
    table = trials(offset + start * 1e-3, offset + (start + length) * 1e-3)
    beside = (start + length <= 0) | (start >= 1000)
    first = [math.ceil(begin / 10) for begin in start]
    last = [
        min(math.ceil((begin + long) / 10), at + long // 10)
        for begin, long, at in zip(start, length, first, strict=True)
    ]
    if beside.any() or any(end <= 0 for end in last) or any(at >= 100 for at in first):
        with pytest.raises(cx.ContractError, match="trials: wanted trials within the response"):
            cut(whole, table)
        return
    found = cut(whole.chunk(time=block), table)
    values = found.values
    for row, (at, end) in enumerate(zip(first, last, strict=True)):
        for step in range(found.sizes["time"]):
            inside = at + step < end and 0 <= at + step < 100
            wanted = whole.values[at + step] if inside else [np.nan, np.nan]
            np.testing.assert_array_equal(values[row, step], wanted)
    np.testing.assert_array_equal(cut(whole, table).values, values)


def test_conditions_lie_along_repeat():
    table = trials([0.0, 0.5], [0.1, 0.6], contrast=[0.3, 0.9], eye=["left", "right"])
    for found in (cut(response(100), table), cut(spike_table({"a": [0.05]}), table, dt="10 ms")):
        assert found["contrast"].dims == found["eye"].dims == ("repeat",)
        assert found["eye"].values.tolist() == ["left", "right"]
        np.testing.assert_array_equal(found["start"].values, [0.0, 0.5])
        assert found.attrs["units"] == "count"
        assert cx.Sampling.of(found["time"]).dt_s == 0.01
    named = table.assign_coords(trial=[7, 9])
    assert cut(response(100), named)["repeat"].values.tolist() == [7, 9]


def test_columns_of_cells_come_along_and_nothing_is_computed():
    cells = xr.Dataset({"depth": ("cell", [1.0, 2.0])}, {"cell": ["a", "z"]})
    found = cut(spike_table({"a": [0.05]}), trials([0.0], [0.1]), dt="10 ms", cells=cells)
    assert found.chunks is not None
    assert found["depth"].values.tolist() == [1.0, 2.0]
    assert found.sum("time").values.tolist() == [[1.0, 0.0]]
    known = response(100).assign_coords(depth=("cell", [1.0, 2.0]))
    assert cut(known, trials([0.0], [0.1]))["depth"].values.tolist() == [1.0, 2.0]


def test_one_cell_and_floats_keep_their_form():
    rate = response(100).isel(cell=0, drop=True).astype("float64").assign_attrs(units="Hz")
    found = cut(rate, trials([0.0, 0.2], [0.1, 0.25]))
    assert found.dims == ("repeat", "time")
    assert found.dtype == np.float64
    assert found.attrs["units"] == "Hz"
    assert np.isnan(found.values[1, 5:]).all()


def test_trials_in_ms():
    table = trials([0.0], [100.0])
    for name in ("start", "stop"):
        table[name].attrs["units"] = "ms"
    assert cut(response(100), table).sizes["time"] == 10


@pytest.mark.parametrize(
    ("recorded", "table", "options", "message"),
    [
        (spike_table({0: [0.1]}), trials([0.0], [1.0]), {}, r"dt: wanted a time step, got none\. Cure: cut\("),
        (response(10), trials([0.0], [0.1]), {"dt": "1 ms"}, "dt: wanted nothing: a response has its own"),
        (response(10), trials([0.5], [0.1]), {}, r"wanted trials that end after they start, got trial 0 from 0\.5"),
        (
            response(10),
            trials([0.0, 5.0], [0.1, 6.0]),
            {},
            r"within the response, 0 to 0\.1 s, got trial 1 from 5 to 6",
        ),
        (response(10), trials([0.0], [0.005]), {}, r"wanted at least one step of 0\.01 s, got trial 0 of 0\.005 s"),
        (response(10), [(0.0, 1.0)], {}, r"trials: wanted a table with start and stop \[s\], got list"),
        (response(10), trials([], []), {}, "trials: wanted one row for each trial"),
        (response(10).expand_dims("repeat"), trials([0.0], [0.1]), {}, "wanted one recording, got repeats already"),
    ],
)
def test_what_cannot_be_cut_raises(recorded, table, options, message):
    with pytest.raises(cx.ContractError, match=message):
        cut(recorded, table, **options)


def test_trials_without_a_unit_raise():
    table = trials([0.0], [0.1])
    del table["start"].attrs["units"]
    with pytest.raises(cx.UnitError, match=r"trials\['start'\]: wanted times with a unit"):
        cut(response(10), table)
