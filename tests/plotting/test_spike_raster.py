"""Rasters of exact spike times."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

import convis_xr as cx


@pytest.fixture(scope="module")
def fired() -> object:
    values = np.random.default_rng(0).random((60, 3, 4)).astype("f4") * 400
    current = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="Hz")
    return cx.run(cx.spiking.NoisyLIF(), current, outputs=["response", "times"], repeats=2)


def test_a_point_for_each_spike_in_the_row_of_its_cell(fired) -> None:
    made = cx.plotting.raster(fired.times)
    assert isinstance(made, hv.Points)
    np.testing.assert_array_equal(np.sort(made.dimension_values(0)), np.sort(fired.times.values))
    rows, counts = np.unique(made.dimension_values(1), return_counts=True)
    assert len(rows) == int((fired.response.sum("time") > 0).sum())
    assert sorted(counts) == sorted(count for count in fired.response.sum("time").values.flat if count)
    assert len(cx.plotting.raster(fired.times, events=5)) == 5


def test_a_response_with_a_table_is_shown_as_a_whole(fired) -> None:
    assert any(isinstance(part, hv.Points) for part in fired.convis.plot())


def test_counts_are_no_table(fired) -> None:
    with pytest.raises(cx.ContractError, match="raster: wanted a table of events"):
        cx.plotting.raster(fired.response)
