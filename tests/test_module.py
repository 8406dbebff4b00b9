from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.filters import LowPass


class Model(cx.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first = LowPass("5 ms")
        self.rest = torch.nn.Sequential(torch.nn.ReLU(), LowPass("10 ms"))
        self.gain = cx.Parameter(2.0)
        self.weight = torch.nn.Parameter(torch.ones(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest(self.first(x)) * self.gain


def _film(seed: int = 0) -> Any:
    values = np.random.default_rng(seed).random((8, 2, 3))
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")


def test_attributes_are_set_in_place_with_units() -> None:
    model = Model()
    tau = model.first.tau
    model.first.tau = "7 ms"
    assert model.first.tau is tau
    assert tau.item() == 0.007
    for wrong in (7, "7 deg", cx.Parameter("7 deg")):
        with pytest.raises(cx.UnitError, match="tau: wanted"):
            model.first.tau = wrong
    assert model.first.tau is tau
    shared = cx.Parameter("9 ms")
    model.first.tau = shared
    assert model.first.tau is shared
    assert repr(model.first) == "LowPass(tau=0.009 s)"


def test_state_can_be_read_written_pushed_and_cleared() -> None:
    model = Model()
    assert model.get_state() == {}
    model(_film())
    state = model.get_state()
    assert list(state) == ["first.low_pass", "rest.1.low_pass"]
    next_output = model(_film(1))
    model.set_state(state)
    np.testing.assert_array_equal(model(_film(1)), next_output)
    model.set_state(state)
    model.push_state()
    model.clear_state()
    assert model.first.low_pass is None
    assert list(model.s) == list(state)
    model(_film(2))
    model.pop_state()
    np.testing.assert_array_equal(model(_film(1)), next_output)
    with pytest.raises(cx.ParameterError, match="pop_state: wanted a push_state before"):
        model.pop_state()


def test_state_is_never_shared_with_who_gave_or_got_it() -> None:
    model = Model()
    model(_film())
    before = model.first.low_pass.clone()
    state = model.get_state()
    state["first.low_pass"].zero_()
    assert torch.equal(model.first.low_pass, before)
    given = {"first.low_pass": before.clone()}
    model.set_state(given)
    given["first.low_pass"].zero_()
    assert torch.equal(model.first.low_pass, before)


@pytest.mark.parametrize(
    ("state", "message"), [({"first.foo": torch.ones(1)}, "got first.foo"), ({"first.low_pass": 5}, "wanted a tensor")]
)
def test_states_that_do_not_fit(state: dict[str, Any], message: str) -> None:
    model = Model()
    model(_film())
    before = model.get_state()
    with pytest.raises(cx.ParameterError, match=message):
        model.set_state(state)
    assert all(torch.equal(before[name], value) for name, value in model.get_state().items())


def test_detach_state_cuts_the_graph() -> None:
    model = Model()
    x = torch.ones(1, 1, 4, 1, 1, dtype=torch.float64)
    with cx.set_options(dt="1 ms"):
        model(x).sum().backward()
        model.detach_state()
        model(x).sum().backward()
        with pytest.raises(RuntimeError, match="second time"):
            model(x).sum().backward()


def test_parameters_can_be_read_written_and_pushed() -> None:
    model = Model()
    values = model.get_parameters()
    assert list(values) == ["gain", "weight", "first.tau", "rest.1.tau"]
    model.push_parameters()
    values["first.tau"] = "3 ms"
    values["weight"] = np.zeros((2, 3))
    model.set_parameters(values)
    assert model.first.tau.item() == 0.003
    assert not model.weight.any()
    model.pop_parameters()
    assert model.first.tau.item() == 0.005
    assert model.weight.all()
    with pytest.raises(cx.ParameterError, match="pop_parameters"):
        model.pop_parameters()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weight": np.zeros(5)}, cx.ParameterError, "weight: wanted shape"),
        ({"weight": "5 ms"}, cx.UnitError, "weight: wanted"),
        ({"weight": np.full((2, 3), np.nan)}, cx.ParameterError, "finite"),
        ({"weight": np.ones((2, 3), complex)}, cx.ParameterError, "real"),
        ({"rest.1.tau": "-1 ms"}, cx.ParameterError, "between"),
        ({"rest.1.tau": 3.0}, cx.UnitError, "say the unit"),
    ],
)
def test_a_refused_value_leaves_all_as_they_were(change: dict[str, Any], error: type[Exception], message: str) -> None:
    model = Model()
    before = {name: value.tolist() for name, value in model.get_parameters().items()}
    with pytest.raises(error, match=message):
        model.set_parameters({**model.get_parameters(), "gain": 7.0, "first.tau": "1 ms", **change})
    assert {name: value.tolist() for name, value in model.get_parameters().items()} == before


def test_mismatch_raises_or_warns_where_the_caller_is(tmp_path: Any) -> None:
    model = Model()
    values = {"gain": 3.0, "nothing": 1.0}
    with pytest.raises(cx.ParameterError, match=r"missing: first.tau, rest.1.tau, weight; unknown: nothing"):
        model.set_parameters(values)
    assert model.gain.item() == 2.0
    with pytest.warns(UserWarning, match="unknown: nothing") as caught:
        model.set_parameters(values, strict=False)
    assert caught[0].filename == __file__
    assert model.gain.item() == 3.0
    LowPass("1 ms").save_parameters(tmp_path / "other.npz")
    with pytest.raises(cx.ParameterError, match="unknown: tau"):
        model.load_parameters(tmp_path / "other.npz")
    with pytest.warns(UserWarning, match="unknown: tau") as caught:
        model.load_parameters(tmp_path / "other.npz", strict=False)
    assert caught[0].filename == __file__


def test_load_config_sets_what_it_names() -> None:
    model = Model()
    model.load_config({"first": {"tau": "7 ms"}, "rest.1.tau": "4 ms", "gain": 3})
    assert (float(model.first.tau), float(model.rest[1].tau), float(model.gain)) == (0.007, 0.004, 3.0)
    model.rest[1].load_config({"rest": {"1": {"tau": "8 ms"}}, "first.tau": "1 ms"}, prefix="rest.1")
    assert (float(model.first.tau), float(model.rest[1].tau)) == (0.007, 0.008)


def test_load_config_tells_of_what_it_does_not_know_where_the_caller_is() -> None:
    model = Model()
    with pytest.warns(UserWarning, match=r"config: wanted paths among .*first.tau.*, got first.sigma") as caught:
        model.load_config({"first.sigma": "7 deg", "first.tau": "7 ms"})
    assert [one.filename for one in caught] == [__file__]
    assert float(model.first.tau) == 0.007


@pytest.mark.parametrize(
    ("config", "prefix", "error", "message"),
    [
        ({"gain": 3, "first.tau": 7}, "", cx.UnitError, "tau: wanted a time"),
        ({"gain": 3, "first.tau": "-7 ms"}, "", cx.ParameterError, "tau"),
        ({"gain": 3, "first.tau": None}, "", cx.UnitError, "tau: wanted a time"),
        ({"gain": 3, "first": {"tau": "7 ms"}, "first.tau": "7 ms"}, "", cx.ParameterError, "first.tau twice"),
        ({"gain": 3, 5: "7 ms"}, "", cx.ParameterError, "paths of text, got 5"),
        ({"gain": 3}, "retina", cx.ParameterError, "prefix: wanted values below 'retina', got gain"),
        ({}, "retina", cx.ParameterError, "prefix: wanted values below 'retina', got none at all"),
        ("retina.xml", "", cx.ParameterError, "config: wanted a mapping of paths to values, got str"),
        (None, "", cx.ParameterError, "config: wanted a mapping of paths to values, got NoneType"),
    ],
)
def test_load_config_refuses_wrong_values_and_then_sets_none(
    config: Any, prefix: str, error: type[Exception], message: str
) -> None:
    model = Model()
    with pytest.raises(error, match=message):
        model.load_config(config, prefix=prefix)
    assert (float(model.gain), float(model.first.tau)) == (2.0, 0.005)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("with_graph", [False, True])
def test_copies_are_whole_and_independent(clone: Any, with_graph: bool) -> None:
    model = Model()
    if with_graph:
        with cx.set_options(dt="1 ms"):
            model(torch.ones(1, 1, 4, 2, 3))
    else:
        model(_film())
    copied = clone(model)
    np.testing.assert_array_equal(copied(_film(1)), model(_film(1)))
    copied.first.tau = "1 ms"
    copied.clear_state()
    assert model.first.tau.item() == 0.005
    assert model.first.low_pass is not None


def test_moving_to_another_dtype_takes_the_state_along() -> None:
    model = Model()
    model(_film())
    model.to(torch.float32)
    assert model.first.low_pass.dtype == torch.float32
    assert model(_film(1).astype("float32")).dtype == "float32"


def test_to_config_gives_what_load_config_takes() -> None:
    one, other = cx.models.LN((3, 2, 2)), cx.models.LN((3, 2, 2))
    other.load_config(one.to_config())
    np.testing.assert_array_equal(other.conv.weight.detach(), one.conv.weight.detach())
    cascade = cx.models.Sequential(cx.filters.LowPass("7 ms"), cx.filters.Gaussian("0.2 deg"))
    made = cascade.to_config()
    assert str(made["layer_0"]["tau"]) == "0.007 second"
    fresh = cx.models.Sequential(cx.filters.LowPass("1 ms"), cx.filters.Gaussian("1 deg"))
    fresh.load_config(made)
    assert fresh.get_parameters() == cascade.get_parameters()
    fresh[0].load_config(made, prefix="layer_0")
