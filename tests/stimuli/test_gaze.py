from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.stimuli.fixation import BLOCK, PAUSE, Fixation, saccade_times

ARCMIN = 1 / 60
NONE = {"drift": None, "tremor": None, "microsaccade_rate": None}


def _fixation(**changes: object) -> Fixation:
    facts = {
        "dt": 1e-3, "seed": 0, "drift": 0.0, "tremor": 0.0, "frequency": 90.0, "bandwidth": 10.0, "scatter": 0.2,
        "shortest": 0.021, "slope": 0.0022, "times": np.empty(0),
    }  # fmt: skip
    return Fixation(**(facts | changes))  # type: ignore[arg-type]


def test_path_is_labelled_lazy_and_begins_in_the_middle() -> None:
    path = cx.stimuli.eye_movements("3 s", dt="1 ms", tremor=None, chunk=700)
    assert path.dims == ("time", "axis")
    assert path.attrs["units"] == "degree"
    assert path.chunks[0] == (700, 700, 700, 700, 200)
    np.testing.assert_array_equal(path[0], 0.0)
    np.testing.assert_allclose(path.time[:3], [0, 1e-3, 2e-3])
    quiet = cx.stimuli.eye_movements(100, dt="1 ms", **NONE)
    np.testing.assert_array_equal(quiet, 0.0)


def test_every_part_of_it_is_the_same_however_it_is_read() -> None:
    make = cx.stimuli.eye_movements
    whole = make("20 s", dt="1 ms", seed=4).values
    np.testing.assert_array_equal(make("20 s", dt="1 ms", seed=4, chunk=777), whole)
    np.testing.assert_array_equal(make("9 s", dt="1 ms", seed=4), whole[:9000])
    order = np.random.default_rng(0).permutation(20_000)[:300]
    np.testing.assert_array_equal(make("20 s", dt="1 ms", seed=4)[order], whole[order])
    assert not np.array_equal(make("20 s", dt="1 ms", seed=5), whole)


def test_drift_is_brownian_with_its_diffusion_constant_also_across_blocks() -> None:
    diffusion, steps = 0.01, 40 * BLOCK
    walk = _fixation(drift=diffusion).at(np.arange(steps))
    moves = np.diff(walk, axis=0)
    assert moves.var() == pytest.approx(2 * diffusion * 1e-3, rel=0.01)
    assert abs(np.corrcoef(moves[:-1].ravel(), moves[1:].ravel())[0, 1]) < 0.01
    at_borders = moves[BLOCK - 1 :: BLOCK]
    assert at_borders.var() == pytest.approx(2 * diffusion * 1e-3, rel=0.35)
    for lag in (10, 1000):
        far = walk[lag:] - walk[:-lag]
        assert (far**2).sum(1).mean() == pytest.approx(4 * diffusion * lag * 1e-3, rel=0.15)
    ends = np.stack([_fixation(drift=diffusion, seed=seed).at(np.array([2 * BLOCK + 77]))[0] for seed in range(800)])
    assert (ends**2).sum(1).mean() == pytest.approx(4 * diffusion * (2 * BLOCK + 77) * 1e-3, rel=0.1)


def test_tremor_has_its_amplitude_and_its_spectrum() -> None:
    path = cx.stimuli.eye_movements("60 s", dt="1 ms", **(NONE | {"tremor": "0.5 arcmin"}))
    values = path.values - path.values.mean(0)
    assert np.sqrt((values**2).mean()) == pytest.approx(0.5 * ARCMIN, rel=0.02)
    power = (np.abs(np.fft.rfft(values, axis=0)) ** 2).sum(1)
    rates = np.fft.rfftfreq(len(values), 1e-3)
    mean = (rates * power).sum() / power.sum()
    assert mean == pytest.approx(90, abs=5)
    assert np.sqrt(((rates - mean) ** 2 * power).sum() / power.sum()) == pytest.approx(10, rel=0.3)
    assert abs(np.corrcoef(values.T)[0, 1]) < 0.1


