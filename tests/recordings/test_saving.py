"""What is written is read back bit by bit; and by pynwb alone."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pynwb
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import as_recording, save, spike_table, stimulus_of
from tests.recordings.files import TRAINS, add_electrodes, add_stimuli, add_trials, add_units, nwb_file, write


def film(steps=40, y=3, x=5, dt="16.7 ms", dtype=np.float32):
    values = np.random.default_rng(0).uniform(0, 255, (steps, y, x)).astype(dtype)
    return cx.as_stimulus(values, dt=dt, pixel_size=("0.1 deg", "0.07 deg"), units="cd/m^2", valid_range=(0, 255))


@pytest.fixture
def recording():
    trials = xr.Dataset(
        {
            "start": ("trial", [0.1, 1 / 3], {"units": "s"}),
            "stop": ("trial", [0.2, 2 / 3], {"units": "s"}),
            "contrast": ("trial", [0.1, 0.9]),
            "eye": ("trial", ["left", "right"]),
        }
    )
    cells = xr.Dataset({"depth": ("cell", [1.5, 2.5, 3.5])}, {"cell": [3, 5, 9]})
    observed = np.array([[[0, 1], [2, 3]], [[0, 1.1], [np.nan, np.nan]], [[0, 1], [np.nan, np.nan]]])
    cells["obs_intervals"] = (("cell", "interval", "bound"), observed, {"units": "s"})
    electrodes = xr.Dataset(
        {"x": ("electrode", [0.5, 1.5]), "group_name": ("electrode", ["s1", "s2"])}, {"electrode": [4, 7]}
    )
    attrs = {"identifier": "simulated 1", "session_start_time": "2026-01-02T03:04:00+00:00"}
    return as_recording(
        stimulus={"noise": film(), "flicker": film()[:, 0, 0].drop_vars(["y", "x"])},
        spikes=spike_table(TRAINS),
        cells=cells,
        trials=trials,
        electrodes=electrodes,
        attrs=attrs,
    )


def same(found, wanted):
    xr.testing.assert_equal(found.drop_attrs(), wanted.drop_attrs())
    for name in wanted.variables if isinstance(wanted, xr.Dataset) else wanted.coords:
        assert found[name].attrs.get("units") == wanted[name].attrs.get("units"), name


@pytest.mark.parametrize("suffix", [".nwb", ".zarr"])
def test_a_recording_comes_back(tmp_path, recording, suffix):
    save(recording, tmp_path / f"all{suffix}")
    back = cx.open_recording(tmp_path / f"all{suffix}")
    assert back.attrs["identifier"] == "simulated 1"
    assert back.attrs["session_start_time"] == "2026-01-02T03:04:00+00:00"
    for name in ("noise", "flicker"):
        wanted, found = stimulus_of(recording, name), stimulus_of(back, name)
        same(found, wanted)
        assert found.chunks is not None
        assert found.dtype == wanted.dtype
        assert found.attrs["units"] == "cd/m^2"
        assert list(found.attrs["valid_range"]) == [0.0, 255.0]
    for node in ("spikes", "cells", "trials"):
        same(back[node].to_dataset(), recording[node].to_dataset())
    assert back["electrodes/electrode"].values.tolist() == [4, 7]
    assert back["electrodes/x"].values.tolist() == [0.5, 1.5]
    assert back["electrodes/group_name"].values.tolist() == ["s1", "s2"]
    response = cx.recordings.join(stimulus_of(back, "noise"), back["spikes"], cells=back["cells"], tolerance=10)[1]
    assert response.sizes == {"time": 40, "cell": 3}


def test_pynwb_reads_what_was_written(tmp_path, recording):
    save(recording, tmp_path / "all.nwb")
    with pynwb.NWBHDF5IO(str(tmp_path / "all.nwb"), "r") as io:
        file = io.read()
        for number, train in zip(file.units.id[:], file.units["spike_times"][:], strict=True):
            np.testing.assert_array_equal(train, TRAINS[number])
        assert file.units["depth"][:].tolist() == [1.5, 2.5, 3.5]
        np.testing.assert_array_equal(file.units["obs_intervals"][1], [[0.0, 1.1]])
        assert file.trials["start_time"][:].tolist() == [0.1, 1 / 3]
        assert list(file.trials["eye"][:]) == ["left", "right"]
        noise = file.stimulus["noise"]
        np.testing.assert_array_equal(noise.data[:], film().values.transpose(0, 2, 1))
        assert noise.unit == "cd/m^2"
        stamps = np.arange(40) / noise.rate if noise.timestamps is None else noise.timestamps[:]
        np.testing.assert_allclose(stamps, film()["time"].values, rtol=1e-15)
        assert file.electrodes["x"][:].tolist() == [0.5, 1.5]
    assert not pynwb.validate(path=str(tmp_path / "all.nwb"))


@given(
    start=st.floats(-1e4, 1e4),
    step=st.floats(1e-4, 1.0),
    times=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), max_size=20),
)
def test_times_keep_all_their_bits_in_nwb(tmp_path_factory, start, step, times):
    flicker = cx.as_stimulus(np.arange(7.0), dt=f"{step!r} s", units="1")
    labels = start + flicker["time"].values
    flicker = flicker.assign_coords(time=("time", labels, flicker["time"].attrs))
    path = tmp_path_factory.mktemp("bits") / "bits.nwb"
    save(
        as_recording(
            stimulus=flicker.rename("f"), spikes=spike_table({1: times}), cells=xr.Dataset(coords={"cell": [1]})
        ),
        path,
    )
    back = cx.open_recording(path)
    np.testing.assert_array_equal(stimulus_of(back)["time"].values, labels)
    np.testing.assert_array_equal(back["spikes/time"].values, np.sort(times))


def test_uneven_frames_keep_their_times(tmp_path):
    uneven = film(4).assign_coords(time=("time", [0.0, 0.1, 0.30000000000000004, 0.4], {"units": "s", "step": 0.1}))
    tree = xr.DataTree.from_dict({"stimulus": uneven.to_dataset(name="noise")})
    save(tree, tmp_path / "uneven.nwb")
    back = stimulus_of(cx.open_recording(tmp_path / "uneven.nwb"))
    np.testing.assert_array_equal(back["time"].values, uneven["time"].values)
    np.testing.assert_array_equal(back.values, uneven.values)


def test_files_of_pynwb_come_back(tmp_path):
    file = nwb_file()
    for add in (add_units, add_trials, add_electrodes, add_stimuli):
        add(file)
    first = cx.open_recording(write(file, tmp_path / "first.nwb"), pixel_size="0.1 deg")
    save(first, tmp_path / "second.nwb")
    second = cx.open_recording(tmp_path / "second.nwb")
    for name in ("noise", "film", "flicker", "shown"):
        same(stimulus_of(second, name), stimulus_of(first, name))
    for node in ("spikes", "cells", "trials"):
        same(second[node].to_dataset(), first[node].to_dataset())


def test_pixels_without_a_noted_step(tmp_path):
    bare = film().rename("noise")
    for axis in ("y", "x"):
        bare[axis].attrs.pop("step")
    save(as_recording(stimulus=bare), tmp_path / "bare.nwb")
    back = stimulus_of(cx.open_recording(tmp_path / "bare.nwb"))
    np.testing.assert_allclose(back["x"].values, bare["x"].values, rtol=1e-12)


def test_labels_of_cells_that_are_texts_come_back(tmp_path):
    save(spike_table({"on 1": [0.1], "off 2": [0.2]}), tmp_path / "cells.nwb")
    back = cx.open_recording(tmp_path / "cells.nwb")
    assert back["spikes/cell"].values.tolist() == ["on 1", "off 2"]
    assert back["cells/cell"].values.tolist() == ["off 2", "on 1"]


@pytest.mark.parametrize("suffix", [".nwb", ".zarr", ".csv", ".parquet"])
def test_nothing_is_overwritten_without_being_asked(tmp_path, suffix):
    path = tmp_path / f"spikes{suffix}"
    save(spike_table({1: [0.1]}), path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save(spike_table({1: [0.2]}), path)
    assert cx.open_recording(path)["spikes/time"].values.tolist() == [0.1]
    save(spike_table({1: [0.2]}), path, overwrite=True)
    assert cx.open_recording(path)["spikes/time"].values.tolist() == [0.2]


@pytest.mark.parametrize("suffix", [".nwb", ".zarr"])
def test_a_failed_write_leaves_no_half_file(tmp_path, suffix):
    def fails(block, block_info=None):
        if block_info[0]["chunk-location"][0] == 2:
            raise RuntimeError("the disk is gone")
        return block

    data = da.map_blocks(fails, da.zeros((40, 4, 4), chunks=(10, 4, 4)), dtype=float, meta=np.empty((0, 0, 0)))
    broken = cx.as_stimulus(data, dt="10 ms", pixel_size="1 deg", units="1").rename("noise")
    with pytest.raises(RuntimeError, match="the disk is gone"):
        save(as_recording(stimulus=broken), tmp_path / f"broken{suffix}")
    assert not list(tmp_path.iterdir())


def test_blocks_are_written_one_by_one(tmp_path):
    largest = []

    def note(block):
        largest.append(block.nbytes)
        return block

    data = da.zeros((4000, 64, 64), chunks=(100, 64, 64), dtype=np.float32).map_blocks(
        note, meta=np.empty((0, 0, 0), "f4")
    )
    long = cx.as_stimulus(data, dt="10 ms", pixel_size="1 deg", units="1").rename("noise")
    save(as_recording(stimulus=long), tmp_path / "long.nwb")
    assert len(largest) == 40  # each block once
    assert stimulus_of(cx.open_recording(tmp_path / "long.nwb")).sizes["time"] == 4000


def test_what_nwb_has_no_place_for_raises(tmp_path, recording):
    repeats = spike_table({0: [0.1]}).assign_coords(repeat=("event", [0]))
    with pytest.raises(cx.ContractError, match="spikes: wanted one recording, for NWB, got repeats"):
        save(repeats, tmp_path / "x.nwb")
    moved = film().assign_coords(x=film()["x"] + 3)
    moved["x"].attrs["units"] = "degree"
    with pytest.raises(cx.ContractError, match="noise: wanted pixels centred on 0 degree, for NWB, got x from"):
        save(as_recording(stimulus=moved.rename("noise")), tmp_path / "x.nwb")
    batch = film().expand_dims(batch=2).rename("noise")
    with pytest.raises(cx.ContractError, match="noise: wanted a film, as NWB has it"):
        save(as_recording(stimulus=batch), tmp_path / "x.nwb")
    with pytest.raises(cx.ContractError, match=r"path: wanted one of the suffixes \.nwb .*, got '\.mat'"):
        save(recording, tmp_path / "x.mat")
    with pytest.raises(cx.ContractError, match="recording: wanted a DataTree, got list"):
        save([0.1], tmp_path / "x.nwb")
    with pytest.raises(cx.ContractError, match="recording: wanted spikes, for a table, got stimulus"):
        save(as_recording(stimulus=film().rename("noise")), tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_spikes_of_unknown_cells_are_not_lost(tmp_path):
    cells = xr.Dataset(coords={"cell": [1, 2]})
    with pytest.raises(cx.ContractError, match="cells: wanted 3 among the cells, got 1, 2"):
        as_recording(spikes=spike_table({3: [0.1], 1: [0.2]}), cells=cells)
    tree = xr.DataTree.from_dict({"spikes": spike_table({3: [0.1], 1: [0.2]}), "cells": cells})
    with pytest.raises(cx.ContractError, match="cells: wanted 3 among the cells"):
        save(tree, tmp_path / "lost.nwb")


def test_cells_without_spikes_are_written(tmp_path):
    cells = xr.Dataset({"depth": ("cell", [1.0, 2.0])}, {"cell": [1, 2]})
    save(as_recording(spikes=spike_table({}), cells=cells), tmp_path / "silent.nwb")
    back = cx.open_recording(tmp_path / "silent.nwb")
    assert back["cells/depth"].values.tolist() == [1.0, 2.0]
    assert back["spikes"].sizes["event"] == 0
    save(xr.DataTree.from_dict({"cells": cells}), tmp_path / "cells.nwb")
    assert cx.open_recording(tmp_path / "cells.nwb")["cells/cell"].values.tolist() == [1, 2]


def test_parts_of_another_form_raise():
    with pytest.raises(cx.ContractError, match="noise: units: wanted a unit"):
        as_recording(stimulus=film().drop_attrs(deep=False).rename("noise"))
    with pytest.raises(cx.ContractError, match="spikes: wanted a table of spikes, got dict"):
        as_recording(spikes={"a": [0.1]})
    with pytest.raises(cx.ContractError, match="trials: wanted a table with start and stop"):
        as_recording(trials=[(0, 1)])
    with pytest.raises(cx.ContractError, match="electrodes: wanted a Dataset over electrode"):
        as_recording(electrodes=xr.Dataset({"x": ("site", [1.0])}))


def test_a_store_of_something_else_raises(tmp_path):
    cx.io.save_stimulus(film(), tmp_path / "film.zarr")
    with pytest.raises(cx.FormatError, match=r"wanted a recording, got a store with no groups\. Cure: cx\.open_st"):
        cx.open_recording(tmp_path / "film.zarr")
