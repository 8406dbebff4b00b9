"""NWB files that pynwb wrote are read as they are, and lazily."""

from __future__ import annotations

import math
import pickle
import warnings

import h5py
import numpy as np
import pynwb
import pytest
import xarray as xr
from hdmf.common import VectorData, VectorIndex
from pynwb.image import ImageSeries

import convis_xr as cx
from convis_xr.recordings import hdf5, stimulus_of
from tests.recordings.files import (
    START,
    TRAINS,
    add_electrodes,
    add_stimuli,
    add_trials,
    add_units,
    noise,
    number_a_series,
    nwb_file,
    write,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = nwb_file()
    add_units(file)
    add_trials(file)
    add_electrodes(file)
    add_stimuli(file)
    path = write(file, tmp_path_factory.mktemp("nwb") / "mouse.nwb")
    number_a_series(path, "ordered", "gratings")
    return path


@pytest.fixture(scope="module")
def recording(path):
    return cx.open_recording(path)


def test_parts_and_session(recording):
    assert set(recording.children) == {"stimulus", "spikes", "cells", "trials", "electrodes", "templates"}
    assert recording.attrs["identifier"] == "mouse 7"
    assert recording.attrs["experimenter"] == "A; B"
    assert recording.attrs["session_start_time"] == START.isoformat()


def test_spikes_are_bit_for_bit_and_sorted(recording):
    spikes = recording["spikes"].to_dataset()
    assert (np.diff(spikes["time"].values) >= 0).all()
    assert spikes["time"].attrs["units"] == "s"
    for number, train in TRAINS.items():
        np.testing.assert_array_equal(spikes["time"].values[spikes["cell"].values == number], train)


def test_cells_keep_what_is_known(recording):
    cells = recording["cells"].to_dataset()
    assert cells["cell"].values.tolist() == [3, 5, 9]
    assert set(cells.coords) == {"cell", "quality", "kind", "obs_intervals"}
    assert cells["quality"].values.tolist() == [0.5, 0.7, 0.9]
    assert cells["kind"].values.tolist() == ["on", "off", "on"]
    np.testing.assert_array_equal(cells["obs_intervals"].values[0], [[0, 1.5], [np.nan, np.nan]])
    np.testing.assert_array_equal(cells["obs_intervals"].values[1], [[0, 1], [2, 3]])


def test_trials_and_electrodes(recording):
    trials = recording["trials"].to_dataset()
    assert trials["start"].values.tolist() == [0.0, 1.5]
    assert trials["stop"].values.tolist() == [1.25, 2.75]
    assert trials["start"].attrs["units"] == "s"
    assert trials["eye"].values.tolist() == ["left", "right"]
    electrodes = recording["electrodes"].to_dataset()
    assert electrodes["electrode"].values.tolist() == [10, 11]
    assert electrodes["x"].values.tolist() == [10.0, 11.0]
    assert electrodes["group"].values.tolist() == ["shank", "shank"]


def test_a_film_by_rate_in_an_optical_series(recording):
    film = stimulus_of(recording, "noise")
    assert film.dims == ("time", "y", "x")
    np.testing.assert_array_equal(film.values, noise().transpose(0, 2, 1))
    np.testing.assert_array_equal(film["time"].values, 0.5 + np.arange(50) * (1 / 60))
    assert film.attrs["units"] == "cd/m^2"
    pitch = math.degrees(2 * math.atan(0.04 / 2 / 0.5)) / 4
    np.testing.assert_allclose(film["x"].values, (np.arange(4) - 1.5) * pitch)
    pitch = math.degrees(2 * math.atan(0.03 / 2 / 0.5)) / 3
    np.testing.assert_allclose(film["y"].values, -(np.arange(3) - 1) * pitch)
    cx.plan(cx.filters.Delay("50 ms"), film)


def test_a_film_by_time_stamps_wants_a_clock(path, recording):
    film = stimulus_of(cx.open_recording(path, pixel_size="0.1 deg"), "film")
    assert film.attrs == {"units": "1", "valid_range": [0.0, 255.0], "unit_in_file": "n.a."}
    stamps = np.arange(20) / 60 + np.random.default_rng(1).uniform(0, 1e-3, 20)
    np.testing.assert_array_equal(film["time"].values, stamps)
    even = cx.recordings.on_clock(film, dt=f"{1 / 60!r} s")
    np.testing.assert_array_equal(even.values[:, 2, 1], np.arange(20 * 12, dtype=np.uint8).reshape(20, 4, 3)[:, 1, 2])
    assert "x" not in stimulus_of(recording, "film").coords  # nobody knows its pixels


def test_one_number_per_step_in_its_unit(recording):
    flicker = stimulus_of(recording, "flicker")
    assert flicker.dims == ("time",)
    np.testing.assert_array_equal(flicker.values, np.arange(30.0) * 2 + 1)
    assert flicker.attrs["units"] == "mV"


def test_pictures_by_number(recording):
    shown = stimulus_of(recording, "shown")
    assert shown.sizes == {"time": 4, "y": 3, "x": 4}
    assert shown.values[:, 0, 0].tolist() == [9, 1, 1, 9]
    assert shown[1, 2, 3].values.item() == 1
    assert shown["time"].values.tolist() == [0.0, 0.5, 1.0, 1.5]
    ordered = stimulus_of(recording, "ordered")
    np.testing.assert_array_equal(ordered.values, noise(6).transpose(0, 2, 1)[[5, 0, 2, 2]])
    assert ordered["time"].values.tolist() == [0.0, 1.0, 2.5, 3.0]
    np.testing.assert_array_equal(ordered.isel(time=[3, 0], x=1).values, noise(6).transpose(0, 2, 1)[[2, 5], :, 1])
    gratings = recording["templates/gratings/gratings"]
    np.testing.assert_array_equal(gratings.values, noise(6).transpose(0, 2, 1))


def test_what_is_left_out_is_told(recording):
    left_out = recording["stimulus"].attrs["left_out"]
    assert list(left_out) == ["movie"]
    with pytest.raises(cx.ContractError, match=r"got movie\. Cure: its frames are in movie\.avi: cx\.open_stimulus"):
        stimulus_of(recording, "movie")
    with pytest.raises(cx.ContractError, match=r"wanted one stimulus of the recording, got noise, film|got film, "):
        stimulus_of(recording)
    with pytest.raises(cx.ContractError, match="got 'nose', among "):
        stimulus_of(recording, "nose")


def test_one_series_is_a_variable_of_the_node(path):
    chosen = cx.open_recording(path, stimulus="noise")
    assert chosen["stimulus/noise"].dims == ("time", "y", "x")
    assert stimulus_of(chosen).name == "noise"
    with pytest.raises(cx.ContractError, match=r"stimulus: wanted a series among .*noise.*, got 'x'"):
        cx.open_recording(path, stimulus="x")


def test_spikes_are_read_without_the_stimulus(path, monkeypatch):
    read = []
    original = hdf5.Hdf5Array.read
    monkeypatch.setattr(hdf5.Hdf5Array, "read", lambda self, key: (read.append(self.name), original(self, key))[1])
    recording = cx.open_recording(path)
    assert recording["spikes"].sizes["event"] == 42
    film = stimulus_of(recording, "noise")
    assert film.chunks is not None
    assert not read
    film[3].compute()
    assert read == ["/stimulus/presentation/noise/data"]


def test_large_films_are_read_in_parts_and_can_be_pickled(tmp_path):
    file = nwb_file()
    frames = noise(3000, 32, 16)
    file.add_stimulus(ImageSeries(name="noise", data=frames, unit="1", rate=60.0))
    film = stimulus_of(cx.open_recording(write(file, tmp_path / "large.nwb"), pixel_size="0.1 deg"))
    assert len(film.chunks[0]) > 1
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(film))[1234].values, frames[1234].T)
    np.testing.assert_array_equal(film[2990:].values, frames[2990:].transpose(0, 2, 1))
    (tmp_path / "large.nwb").unlink()  # nothing keeps it open
    with pytest.raises(cx.FormatError, match=r"large\.nwb: wanted the dataset /stimulus/presentation/noise/data"):
        film[0].compute()


