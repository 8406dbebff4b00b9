"""Derived values as attributes of a layer."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.filters import LowPass


class Pair(cx.Layer):
    """Two low-passes, the second twice as slow as the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = LowPass("5 ms"), LowPass("1 ms")
        self.second.tau = cx.Derived(_twice, tau=self.first.tau)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def _twice(tau: torch.Tensor) -> torch.Tensor:
    return 2 * tau


def _step() -> object:
    return cx.as_stimulus(np.ones((20, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="1")


def test_takes_the_place_of_a_parameter() -> None:
    pair = Pair()
    assert list(pair.p) == ["first.tau"]
    assert list(pair.derived) == ["second.tau"]
    assert list(pair.get_parameters()) == ["first.tau"]
    assert "tau" in dir(pair.second)
    same = torch.nn.Sequential(LowPass("7 ms"), LowPass("14 ms"))
    pair.first.tau = "7 ms"
    expected = same[1](same[0](_step()))
    np.testing.assert_array_equal(pair(_step()), expected)
    row = cx.describe(pair).table("Derived values").records()[0]
    assert row == {
        "path": "second.tau",
        "value": "0.014",
        "unit": "s",
        "follows from": "tau",
        "meaning": "time constant",
    }
    assert cx.describe(pair.derived).table("Derived values").records() == [row]


def test_gradients_pass_through_it() -> None:
    pair = Pair()
    with cx.set_options(dt="1 ms"):
        x = torch.ones(1, 1, 10, 1, 1, dtype=torch.float64)
        pair(x).sum().backward()
        got = pair.first.tau.grad.clone()
        value, step = 0.005, 1e-7
        sums = []
        for shifted in (value - step, value + step):
            pair.first.tau.set(f"{shifted!r} s")
            pair.clear_state()
            sums.append(pair(x).sum().item())
    assert got.item() == pytest.approx((sums[1] - sums[0]) / (2 * step), rel=1e-5)


def test_is_not_saved_and_copies_follow_their_own_parameters(tmp_path: Path) -> None:
    pair = Pair()
    pair.save_parameters(tmp_path / "values.json")
    other = copy.deepcopy(pair)
    other.first.tau = "50 ms"
    other_tau, pair_tau = float(other.second.tau), float(pair.second.tau)
    assert (other_tau, pair_tau) == (0.1, 0.01)
    other.load_parameters(tmp_path / "values.json")
    assert float(other.second.tau) == 0.01


def test_it_keeps_within_the_bounds_of_what_it_stands_for() -> None:
    pair = Pair()
    with pytest.raises(cx.ParameterError, match="tau: wanted a value between 0"):
        pair.second.tau = cx.Derived(lambda tau: -tau, tau=pair.first.tau)
    assert float(pair.second.tau) == 0.01
    offset = cx.Parameter("0 ms")
    pair.second.tau = cx.Derived(lambda tau, offset: tau - offset, tau=pair.first.tau, offset=offset)
    offset.set("10 ms")
    with pytest.raises(cx.ParameterError, match="tau: wanted a value between 0"):
        pair(_step())
    with pytest.raises(cx.ParameterError, match="tau: wanted a value between 0"), torch.enable_grad():
        pair.second.tau.get()


def test_cycles_are_refused() -> None:
    pair = Pair()
    with pytest.raises(cx.ParameterError, match="tau: wanted no cycle"):
        pair.first.tau = cx.Derived(_twice, tau=pair.first.tau)
    with pytest.raises(cx.ParameterError, match="tau: wanted no cycle"):
        pair.second.tau = cx.Derived(_twice, tau=pair.second.tau)
    with pytest.raises(cx.ParameterError, match="tau: wanted no cycle"):
        pair.first.tau = cx.Derived(_twice, tau=pair.second.tau)
    assert list(pair.p) == ["first.tau"]


def test_a_value_does_not_overwrite_it_and_a_parameter_takes_its_place() -> None:
    pair = Pair()
    with pytest.raises(cx.ParameterError, match=r"tau: wanted nothing: it is derived.*\(tau\)"):
        pair.second.tau = "3 ms"
    pair.second.tau = cx.Parameter("3 ms")
    assert list(pair.p) == ["first.tau", "second.tau"]
    assert not pair.derived
    assert pair.second.tau.label == "tau"


def test_a_new_name_may_be_derived() -> None:
    layer = LowPass("4 ms")
    layer.rate = cx.Derived(lambda tau: 1 / tau, tau=layer.tau)
    assert float(layer.rate) == 250.0
    assert cx.describe(layer.rate).table("Follows from").rows == (("tau", "0.004 s", "Parameter"),)


def test_a_result_tells_what_the_derived_value_was() -> None:
    facts = json.loads(cx.run(Pair(), _step()).attrs["convis_xr_provenance"])["model"]["parameters"]
    assert facts == {"first.tau": {"value": 0.005, "units": "s"}, "second.tau": {"value": 0.01, "units": "s"}}
