"""Which frame is shown when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.errors import ContractError, UnitError
from convis_xr.io.clock import Clock
from tests.io.films import stimulus


def stamped(times, units="s", **attrs):
    coordinate = ("time", np.asarray(times), {"units": units, **attrs})
    return xr.DataArray(np.zeros(len(times)), {"time": coordinate}, attrs={"units": "1"})


@given(
    rate=st.sampled_from(
        [Fraction(24), Fraction(25), Fraction(30), Fraction(60), Fraction(30000, 1001), Fraction(1000, 7)]
    ),
    steps_per_second=st.sampled_from([24, 100, 240, 1000, 1440]),
    second=st.integers(0, 7000),
)
def test_even_frames_are_right_to_the_sample_after_hours(rate, steps_per_second, second):
    """Exact arithmetic says which frame is shown, hours into the film too."""
    count = int(7100 * rate)
    film = xr.DataArray(np.broadcast_to(0.0, count), {"time": ("time", np.arange(count) / float(rate), {"units": "s"})})
    steps = second * steps_per_second + np.arange(50)
    index, part = Clock(film).position(steps / steps_per_second, 1 / steps_per_second)
    exact = [Fraction(int(step), steps_per_second) * rate for step in steps]
    assert index.tolist() == [int(place) for place in exact]
    np.testing.assert_allclose(part, [float(place - int(place)) for place in exact], atol=1e-6)


def test_the_number_of_steps_is_of_those_that_begin_while_the_film_is_shown():
    film = stimulus(np.zeros(115), dt="0.041666666666666664 s")
    assert Clock(film).samples(0.001) == 4792  # 4791.67
    assert Clock(film).samples(1 / 24) == 115
    assert Clock(film).samples(1 / 48) == 230
    assert Clock(film).samples(100.0) == 1


def test_uneven_time_stamps():
    clock = Clock(stamped([1.0, 1.1, 1.5], step=0.3))
    assert clock.start == 1.0
    assert clock.duration == pytest.approx(0.8)
    index, part = clock.position(np.array([0, 0.09, 0.1, 0.49, 0.5, 0.65]), 0.01)
    assert index.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(part, [0, 0.9, 0, 0.975, 0, 0.5], atol=1e-9)


def test_without_a_length_the_last_frame_is_shown_as_long_as_the_one_before():
    assert Clock(stamped([0.0, 0.1, 0.3])).duration == pytest.approx(0.5)


def test_units_and_dates():
    assert Clock(stamped([0.0, 100.0, 300.0], "ms", step=50.0)).duration == pytest.approx(0.35)
    dates = np.array(["2020-01-01T00:00:00.0", "2020-01-01T00:00:00.1", "2020-01-01T00:00:00.3"], "datetime64[ns]")
    film = xr.DataArray(np.zeros(3), {"time": dates}, ("time",), attrs={"units": "1"})
    assert Clock(film).duration == pytest.approx(0.5)


def test_a_time_axis_that_is_not_written_out():
    clock = Clock(stimulus(np.broadcast_to(np.uint8(1), 10_000_000), dt="1 ms"))
    index, _ = clock.position(np.array([9_999.9985]), 0.0005)
    assert index.tolist() == [9_999_998]
    assert clock.duration == pytest.approx(10_000)


@pytest.mark.parametrize(
    ("film", "error", "message"),
    [
        (stamped([0.0, 0.2, 0.1]), ContractError, "ascending"),
        (stamped([0.0, 0.1, 0.1]), ContractError, "ascending"),
        (stamped([0.0, np.nan, 0.1]), ContractError, "ascending"),
        (stamped([0.0, 0.1, 0.3], "metre"), UnitError, "s"),
    ],
)
def test_bad_time_stamps(film, error, message):
    with pytest.raises(error, match=message):
        Clock(film)