def test_microsaccades_keep_to_rate_amplitude_and_main_sequence() -> None:
    times = saccade_times(4000.0, 1.5, seed=1)
    assert len(times) / 4000 == pytest.approx(1.5, rel=0.03)
    assert np.diff(times).min() >= PAUSE
    still = _fixation(times=times, scatter=0.3 / np.sqrt(np.pi))
    jumps = still.jumps(np.arange(1, len(times)))
    lengths = np.linalg.norm(jumps, axis=1)
    assert lengths.mean() == pytest.approx(0.3, rel=0.03)
    np.testing.assert_allclose(still.lasting(jumps), 0.021 + 0.0022 * lengths)


def test_a_microsaccade_has_the_profile_of_a_movement_without_jerks() -> None:
    fixation = _fixation(dt=1e-4, times=np.array([0.1]))
    way = fixation.jumps(np.array([0]))[0]
    index = np.arange(3000)
    gaze = fixation.at(index)
    length = np.linalg.norm(way)
    lasts = 0.021 + 0.0022 * length
    np.testing.assert_array_equal(gaze[index * 1e-4 < 0.1], 0.0)
    np.testing.assert_allclose(gaze[index * 1e-4 > 0.1 + lasts], np.tile(way, ((index * 1e-4 > 0.1 + lasts).sum(), 1)))
    speed = np.linalg.norm(np.diff(gaze, axis=0), axis=1) / 1e-4
    assert speed.max() == pytest.approx(1.875 * length / lasts, rel=1e-3)
    assert index[speed.argmax()] * 1e-4 == pytest.approx(0.1 + lasts / 2, abs=2e-4)


def test_microsaccades_undo_the_drift_without_a_break() -> None:
    path = cx.stimuli.eye_movements("600 s", dt="1 ms", tremor=None)
    drifting = cx.stimuli.eye_movements("600 s", dt="1 ms", tremor=None, microsaccade_rate=None)
    assert float((path**2).mean()) < 0.1 * float((drifting**2).mean())
    fastest = np.linalg.norm(np.diff(path, axis=0), axis=1).max() / 1e-3
    assert fastest < 100  # deg/s: no jump in one step
    still = np.linalg.norm(np.diff(drifting, axis=0), axis=1)
    assert still.max() < 6 * np.sqrt(2 * 40 * ARCMIN**2 * 1e-3) * np.sqrt(2)


def test_bad_input_is_told() -> None:
    make = cx.stimuli.eye_movements
    with pytest.raises(cx.ContractError, match=r"dt: wanted a time step of at most 4\.17 ms.*tremor=None"):
        make("1 s", dt="10 ms")
    assert make("1 s", dt="10 ms", tremor=None).sizes["time"] == 100
    for wrong in ({"drift": "1 deg/s"}, {"tremor": 0.1}, {"microsaccade_rate": "2 deg"}, {"main_sequence": "1 ms"}):
        with pytest.raises(cx.UnitError, match=next(iter(wrong))):
            make("1 s", dt="1 ms", **wrong)
    for wrong in ({"drift": "-1 arcmin^2/s"}, {"microsaccade_rate": "10 Hz"}, {"seed": -1}):
        with pytest.raises(cx.ContractError, match=next(iter(wrong))):
            make("1 s", dt="1 ms", **wrong)
    with pytest.raises(cx.ContractError, match="duration: wanted a time step"):
        make("1 s")


def test_a_window_follows_it_over_a_picture() -> None:
    path = cx.stimuli.eye_movements("0.2 s", dt="1 ms")
    picture = cx.as_stimulus(np.random.default_rng(0).random((1, 60, 60)), dt="1 ms", pixel_size="0.1 deg", units="1")
    seen = cx.stimuli.moving_window(picture.isel(time=0, drop=True), 20, path=path)
    film = xr.concat([picture.isel(time=0)] * 200, "time").assign_coords(time=path.time).transpose("time", "y", "x")
    moved = cx.stimuli.move(film, path)[:, 20:40, 20:40]
    np.testing.assert_allclose(seen, moved, atol=1e-6)
