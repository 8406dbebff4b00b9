"""Small recordings written with pynwb and h5py themselves, not with our writer."""

from __future__ import annotations

import datetime

import h5py
import numpy as np
import pynwb
from pynwb.base import ImageReferences, Images
from pynwb.image import GrayscaleImage, ImageSeries, IndexSeries, OpticalSeries

START = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
#: times that have no short decimal form
TRAINS = {3: np.cumsum(np.full(40, 1 / 7)), 5: np.array([0.1 + 0.2, 2 / 3]), 9: np.empty(0)}


def noise(steps=50, x=4, y=3, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(steps, x, y)).astype(dtype)


def nwb_file():
    return pynwb.NWBFile(
        session_description="white noise", identifier="mouse 7", session_start_time=START, experimenter=["A", "B"]
    )


def write(file, path):
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def add_units(file):
    file.add_unit_column("quality", "how well it is isolated")
    file.add_unit_column("kind", "what it is")
    for (number, train), quality, kind in zip(TRAINS.items(), [0.5, 0.7, 0.9], ["on", "off", "on"], strict=True):
        observed = [[0.0, 1.5]] if number == 3 else [[0.0, 1.0], [2.0, 3.0]]
        file.add_unit(id=number, spike_times=train, obs_intervals=np.array(observed), quality=quality, kind=kind)


def add_trials(file):
    file.add_trial_column("contrast", "of the stimulus")
    file.add_trial_column("eye", "which")
    for start, eye in ((0.0, "left"), (1.5, "right")):
        file.add_trial(start_time=start, stop_time=start + 1.25, contrast=0.3 + start, eye=eye)


def add_electrodes(file):
    device = file.create_device("array")
    group = file.create_electrode_group("shank", description="d", location="retina", device=device)
    for number in (10, 11):
        file.add_electrode(id=number, x=float(number), y=0.5, z=0.0, location="retina", group=group)


def add_stimuli(file):
    """A film by rate in an optical series, one by time stamps, one number per step, and pictures by number."""
    file.add_stimulus(
        OpticalSeries(
            name="noise",
            data=noise(),
            unit="cd/m^2",
            rate=60.0,
            starting_time=0.5,
            distance=0.5,
            field_of_view=[0.04, 0.03],
            orientation="upright",
        )
    )
    stamps = np.arange(20) / 60 + np.random.default_rng(1).uniform(0, 1e-3, 20)
    film = np.arange(20 * 12, dtype=np.uint8).reshape(20, 4, 3)
    file.add_stimulus(ImageSeries(name="film", data=film, unit="n.a.", timestamps=stamps))
    flicker = pynwb.TimeSeries(name="flicker", data=np.arange(30.0), unit="mV", rate=100.0, conversion=2.0, offset=1.0)
    file.add_stimulus(flicker)
    pictures = [
        GrayscaleImage(name=name, data=np.full((4, 3), level, np.uint8)) for name, level in [("b", 1), ("a", 9)]
    ]
    images = Images(
        name="scenes", images=pictures, order_of_images=ImageReferences(name="order_of_images", data=pictures)
    )
    file.add_stimulus_template(images)
    shown = np.array([1, 0, 0, 1], np.uint32)
    file.add_stimulus(IndexSeries(name="shown", data=shown, unit="N/A", indexed_images=images, rate=2.0))
    outside = ImageSeries(
        name="movie", external_file=["movie.avi"], format="external", unit="n.a.", timestamps=[0.0, 1.0]
    )
    file.add_stimulus(outside)
    template = ImageSeries(name="gratings", data=noise(6), unit="1", rate=1.0)
    file.add_stimulus_template(template)
    number = np.array([5, 0, 2, 2], np.uint32)
    stamps = [0.0, 1.0, 2.5, 3.0]
    file.add_stimulus(IndexSeries(name="ordered", data=number, unit="N/A", indexed_images=images, timestamps=stamps))


def number_a_series(path, shown, template):
    """What older versions wrote: an index series of a series of pictures, which pynwb reads but makes no more."""
    with h5py.File(path, "r+") as file:
        group = file[f"stimulus/presentation/{shown}"]
        del group["indexed_images"]
        group["indexed_timeseries"] = h5py.SoftLink(f"/stimulus/templates/{template}")


def lab_file(path, frames=None, *, units="s"):
    """Frames, spike times of each cell, times of frames, trials: a layout as labs have it."""
    frames = noise(50, 3, 4) if frames is None else frames
    with h5py.File(path, "w") as file:
        file["stim/frames"] = frames
        file["stim/times"] = np.arange(len(frames)) / 60
        for number, train in TRAINS.items():
            file[f"spikes/{number}"] = train
        file["trials"] = np.array([[0.0, 1.0], [1.5, 2.5]])
        file["notes"] = "by hand"
        for name in ("stim/times", "trials", *(f"spikes/{number}" for number in TRAINS)):
            if units is not None:
                file[name].attrs["units"] = units
    return path