def test_axes_and_units_of_the_caller_go_first(path):
    film = stimulus_of(
        cx.open_recording(path, stimulus="noise", axes=("time", "y", "x"), units="1", pixel_size="1 deg")
    )
    np.testing.assert_array_equal(film.values, noise())
    assert film.attrs["units"] == "1"
    assert film["y"].values.tolist() == [1.5, 0.5, -0.5, -1.5]
    with pytest.raises(cx.ContractError, match=r"axes: wanted names for 3 axes"):
        cx.open_recording(path, stimulus="noise", axes=("time", "y"))
    with pytest.raises(cx.UnitError, match="pixel_size: wanted a visual angle"):
        cx.open_recording(path, pixel_size="3 px")


def test_stimuli_alone_and_nothing_at_all(tmp_path):
    empty = cx.open_recording(write(nwb_file(), tmp_path / "empty.nwb"))
    assert not empty.children
    with pytest.raises(cx.ContractError, match="wanted one stimulus of the recording, got none"):
        stimulus_of(empty)
    file = nwb_file()
    file.add_unit(spike_times=np.array([0.5]))
    only = cx.open_recording(write(file, tmp_path / "units.nwb"))
    assert set(only.children) == {"spikes", "cells"}


def test_damaged_and_other_files_raise(tmp_path, path):
    (tmp_path / "text.nwb").write_text("no HDF5")
    with pytest.raises(cx.FormatError, match=r"text\.nwb: wanted an NWB file"):
        cx.open_recording(tmp_path / "text.nwb")
    (tmp_path / "half.nwb").write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(cx.FormatError, match=r"half\.nwb: wanted an NWB file"):
        cx.open_recording(tmp_path / "half.nwb")
    with h5py.File(tmp_path / "other.nwb", "w") as file:
        file["x"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(cx.FormatError, match=r"other\.nwb: wanted an NWB file"):
            cx.open_recording(tmp_path / "other.nwb")
    with pytest.raises(cx.FormatError, match=r"holds a recording\. Cure: cx\.recordings\.stimulus_of"):
        cx.open_stimulus(path)
    with pytest.raises(cx.ContractError, match=r"spikes: wanted nothing, for mouse\.nwb"):
        cx.open_recording(path, spikes="units")


def test_pictures_that_are_not_there_are_left_out(path, tmp_path):
    copy = tmp_path / "few.nwb"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        file["stimulus/presentation/ordered/data"][1] = 7
    with pytest.raises(cx.ContractError, match="numbers pictures up to 7, of which there are 6"):
        stimulus_of(cx.open_recording(copy), "ordered")


def test_stimuli_on_one_grid_share_the_node(tmp_path):
    file = nwb_file()
    for name in ("left", "right"):
        file.add_stimulus(pynwb.TimeSeries(name=name, data=np.arange(5.0), unit="1", rate=10.0))
    recording = cx.open_recording(write(file, tmp_path / "two.nwb"))
    assert set(recording["stimulus"].data_vars) == {"left", "right"}
    xr.testing.assert_equal(recording["stimulus/left"], stimulus_of(recording, "left"))


def test_columns_that_are_called_as_something_else(tmp_path):
    file = nwb_file()
    for name in ("time", "event", "outside", "repeat"):
        file.add_unit_column(name, "of the unit")
    file.add_unit(spike_times=[0.3], time=3.0, event="e", outside=1, repeat=2)
    file.add_trial_column("start", "frame")
    file.add_trial(start_time=1.0, stop_time=2.0, start=90.0)
    file.add_stimulus(pynwb.TimeSeries(name="time", data=np.arange(5.0), unit="V", rate=10.0))
    recording = cx.open_recording(write(file, tmp_path / "odd.nwb"))
    assert recording["trials/start"].values.tolist() == [1.0]
    assert recording["trials"].attrs["left_out"] == {"start": "is called as start_time is here"}
    film = stimulus_of(recording, "time_")
    assert film.values.tolist() == [0, 1, 2, 3, 4]
    response = cx.recordings.bin_spikes(recording["spikes"], film, cells=recording["cells"])
    assert response["time"].dims == ("time",)
    assert response["time_"].values.tolist() == [3.0]
    assert response["outside"].values.tolist() == [0]
    assert cx.recordings.cut(recording["spikes"], recording["trials"], dt="0.5 s").shape == (1, 2, 1)


@pytest.mark.parametrize("column", [True, False])
def test_units_of_one_label_stay_two_cells(tmp_path, column):
    file = nwb_file()
    if column:
        file.add_unit_column("cell", "label")
    for number, train in ((7, [0.1, 0.2]), (8 if column else 7, [0.3])):
        file.add_unit(id=number, spike_times=train, **({"cell": "a"} if column else {}))
    recording = cx.open_recording(write(file, tmp_path / "twice.nwb"))
    cells = recording["cells"].to_dataset()
    assert cells["cell"].values.tolist() == ([7, 8] if column else [0, 1])
    assert not column or cells["cell_label"].values.tolist() == ["a", "a"]
    assert np.bincount(np.searchsorted(cells["cell"].values, recording["spikes/cell"].values)).tolist() == [2, 1]


def test_a_table_of_units_without_rows(tmp_path):
    file, made = nwb_file(), []
    for name, values in (("spike_times", np.empty(0)), ("obs_intervals", np.empty((0, 2)))):
        data = VectorData(name=name, description=name, data=values)
        made += [data, VectorIndex(name=f"{name}_index", data=np.empty(0, "u1"), target=data)]
    names = ["spike_times", "obs_intervals"]
    file.units = pynwb.misc.Units(name="units", description="none", colnames=names, columns=made, id=np.empty(0, "i8"))
    recording = cx.open_recording(write(file, tmp_path / "none.nwb"))
    assert recording["cells"].sizes["cell"] == recording["spikes"].sizes["event"] == 0
