from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pint
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr import Parameter
from convis_xr.units import Quantity


def _tau(**facts: Any) -> Parameter:
    return Parameter("10 ms", bounds=("0 ms", "1 s"), doc="time constant", source="a paper", label="tau", **facts)


def test_holds_base_units_and_shows_them() -> None:
    tau = _tau()
    assert tau.item() == 0.01
    assert tau.dtype == torch.float64
    assert tau.value == pint.Quantity(10, "ms")
    assert repr(tau) == "Parameter(tau: 0.01 s)  # time constant"
    assert isinstance(tau, torch.nn.Parameter)


@pytest.mark.parametrize(
    "value",
    [
        "5 ms",
        pint.Quantity(5, "ms"),
        pint.UnitRegistry().Quantity(5, "ms"),
        np.timedelta64(5, "ms"),
        Parameter("5 ms"),
        xr.DataArray(5.0, attrs={"units": "ms"}),
    ],
)
def test_set_in_place_keeps_identity(value: Any) -> None:
    tau = _tau()
    identity, place = id(tau), tau.data_ptr()
    assert id(tau.set(value)) == identity
    assert tau.data_ptr() == place
    assert tau.item() == 0.005
    assert tau.is_leaf
    assert tau.requires_grad


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (5, cx.UnitError, 'tau: wanted a time .*got 5.*Cure: say the unit: tau="5 s"'),
        ("5 deg", cx.UnitError, "tau: wanted a time"),
        ("5 Hz", cx.UnitError, "tau: wanted a time"),
        (torch.tensor(0.5), cx.UnitError, "say the unit"),
        ("-1 ms", cx.ParameterError, r"tau: wanted a value between 0 and 1 \[s\], got -0.001"),
        ("2 s", cx.ParameterError, r"tau: wanted a value between 0 and 1 \[s\], got 2"),
        ("nan s", cx.UnitError, "finite"),
        (None, cx.UnitError, "tau: wanted a time"),
        ([1, 2], cx.UnitError, "array without a unit"),
        (Quantity([1.0, 2.0], "ms"), cx.ParameterError, "tau: wanted 0 axes"),
        (Parameter("3 deg"), cx.UnitError, "tau: wanted a time"),
        (True, cx.UnitError, "tau: wanted a time"),
    ],
)
def test_a_refused_value_changes_nothing(value: Any, error: type[Exception], message: str) -> None:
    tau = _tau()
    with pytest.raises(error, match=message):
        tau.set(value)
    assert tau.item() == 0.01
    assert tau.shape == ()


@pytest.mark.parametrize(
    ("value", "units"),
    [
        ("10 ms", "s"),
        ("3 arcmin", "degree"),
        ("50 Hz", "Hz"),
        ("4 count/s", "Hz"),
        ("4 cycle/s", "Hz"),
        ("8*pi rad/s", "Hz"),
        ("1 cpd", "1/degree"),
        ("5 deg/s", "degree/s"),
        ("5 mV", "mV"),
        (0.5, "1"),
        ("50 %", "1"),
        ("100 cd/m^2", "cd/m^2"),
        (np.ones(3), "1"),
    ],
)
def test_dimension_follows_from_the_value(value: Any, units: str) -> None:
    assert Parameter(value).units == units


@pytest.mark.parametrize(
    ("value", "arguments", "error", "message"),
    [
        (5, {"dimension": "time"}, cx.UnitError, "wanted a time"),
        (np.ones(3), {"dimension": "time"}, cx.UnitError, "without a unit"),
        (5, {"dimension": "no such unit"}, cx.UnitError, "dimension: wanted a unit"),
        (1j, {}, cx.UnitError, "real number"),
        (np.ones(2, complex), {}, cx.ParameterError, "real numbers"),
        (["a"], {}, cx.ParameterError, "real numbers"),
        ([[1, 2], [3]], {}, cx.ParameterError, "on a grid"),
        (np.array([1, np.nan]), {}, cx.ParameterError, "finite"),
        ("5 ms", {"bounds": (0, None)}, cx.UnitError, "bounds: wanted a time"),
        ("5 ms", {"bounds": ("9 ms", "1 ms")}, cx.ParameterError, "bounds: wanted"),
        ("5 ms", {"bounds": ("6 ms", None)}, cx.ParameterError, "a value between"),
    ],
)
def test_what_no_parameter_can_be(value: Any, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Parameter(value, **arguments)


def test_arrays_keep_their_axes_and_own_their_memory() -> None:
    source = np.ones(3)
    weight = Parameter(source, label="weight")
    source[:] = 7
    assert weight.tolist() == [1, 1, 1]
    weight.value.magnitude[:] = 9
    assert weight.tolist() == [1, 1, 1]
    assert weight.set(np.arange(5.0)).shape == (5,)
    with pytest.raises(cx.ParameterError, match="weight: wanted 1 axes"):
        weight.set(3.0)
    assert Parameter(Quantity([1.0, 2.0], "ms")).tolist() == [0.001, 0.002]


def test_arithmetic_gives_plain_tensors_with_gradients() -> None:
    tau = _tau()
    for made in (
        tau * 2,
        2 / tau,
        -tau,
        torch.exp(tau),
        tau.clone(),
        tau.detach(),
        tau[None],
        tau.expand(3),
        torch.stack([tau, tau]),
    ):
        assert type(made) is torch.Tensor
    (gradient,) = torch.autograd.grad(torch.exp(-0.001 / tau), tau)
    assert gradient.item() == pytest.approx(0.001 / 0.01**2 * np.exp(-0.1))
    assert torch.autograd.gradcheck(lambda value: torch.exp(-0.001 / value), (tau,), eps=1e-7)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.LBFGS])
def test_optimizers_step_it_and_see_what_is_set(optimizer: Any) -> None:
    tau = _tau()
    steps = optimizer([tau], lr=1e-3)

    def loss() -> torch.Tensor:
        steps.zero_grad()
        value = (tau - 0.02) ** 2 * 100
        value.backward()
        return value

    before = tau.item()
    steps.step(loss)
    assert before < tau.item() < 0.03
    tau.set("100 ms")
    steps.step(loss)
    assert tau.item() < 0.1
    assert type(tau) is Parameter


def test_copies_are_whole_and_independent() -> None:
    tau = _tau(requires_grad=False)
    buffer = io.BytesIO()
    torch.save(tau, buffer)
    buffer.seek(0)
    for copied in (copy.deepcopy(tau), pickle.loads(pickle.dumps(tau)), torch.load(buffer, weights_only=False)):
        assert type(copied) is Parameter
        assert (copied.units, copied.bounds, copied.doc, copied.source, copied.label) == (
            "s",
            (0.0, 1.0),
            "time constant",
            "a paper",
            "tau",
        )
        assert not copied.requires_grad
        copied.set("5 ms")
        assert tau.item() == 0.01


def test_state_dict_and_dtype_of_a_layer() -> None:
    first, second = cx.filters.LowPass(tau="7 ms"), cx.filters.LowPass()
    parameter = second.tau
    second.load_state_dict(first.state_dict())
    assert second.tau is parameter
    assert second.tau.value == pint.Quantity(7, "ms")
    second.to(torch.float32)
    assert second.tau is parameter
    assert (second.tau.dtype, second.tau.units) == (torch.float32, "s")
    second.tau = "3 ms"
    assert second.tau.item() == pytest.approx(0.003)
