"""neo's objects, made by neo and read back by neo."""

from __future__ import annotations

import neo
import numpy as np
import pytest
import quantities as pq
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.recordings import bin_spikes, from_neo, spike_table, to_neo


def train(times, units="s", **more):
    return neo.SpikeTrain(times, units=units, t_stop=10.0 if units == "s" else 1e4, **more)


def segment(*trains, epochs=()):
    made = neo.Segment()
    for one in trains:
        made.spiketrains.append(one)
    made.epochs.extend(epochs)
    return made


def test_trains_become_a_table():
    recording = from_neo([train([0.5, 0.1]), train([200.0], "ms")])
    assert recording["spikes/time"].values.tolist() == [0.1, 0.2, 0.5]
    assert recording["spikes/cell"].values.tolist() == [0, 1, 0]
    assert recording["cells/t_stop"].values.tolist() == [10.0, 10.0]
    assert recording["cells/t_stop"].attrs["units"] == "s"


def test_names_and_annotations_are_kept():
    trains = [
        train([0.1], name="a", depth=3.0, kind="on", odd=[1]),
        train([], name="b", depth=4.0, kind="off", odd=[2]),
    ]
    recording = from_neo(segment(*trains))
    cells = recording["cells"].to_dataset()
    assert cells["cell"].values.tolist() == ["a", "b"]
    assert cells["depth"].values.tolist() == [3.0, 4.0]
    assert cells["kind"].values.tolist() == ["on", "off"]
    assert "odd" not in cells
    film = cx.as_stimulus(np.zeros(20), dt="10 ms", units="1")
    response = bin_spikes(recording["spikes"], film, cells=recording["cells"])
    assert response.sum("time").values.tolist() == [1, 0]


def test_segments_of_a_block_are_repeats():
    block = neo.Block()
    block.segments.extend([segment(train([0.1]), train([0.2])), segment(train([0.3]), train([0.4, 0.5]))])
    spikes = from_neo(block)["spikes"].to_dataset()
    assert spikes["repeat"].values.tolist() == [0, 0, 1, 1, 1]
    assert spikes["cell"].values.tolist() == [0, 1, 0, 1, 1]
    block.segments.append(segment(train([0.1])))
    with pytest.raises(cx.ContractError, match="wanted as many trains in each segment, got segments with 1, 2"):
        from_neo(block)


def test_epochs_become_trials():
    epoch = neo.Epoch([0.0, 1000.0] * pq.ms, durations=[500.0, 250.0] * pq.ms, labels=["left", "right"])
    trials = from_neo(segment(train([0.1, 1.1]), epochs=[epoch]))["trials"].to_dataset()
    assert trials["start"].values.tolist() == [0.0, 1.0]
    assert trials["stop"].values.tolist() == [0.5, 1.25]
    assert trials["label"].values.tolist() == ["left", "right"]


@given(
    trains=st.lists(st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=10), min_size=1, max_size=4)
)
def test_to_neo_and_back_keeps_all_bits(trains):
    table = spike_table(dict(enumerate(trains)))
    made = to_neo(table)
    for place, times in enumerate(trains):
        np.testing.assert_array_equal(made[place].rescale("s").magnitude, np.sort(times))
    back = from_neo(made)["spikes"].to_dataset()
    np.testing.assert_array_equal(back["time"].values, table["time"].values)
    assert back["cell"].values.astype(int).tolist() == table["cell"].values.tolist()


def test_ends_silent_cells_and_what_is_known():
    recording = from_neo([train([0.1], name="a", depth=3.0), train([], name="b", depth=4.0)])
    made = to_neo(recording["spikes"], cells=recording["cells"], t_start="-1 s", t_stop="2000 ms")
    assert [one.name for one in made] == ["a", "b"]
    assert made[1].annotations["depth"] == 4.0
    assert float(made[1].t_start) == -1.0
    assert float(made[1].t_stop) == 2.0
    assert len(made[1]) == 0
    early = to_neo(spike_table({0: [-0.5, 0.5]}))[0]
    assert (float(early.t_start), float(early.t_stop)) == (-0.5, 0.5)
    with pytest.raises(cx.ContractError, match=r"wanted times from 0 to 0\.05 s, got spikes from 0\.1 to 0\.1"):
        to_neo(recording["spikes"], t_stop="50 ms")


def test_other_objects_raise():
    with pytest.raises(cx.ContractError, match="from_neo: wanted spike trains of neo, got float"):
        from_neo([0.1, 0.2])
    with pytest.raises(cx.ContractError, match="from_neo: wanted at least one spike train, got none"):
        from_neo(neo.Block())
    repeats = spike_table({0: [0.1]}).assign_coords(repeat=("event", [0]))
    with pytest.raises(cx.ContractError, match="spikes: wanted one recording, got repeats"):
        to_neo(repeats)
