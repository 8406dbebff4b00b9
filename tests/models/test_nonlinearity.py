"""Nonlinearities by name, and what is known of a part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special

import convis_xr as cx
from convis_xr.footprint import UNKNOWN, Footprint
from convis_xr.models.nonlinearity import NONLINEARITIES, Function, footprint_of, nonlinearity_of, unit_after

ORACLES = {
    "relu": lambda v: np.maximum(v, 0),
    "softplus": lambda v: np.logaddexp(0, v),
    "exp": np.exp,
    "square": np.square,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "identity": lambda v: v,
}
SAMPLING = cx.Sampling("1 ms", "0.1 deg")


def test_every_name_has_an_oracle() -> None:
    assert ORACLES.keys() == NONLINEARITIES.keys()


@pytest.mark.parametrize("name", ORACLES)
def test_names(name: str) -> None:
    values = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(nonlinearity_of(name)(torch.from_numpy(values)), ORACLES[name](values), rtol=1e-12)


@pytest.mark.parametrize("given", ["cube", None, 5, torch.nn.ReLU])
def test_what_is_none(given: object) -> None:
    with pytest.raises(cx.ParameterError, match="nonlinearity: wanted a function or one of relu"):
        nonlinearity_of(given)


def test_only_what_treats_values_alone_is_known_to_look_nowhere() -> None:
    layer = cx.filters.LowPass("5 ms")
    assert footprint_of(layer, SAMPLING) == layer.footprint(SAMPLING)
    for part in (torch.nn.Softplus(), torch.relu, Function(torch.exp)):
        assert footprint_of(part, SAMPLING) == Footprint()
    for part in (torch.nn.Conv3d(1, 1, 3), torch.nn.Softmax(1), torch.cumsum, Function(lambda x: x.flip(-1))):
        assert footprint_of(part, SAMPLING) == UNKNOWN
    assert footprint_of(lambda x: x**3, SAMPLING, pointwise=True) == Footprint()


def test_units() -> None:
    assert [unit_after(part, "Hz") for part in (torch.relu, torch.nn.ReLU(), cx.filters.LowPass())] == ["Hz"] * 3
    assert [unit_after(part, "Hz") for part in (torch.exp, torch.nn.Tanh(), cx.models.LN())] == ["1"] * 3
    assert unit_after(cx.filters.LowPass(), None) is None


def test_a_nonlinearity_may_be_a_module_or_a_layer() -> None:
    film = cx.as_stimulus(np.random.default_rng(1).random((9, 3, 3)), dt="1 ms", pixel_size="0.1 deg", units="1")
    model = cx.models.LN((1, 1, 1), nonlinearity=cx.filters.LowPass("5 ms"))
    model.conv.set_weight(1.0)
    np.testing.assert_allclose(model(film), cx.filters.LowPass("5 ms")(film), rtol=1e-6)
    assert "nonlinearity.tau" in [*model.p]
    assert model.footprint(SAMPLING).memory > 0
    learned = cx.models.LN((1, 1, 1), nonlinearity=torch.nn.PReLU())
    assert "nonlinearity.weight" in [*learned.p]
