"""What a cell did while nobody looked is NaN: against one step after the other."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import bin_spikes, cut, join, spike_table
from convis_xr.recordings.observed import Observed

STEPS = 12


def table(rows):
    """Cells "a", "b", ... with these intervals each, s."""
    made = np.full((len(rows), max(map(len, rows), default=0), 2), np.nan)
    for place, row in enumerate(rows):
        made[place, : len(row)] = np.reshape(row, (-1, 2))
    observed = (("cell", "interval", "bound"), made, {"units": "s"})
    return xr.Dataset(coords={"cell": list("abc")[: len(rows)], "obs_intervals": observed})


def film(steps=STEPS, dt="100 ms"):
    return cx.as_stimulus(np.zeros(steps), dt=dt, units="1")


WHOLE = st.lists(st.tuples(st.integers(-2, STEPS * 4 + 2), st.integers(0, 20)), max_size=4)


@given(rows=st.lists(WHOLE, min_size=1, max_size=3))
def test_a_step_is_observed_where_each_quarter_of_it_is(rows):
    """Intervals end at quarters of steps, so that a step is covered by their union if its four quarters are."""
    intervals = [[(start / 40, (start + length) / 40) for start, length in row] for row in rows]
    found = Observed(table(intervals)["obs_intervals"]).mask(np.arange(STEPS + 1) * 0.1, 0.1)
    for cell, row in enumerate(rows):
        for step in range(STEPS):
            quarters = [Fraction(4 * step + part) for part in range(4)]
            seen = all(any(start <= one < start + length for start, length in row) for one in quarters)
            assert found[step, cell] == (seen or not row)


def test_counts_are_nan_where_a_cell_was_not_observed():
    cells = table([[(0.0, 0.5), (0.5, 0.75)], [(0.2, 1.2)], []])
    spikes = spike_table({"a": [0.1, 0.45, 0.9], "b": [0.25]})
    response = bin_spikes(spikes, film(), cells=cells)
    assert response.dtype == np.float32
    assert response.chunk(time=5).equals(response.compute())
    nan = np.nan
    np.testing.assert_array_equal(response.sel(cell="a"), [0, 1, 0, 0, 1, 0, 0, nan, nan, nan, nan, nan])
    np.testing.assert_array_equal(response.sel(cell="b"), [nan, nan, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(response.sel(cell="c"), np.zeros(STEPS))  # nothing is told of it
    assert response.attrs["units"] == "count"
    _, joined = join(film(), spikes, cells=cells, tolerance=0.9)
    xr.testing.assert_equal(joined, response)
    assert bin_spikes(spikes, film(), cells=cells.drop_vars("obs_intervals")).dtype == np.int32


def test_offset_clock_repeats_and_trials():
    cells = table([[(0.0, 0.5)]])
    spikes = spike_table({"a": [0.1]})
    later = bin_spikes(spikes, film(), cells=cells, offset="0.3 s", clock=1.001)
    np.testing.assert_array_equal(np.isfinite(later.squeeze("cell")), [3 <= step < 8 for step in range(STEPS)])
    twice = spikes.assign_coords(repeat=("event", [1]))
    assert np.isfinite(bin_spikes(twice, film(), cells=cells)).sum("time").values.tolist() == [[5]]
    unit = {"units": "s"}
    trials = xr.Dataset({"start": ("trial", [0.0, 0.3], unit), "stop": ("trial", [0.4, 0.7], unit)})
    np.testing.assert_array_equal(
        cut(spikes, trials, dt="100 ms", cells=cells).squeeze("cell"), [[0, 1, 0, 0], [0, 0, np.nan, np.nan]]
    )


def test_units_and_what_is_none():
    cells = table([[(0.0, 500.0)]])
    cells["obs_intervals"].attrs["units"] = "ms"
    spikes = spike_table({"a": [0.1]})
    assert int(np.isfinite(bin_spikes(spikes, film(), cells=cells)).sum()) == 5
    with pytest.raises(cx.ContractError, match=r"obs_intervals: wanted intervals that end after they start, got 0"):
        bin_spikes(spikes, film(), cells=table([[(0.5, 0.0)]]))
    with pytest.raises(cx.ContractError, match=r"obs_intervals: wanted starts and stops \(cell, interval, bound\)"):
        bin_spikes(spikes, film(), cells=table([[(0.0, 0.5)]]).transpose("cell", "bound", "interval"))
    with pytest.raises(cx.UnitError, match="obs_intervals"):
        bin_spikes(
            spikes,
            film(),
            cells=table([[(0.0, 0.5)]]).assign_coords(
                obs_intervals=lambda given: given["obs_intervals"].assign_attrs(units="mV")
            ),
        )
