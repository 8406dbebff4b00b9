"""Spike times in tables that pandas wrote."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx

ROWS = {"time_ms": [300.0, 100.0, 200.0], "cell": ["b", "a", "b"], "amplitude": [1, 2, 3]}


def write(folder, suffix, rows):
    frame, path = pd.DataFrame(rows), folder / f"spikes{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_become_a_table_of_spikes(tmp_path, suffix):
    recording = cx.open_recording(write(tmp_path, suffix, ROWS))
    spikes = recording["spikes"].to_dataset()
    np.testing.assert_array_equal(spikes["time"].values, np.array([100.0, 200.0, 300.0]) * 0.001)
    assert spikes["time"].attrs["units"] == "s"
    assert spikes["cell"].values.tolist() == ["a", "b", "b"]
    assert spikes["amplitude"].values.tolist() == [2, 3, 1]
    assert recording["cells/cell"].values.tolist() == ["a", "b"]


@pytest.mark.parametrize("name", ["time_s", "spike_time_s", "time [s]", "Time (s)", "times_s", "time s"])
def test_the_name_of_a_column_tells_the_unit(tmp_path, name):
    path = write(tmp_path, ".csv", {name: [0.1], "unit": [4]})
    assert cx.open_recording(path, cells="unit")["spikes/time"].values.tolist() == [0.1]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"time": [1.0], "cell": [1]}, {}, r"time_unit: wanted a unit for the column 'time', got none\. Cure"),
        ({"time_ms": [1.0], "cell": [1]}, {"time_unit": "s"}, "wanted the unit of the column 'time_ms', got ms and s"),
        ({"time_m": [1.0], "cell": [1]}, {}, "wanted the unit of the column 'time_m', got m"),
        (
            {"time_ms": [1.0], "time_s": [1.0], "cell": [1]},
            {},
            r"wanted one column of times in .*time_ms, time_s",
        ),
        ({"t": [1.0], "cell": [1]}, {}, "spikes: wanted one column of times in spikes.csv, got t, cell"),
        (
            {"time_s": [1.0], "unit": [1]},
            {},
            r"cells: wanted a column of .* got 'cell'\. Cure: cells= one of time_s",
        ),
        ({"time_s": ["x"], "cell": [1]}, {}, "column 'time_s': wanted numbers, got"),
        ({"time_s": [np.nan, 1.0], "cell": [1, 1]}, {}, "column 'time_s': wanted finite times, got nan"),
        ({"time_s": [1.0], "cell": [1]}, {"dt": "1 ms"}, r"dt: wanted nothing, for spikes\.csv"),
    ],
)
def test_what_is_ambiguous_raises(tmp_path, rows, options, message):
    with pytest.raises(cx.ConvisError, match=message):
        cx.open_recording(write(tmp_path, ".csv", rows), **options)


def test_a_unit_that_agrees_is_no_fault(tmp_path):
    path = write(tmp_path, ".csv", ROWS)
    assert cx.open_recording(path, time_unit="ms")["spikes"].sizes["event"] == 3
    assert cx.open_recording(path, spikes="amplitude", time_unit="s")["spikes/time"].values.tolist() == [1.0, 2.0, 3.0]


def test_other_files_raise(tmp_path):
    (tmp_path / "spikes.parquet").write_text("no table")
    with pytest.raises(cx.FormatError, match=r"spikes\.parquet: wanted a table"):
        cx.open_recording(tmp_path / "spikes.parquet")
    (tmp_path / "spikes.csv").write_text("")
    with pytest.raises(cx.FormatError, match=r"spikes\.csv: wanted a table"):
        cx.open_recording(tmp_path / "spikes.csv")
    (tmp_path / "spikes.txt").write_text("")
    with pytest.raises(cx.FormatError, match=r"wanted a recording that ends with one of \.nwb \.h5"):
        cx.open_recording(tmp_path / "spikes.txt")
    with pytest.raises(FileNotFoundError):
        cx.open_recording(tmp_path / "nothing.csv")


@given(times=st.lists(st.floats(-1e5, 1e5, allow_subnormal=False), min_size=1, max_size=30))
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_times_keep_all_their_bits(tmp_path_factory, suffix, times):
    path = tmp_path_factory.mktemp("tables") / f"spikes{suffix}"
    cx.recordings.save(cx.recordings.spike_table({7: times}), path)
    np.testing.assert_array_equal(cx.open_recording(path)["spikes/time"].values, np.sort(times))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("labels", [["a", None], [1.0, None]])
def test_a_spike_of_no_cell_is_refused(tmp_path, suffix, labels):
    path = write(tmp_path, suffix, {"time_s": [0.1, 0.2], "cell": labels})
    with pytest.raises(cx.ContractError, match=r"column 'cell': wanted a label for each spike, got none in row 1 \(1"):
        cx.open_recording(path)


def test_further_columns_that_are_called_as_ours(tmp_path):
    path = write(
        tmp_path, ".csv", {"t": [0.2, 0.1], "unit": ["a", "b"], "time": [1, 2], "cell": [3, 4], "event": [5, 6]}
    )
    spikes = cx.open_recording(path, spikes="t", cells="unit", time_unit="s")["spikes"].to_dataset()
    assert spikes["time"].values.tolist() == [0.1, 0.2]
    assert spikes["cell"].values.tolist() == ["b", "a"]
    assert [spikes[name].values.tolist() for name in ("time_", "cell_", "event_")] == [[2, 1], [4, 3], [6, 5]]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_no_spikes_are_a_table_too(tmp_path, suffix):
    recording = cx.open_recording(write(tmp_path, suffix, {"time_s": [], "cell": []}))
    assert recording["spikes"].sizes["event"] == recording["cells"].sizes["cell"] == 0
