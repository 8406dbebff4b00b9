from __future__ import annotations

import copy
import pickle

import torch

from convis_xr import State


def test_begins_empty_and_holds_what_is_set() -> None:
    state = State(units="mV", doc="membrane", primed=False)
    assert state.get() is None
    assert repr(state) == "State(not begun, mV)  # membrane"
    assert state.set(torch.ones(2, 3)) is state
    assert repr(state) == "State(shape (2, 3), mV)  # membrane"
    assert state.set(None).get() is None


def test_does_not_keep_a_whole_chunk_alive() -> None:
    chunk = torch.rand(1, 1, 1000, 4, 4)
    held = State().set(chunk[:, :, -1]).get()
    assert held is not None
    assert torch.equal(held, chunk[:, :, -1])
    assert held.untyped_storage().nbytes() == 16 * 4


def test_copies_are_cut_off_the_graph() -> None:
    x = torch.ones(2, requires_grad=True)
    state = State(x * 2, units="mV")
    for copied in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert copied.units == "mV"
        assert copied.value.tolist() == [2, 2]
        assert not copied.value.requires_grad
        copied.value.zero_()
    assert state.value is not None
    assert state.value.requires_grad
    assert state.value.tolist() == [2, 2]
