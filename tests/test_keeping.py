from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from convis_xr.filters import LowPass


def _film(seed: int = 0) -> object:
    values = np.random.default_rng(seed).random((8, 2, 3))
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")


def _begun() -> LowPass:
    model = LowPass("5 ms")
    model.set_optimizer.SGD(lr=0.25, momentum=0.5)
    model(_film())
    return model


def test_everything_is_stored_by_name_and_stays_there() -> None:
    model = _begun()
    model.store_all("begun")
    expected = model(_film(1))
    for _ in range(2):
        model.tau = "50 ms"
        model.clear_state()
        model.optimizer.param_groups[0]["lr"] = 99.0
        model.retrieve_all("begun")
        assert model.optimizer.param_groups[0]["lr"] == 0.25
        np.testing.assert_array_equal(model(_film(1)), expected)
    with pytest.raises(
        cx.ParameterError, match=r"retrieve_all: wanted one of begun, got 'end'. Cure: store_all\('end'\)"
    ):
        model.retrieve_all("end")
    model.store_all("begun")
    model.retrieve_all("begun")
    assert not np.array_equal(model(_film(1)), expected)


def test_the_stack_of_everything_does_not_meet_the_others() -> None:
    model = _begun()
    expected = model.get_state()["low_pass"].clone()
    model.push_all()
    model.tau = "7 ms"
    model.push_parameters()
    model.clear_state()
    model.push_state()
    with pytest.raises(cx.ParameterError, match="pop_optimizer"):
        model.pop_optimizer()
    model.pop_all()
    assert model.tau.item() == 0.005
    np.testing.assert_array_equal(model.low_pass, expected)
    model.pop_parameters()
    assert model.tau.item() == 0.007
    model.pop_state()
    assert model.get_state() == {}
    with pytest.raises(cx.ParameterError, match="pop_all: wanted a push_all before"):
        model.pop_all()


def test_nothing_that_is_kept_is_shared_with_the_model() -> None:
    model = _begun()
    model.store_all("begun")
    before = model.get_state()["low_pass"].clone()
    model.low_pass.zero_()
    model.retrieve_all("begun")
    model.low_pass.zero_()
    model.retrieve_all("begun")
    np.testing.assert_array_equal(model.low_pass, before)


def test_what_cannot_be_put_back_stays_on_the_stack() -> None:
    model = cx.filters.SpaceTimeLowPass("0.1 deg", "10 ms")
    model.push_all()
    before = model.tau
    model.tau = cx.Derived(lambda sigma: sigma / 20, sigma=model.sigma)
    with pytest.raises(cx.ConvisError, match="unknown: tau"):
        model.pop_all()
    model.tau = before
    before.set("20 ms")
    model.pop_all()
    assert float(model.tau) == pytest.approx(0.01)
