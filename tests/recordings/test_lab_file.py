"""HDF5 files that h5py wrote, in layouts that the arguments describe."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import convis_xr as cx
from convis_xr.recordings import bin_spikes, cut, join, stimulus_of
from tests.recordings.files import TRAINS, lab_file, noise

SCALES = {"pixel_size": "0.1 deg", "units": "1"}


@pytest.fixture
def path(tmp_path):
    return lab_file(tmp_path / "retina.h5")


def test_frames_spikes_and_trials(path):
    recording = cx.open_recording(
        path, stimulus="stim/frames", spikes="spikes/{cell}", frame_times="stim/times", trials="trials", **SCALES
    )
    film = stimulus_of(recording)
    assert film.name == "stim_frames"
    np.testing.assert_array_equal(film.values, noise(50, 3, 4))
    np.testing.assert_array_equal(film["time"].values, np.arange(50) / 60)
    spikes = recording["spikes"].to_dataset()
    for number, train in TRAINS.items():
        np.testing.assert_array_equal(spikes["time"].values[spikes["cell"].values == number], train)
    assert recording["cells/cell"].values.tolist() == [3, 5, 9]
    assert recording["trials/stop"].values.tolist() == [1.0, 2.5]
    repeats = cut(spikes, recording["trials"], dt="100 ms", cells=recording["cells"])
    assert repeats.sizes == {"repeat": 2, "time": 10, "cell": 3}
    shown, response = join(film, spikes, tolerance=10, cells=recording["cells"])
    assert shown.sizes["time"] == response.sizes["time"] == 50
    assert int(response.sum() + response["outside"].sum()) == sum(map(len, TRAINS.values()))


def test_no_guess_is_made(path):
    with pytest.raises(cx.ContractError) as caught:
        cx.open_recording(path)
    message = str(caught.value)
    assert "wanted what is what in retina.h5, got no names" in message
    for listed in ("stim/frames (50, 3, 4) float32", "spikes/3 (40,) float64", "trials (2, 2) float64", "notes ()"):
        assert listed in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stimulus": "stim/frame"}, r"stimulus: wanted a dataset of retina\.h5, got 'stim/frame'.*has: .*stim/frames"),
        ({"spikes": "spike/{cell}"}, r"spikes: wanted datasets named like 'spike/\{cell\}', got none"),
        ({"spikes": "spikes/{unit}"}, r"wanted the places \{cell\} and, with repeats, \{repeat\}"),
        ({"spikes": "spikes/3"}, 'wanted a place for the cell, as "spikes/{cell}", or a dataset of labels'),
        ({"spikes": "stim/times", "cells": "spikes/5"}, "cells: wanted a label for each of 50 spikes, got 2"),
        ({"stimulus": "notes"}, "stimulus: wanted numbers, got object"),
        ({"stimulus": "stim/frames", "frame_times": "spikes/5"}, r"wanted one for each frame, got 2 for 50 frames"),
        ({"stimulus": "stim/frames", "trials": "stim/times"}, r"trials: wanted a dataset \(trial, 2\)"),
        ({"stimulus": "stim/frames", "trials": ("stim/times", "spikes/5")}, "trials: wanted starts and stops, as many"),
        ({"stimulus": "stim/frames", "axes": ("y", "x", "channel")}, "axes: wanted time among them"),
        ({"stimulus": "stim/frames", "axes": ("time", "a", "b")}, "axes: wanted names for 3 axes, among"),
        ({"spikes": "spikes/{cell}", "time_unit": "ms"}, "time_unit: wanted s, as 'spikes/3' says, got ms"),
    ],
)
def test_names_that_do_not_fit_raise(path, options, message):
    with pytest.raises(cx.ConvisError, match=message):
        cx.open_recording(path, **options)


def test_times_want_a_unit(tmp_path):
    path = lab_file(tmp_path / "bare.h5", units=None)
    with pytest.raises(cx.UnitError, match=r"time_unit: wanted a unit for the times in 'spikes/3', got none\. Cure"):
        cx.open_recording(path, spikes="spikes/{cell}")
    found = cx.open_recording(path, spikes="spikes/{cell}", time_unit="ms")["spikes/time"].values
    np.testing.assert_array_equal(found, np.sort(np.concatenate(list(TRAINS.values()))) * 0.001)


def test_one_dataset_of_all_spikes(tmp_path):
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["t"] = np.array([300, 100, 200])
        file["id"] = ["on", "off", "on"]
    recording = cx.open_recording(tmp_path / "flat.h5", spikes="t", cells="id", time_unit="ms")
    assert recording["spikes/cell"].values.tolist() == ["off", "on", "on"]
    np.testing.assert_allclose(recording["spikes/time"].values, [0.1, 0.2, 0.3])
    assert recording["cells/cell"].values.tolist() == ["off", "on"]


def test_repeats_by_name(tmp_path):
    with h5py.File(tmp_path / "repeats.hdf5", "w") as file:
        for cell in ("a", "b"):
            for repeat in range(11):
                file[f"{cell}/trial{repeat}"] = np.array([0.01 * repeat, 0.2])
    recording = cx.open_recording(tmp_path / "repeats.hdf5", spikes="{cell}/trial{repeat}", time_unit="s")
    film = cx.as_stimulus(np.zeros(30), dt="10 ms", units="1")
    response = bin_spikes(recording["spikes"], film)
    assert response.sizes == {"repeat": 11, "time": 30, "cell": 2}
    assert response["repeat"].values.tolist() == list(range(11))
    for repeat in range(11):
        assert np.flatnonzero(response.values[repeat, :, 0]).tolist() == sorted({repeat, 20})


def test_frames_without_times_take_a_step(path):
    film = stimulus_of(cx.open_recording(path, stimulus="stim/frames", dt="10 ms", axes=("time", "x", "y"), **SCALES))
    assert cx.Sampling.of(film).dt_s == 0.01
    assert film.sizes == {"time": 50, "y": 4, "x": 3}
    bare = stimulus_of(cx.open_recording(path, stimulus="stim/frames"))
    with pytest.raises(cx.ContractError, match="faults"):
        cx.plan(cx.filters.Delay("50 ms"), bare)


def test_damaged_files_raise(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(cx.FormatError, match=r"text\.h5: wanted an HDF5 file"):
        cx.open_recording(tmp_path / "text.h5", stimulus="x")
