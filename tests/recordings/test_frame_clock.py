"""`on_clock` against a loop over steps and frames."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import on_clock


def film(values, dt="10 ms"):
    return cx.as_stimulus(np.asarray(values, np.float64), dt=dt, units="1")


def ms(times):
    return xr.DataArray(np.asarray(times, float), dims="time", attrs={"units": "ms"})


def interval_of(ticks):
    gaps = np.diff(ticks)
    return (ticks[-1] - ticks[0]) / sum(round(gap / float(np.median(gaps))) for gap in gaps)


def looped(ticks, step, part):
    """Index of the frame at each step: the last one that is on ``part`` of a step after its start."""
    last, slack = interval_of(ticks), 1e-6 * step
    shown, at = [], 0
    while (at + part) * step < ticks[-1] - ticks[0] + last - slack:
        now = ticks[0] + (at + part) * step + slack
        shown.append(max(k for k, tick in enumerate(ticks) if tick <= now))
        at += 1
    return shown


@given(
    gaps=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    first=st.integers(-500, 500),
    dt=st.sampled_from([1, 2, 3, 7, None]),
    at=st.sampled_from(["middle", "start"]),
)
def test_each_step_shows_the_frame_of_a_loop(gaps, first, dt, at):
    ticks = first + np.concatenate([[0], np.cumsum(gaps)])
    interval = float(interval_of(ticks))
    if dt is not None and dt > interval / 2:
        dt = interval / 8
    even = on_clock(film(range(len(ticks))), ms(ticks), dt=None if dt is None else f"{dt!r} ms", at=at)
    dt = interval if dt is None else dt
    wanted = looped(ticks.tolist(), dt, 0.5 if at == "middle" else 0.0)
    np.testing.assert_array_equal(even.values, wanted)
    assert even.attrs["frames_dropped"] == len(ticks) - len(set(wanted))
    assert even.attrs["largest_gap"] == pytest.approx(max(gaps) * 1e-3)
    np.testing.assert_allclose(even["time"].values, first * 1e-3 + dt * 1e-3 * np.arange(len(wanted)), atol=1e-12)
    cx.Sampling.of(even)


def test_jitter_leaves_every_frame_its_place():
    draw = np.random.default_rng(0)
    times = np.arange(5000) / 60 * 1e3 + draw.uniform(-3, 3, 5000)
    even = on_clock(film(np.arange(5000)), ms(times))
    assert even.attrs["frames_dropped"] == 0
    np.testing.assert_array_equal(even.values, np.arange(5000))
    causal = on_clock(film(np.arange(5000)), ms(times), dt=f"{1 / 60!r} s", at="start")
    assert causal.attrs["frames_dropped"] > 500


def test_even_times_change_nothing():
    original = cx.as_stimulus(
        np.random.default_rng(0).normal(size=(40, 3, 4)), dt="10 ms", pixel_size="1 deg", units="1"
    )
    for at in ("middle", "start"):
        even = on_clock(original, dt="10 ms", at=at)
        assert even.attrs["frames_dropped"] == 0
        xr.testing.assert_allclose(even.drop_attrs(), original.drop_attrs())
        np.testing.assert_array_equal(even.values, original.values)
        assert even.attrs["units"] == "1"
        assert even["y"].attrs == original["y"].attrs


def test_labels_of_the_frames_serve_as_their_times():
    given = film(range(4)).assign_coords(time=("time", [0.0, 10.0, 31.0, 40.0], {"units": "ms"}))
    np.testing.assert_array_equal(on_clock(given).values, on_clock(film(range(4)), given["time"]).values)


def test_a_part_reads_only_its_frames():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return np.full((100, 256, 256), block_info[None]["chunk-location"][0], np.uint8)

    data = da.map_blocks(
        block, chunks=((100,) * 50, (256,), (256,)), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    frames = cx.as_stimulus(data, dt="10 ms", pixel_size="1 deg", units="1")
    times = np.arange(5000) * 10.0 + np.random.default_rng(0).uniform(-1, 1, 5000)
    even = on_clock(frames, ms(times), dt="10 ms")
    assert not read
    assert even.dtype == np.uint8
    assert (even[2250].values == 22).all()
    assert set(read) <= {21, 22, 23}  # a block of 64 steps


@pytest.mark.parametrize(
    ("times", "dt", "message"),
    [
        ([0.0, 10.0, 20.0], None, r"wanted one time for each frame, got 3 for 4 frames\. Cure: .*trigger"),
        ([0.0, 10.0, 10.0, 20.0], None, r"wanted ascending times, got 0\.01 s, then 0\.01 s, at index 2 \(1 such"),
        ([0.0, 20.0, 10.0, 30.0], None, "wanted ascending times, got 0.02 s, then 0.01 s, at index 2"),
        ([0.0, np.nan, 10.0, 30.0], None, "wanted finite times, got nan at index 1"),
        ([0.0, 10.0, 20.0, 30.0], "16 ms", r"dt: wanted a step within 0\.01 of the interval.*0\.01 s.*got 0\.016 s"),
        ([0.0, 10.0, 20.0, 30.0], "10 s", "dt: wanted a step within"),
        ([0.0, 10.0, 20.0, 30.0], "6 ms", "dt: wanted a step within"),
    ],
)
def test_times_that_do_not_fit_raise(times, dt, message):
    with pytest.raises(cx.ContractError, match=message):
        on_clock(film(range(4)), ms(times), dt=dt)


def test_bare_times_and_other_input_raise():
    with pytest.raises(cx.UnitError, match=r"frame_times: wanted times with a unit, got bare numbers\. Cure: .*units"):
        on_clock(film(range(3)), [0.0, 0.1, 0.2])
    with pytest.raises(cx.UnitError, match="frame_times: wanted a unit of time, got m"):
        on_clock(film(range(3)), cx.units.Quantity([0.0, 0.1, 0.2], "m"))
    with pytest.raises(cx.ContractError, match="frame_times: wanted at least two frames, got 1"):
        on_clock(film([1.0]), ms([0.0]))
    with pytest.raises(cx.ContractError, match="frames: wanted a DataArray over time, got ndarray"):
        on_clock(np.zeros(3), ms([0.0, 1.0, 2.0]))
    with pytest.raises(cx.ContractError, match='at: wanted "middle" or "start"'):
        on_clock(film(range(3)), at="end")
    assert on_clock(film(range(3)), np.array([0, 10, 20], "timedelta64[ms]")).sizes["time"] == 3
    assert on_clock(film(range(3)), cx.units.Quantity([0.0, 10.0, 20.0], "ms")).sizes["time"] == 3
