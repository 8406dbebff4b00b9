"""The static nonlinearity: continuous with its slope, never negative, and with a gradient everywhere."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.kernels import dispatch
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from tests.kernels.tolerance import assert_near

ROUTES = ["reference", "torch", "compiled"]
PARAMETERS = [(0.0, 37.0, 100.0), (0.3, 80.0, 400.0), (-0.2, 0.0, 100.0), (0.1, 50.0, 0.0), (0.0, 0.0, 0.0)]


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_routes_agree_with_the_reference(route, dtype, parameters):
    v = torch.cat([torch.linspace(-3, 3, 999, dtype=dtype), torch.tensor([math.inf, -math.inf, math.nan], dtype=dtype)])
    if parameters[2] == 0:
        v = v[torch.isfinite(v)]  # 0 * inf
    with dispatch.force("reference"):
        expected = ganglion_nonlinearity(v, *parameters)
    with dispatch.force(route):
        actual = ganglion_nonlinearity(v, *parameters)
    torch.testing.assert_close(actual, expected, rtol=2e-6 if dtype == torch.float32 else 1e-14, atol=0, equal_nan=True)


@pytest.mark.parametrize("route", ROUTES)
def test_known_values(route):
    with dispatch.force(route):
        current = ganglion_nonlinearity(torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]) + 0.25, 0.25, 50.0, 100.0)
    assert_near(current, torch.tensor([2500 / 150, 25.0, 50.0, 100.0, 150.0]))


@pytest.mark.parametrize("route", ROUTES)
@given(v=st.floats(-1e6, 1e6), baseline=st.floats(1, 1e3), slope=st.floats(0, 1e3))
def test_it_is_positive_and_never_falls(route, v, baseline, slope):
    with dispatch.force(route):
        low, high = ganglion_nonlinearity(torch.tensor([v, v + 0.1], dtype=torch.float64), 0.5, baseline, slope)
    assert 0 < low <= high


@pytest.mark.parametrize("parameters", PARAMETERS[:4])
def test_gradients_are_those_of_small_differences(parameters):
    v = torch.linspace(-1, 1, 8, dtype=torch.float64).requires_grad_()
    leaves = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in parameters]
    leaves[1] = leaves[1].detach().clamp(min=1.0).requires_grad_()  # small differences must not make it negative
    leaves[2] = leaves[2].detach().clamp(min=1.0).requires_grad_()
    assert torch.autograd.gradcheck(ganglion_nonlinearity, (v, *leaves))


@pytest.mark.parametrize("baseline", [0.0, 50.0])
def test_no_gradient_is_nan(baseline):
    leaves = [torch.tensor(value, requires_grad=True) for value in (0.0, baseline, 100.0)]
    v = torch.tensor([-1.0, 0.0, 1e-30, 1.0], requires_grad=True)
    ganglion_nonlinearity(v, *leaves).sum().backward()
    assert all(leaf.grad.isfinite().all() for leaf in (v, *leaves))


def test_the_slope_is_continuous_at_the_threshold():
    v = torch.tensor([0.25 - 1e-9, 0.25], dtype=torch.float64, requires_grad=True)
    ganglion_nonlinearity(v, 0.25, 50.0, 100.0).sum().backward()
    assert v.grad.tolist() == pytest.approx([100.0, 100.0], rel=1e-7)


@pytest.mark.parametrize(("position", "name"), [(0, "threshold"), (1, "baseline"), (2, "slope")])
def test_what_does_not_fit_is_refused(position, name):
    parameters = [0.0, 50.0, 100.0]
    parameters[position] = math.nan if name == "threshold" else -1.0
    with pytest.raises(ValueError, match=f"{name}: wanted a finite number"):
        ganglion_nonlinearity(torch.zeros(2), *parameters)
