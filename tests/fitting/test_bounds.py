from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.fitting.bounds import Coordinates, Exponential, Logistic, Scaled, transform_of

BOUNDS = {
    "free": (None, None),
    "low": ("0 s", None),
    "high": (None, "0.02 s"),
    "both": ("1 ms", "20 ms"),
    "at low": ("10 ms", None),
    "at high": ("1 ms", "10 ms"),
}


def _parameter(bounds: str) -> cx.Parameter:
    return cx.Parameter("10 ms", bounds=BOUNDS[bounds], label="tau")


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ("free", Scaled), ("low", Exponential), ("high", Exponential), ("both", Logistic), ("at low", Scaled),
        ("at high", Scaled),
    ],
)  # fmt: skip
def test_there_and_back(bounds: str, kind: type) -> None:
    tau = _parameter(bounds)
    made = transform_of(tau, tau.detach())
    assert isinstance(made, kind)
    torch.testing.assert_close(made.value(made.free(tau.detach())), tau.detach(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_slope_is_that_of_the_value(bounds: str) -> None:
    tau = _parameter(bounds)
    made = transform_of(tau, tau.detach())
    free = (made.free(tau.detach()) + 0.3).requires_grad_()
    if not isinstance(made, Scaled) or made.high is None:  # beyond a bound the slope goes on, so that it can be left
        (expected,) = torch.autograd.grad(made.value(free), free)
        torch.testing.assert_close(made.slope(free.detach()), expected)


@given(bounds=st.sampled_from(sorted(BOUNDS)), steps=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5))
def test_no_step_leads_out_of_bounds(bounds: str, steps: list[float]) -> None:
    tau = _parameter(bounds)
    fitted = Coordinates({"tau": tau}, bounds=True)
    for step in steps:
        before = tau.clone()
        with fitted.free(), torch.no_grad():
            tau.add_(step)
        if torch.isfinite(tau):  # beyond all numbers it is the fit that says so
            tau.check(tau.detach())
        if step == 0:
            assert torch.equal(tau, before)


def test_one_learning_rate_suits_all_sizes() -> None:
    """One step of Adam moves 10 ms and 100 Hz by the same part."""
    tau = cx.Parameter("10 ms", bounds=("0 ms", None))
    rate = cx.Parameter("100 Hz", bounds=("0 Hz", None))
    free = cx.Parameter("-65 mV")
    fitted = Coordinates({"tau": tau, "rate": rate, "free": free}, bounds=True)
    adam = torch.optim.Adam([tau, rate, free], lr=0.1)
    with fitted.free():
        with fitted.valued():
            (tau * rate + free / 65).backward()
        adam.step()
    assert tau.item() / 0.01 == pytest.approx(rate.item() / 100) == pytest.approx(0.9048374, rel=1e-6)
    assert free.item() / -65 == pytest.approx(1.1, rel=1e-6)


def test_gradients_are_those_of_what_is_moved() -> None:
    weights = cx.Parameter([0.5, 2.0, 0.0, -1.0], bounds=(-1, None))
    free = torch.tensor([0.5, 2.0, 0.0, -1.0], requires_grad=True)
    fitted = Coordinates({"w": weights}, bounds=True)
    with fitted.free(), fitted.valued():
        (weights**2).sum().backward()
    (free**2).sum().backward()
    assert torch.equal(weights.grad, free.grad)  # one of them stands at its bound: moved as they are


def test_at_a_bound_it_can_stay_and_leave() -> None:
    weight = cx.Parameter(0.0, bounds=(0, None))
    fitted = Coordinates({"w": weight}, bounds=True)
    descent = torch.optim.SGD([weight], lr=0.1)

    def step(target: float) -> float:
        with fitted.free():
            descent.zero_grad()
            with fitted.valued():
                ((weight - target) ** 2).backward()
            descent.step()
        return weight.item()

    assert [step(-1.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert step(1.0) == pytest.approx(0.2)  # it had not gone on beyond the bound


def test_without_bounds_values_are_moved_as_they_are() -> None:
    tau = _parameter("low")
    fitted = Coordinates({"tau": tau}, bounds=False)
    with fitted.free(), torch.no_grad():
        assert tau.item() == 0.01
        tau.sub_(0.02)
    assert tau.item() == pytest.approx(-0.01)


@pytest.mark.parametrize("inner", [True, False])
def test_what_is_raised_leaves_the_values(inner: bool) -> None:
    tau = _parameter("low")
    fitted = Coordinates({"tau": tau}, bounds=True)

    def fails() -> None:
        with fitted.free():
            with torch.no_grad():
                tau.add_(1)
            with fitted.valued() if inner else nullcontext():
                raise KeyError(tau.item())

    with pytest.raises(KeyError):
        fails()
    assert tau.item() == 0.01


def test_what_was_not_moved_keeps_its_bits() -> None:
    weights = cx.Parameter(torch.rand(1000) + 0.1, bounds=(0, 2))
    before = weights.detach().clone()
    fitted = Coordinates({"w": weights}, bounds=True)
    with fitted.free(), torch.no_grad():
        weights[0] += 0.1
    assert torch.equal(weights[1:], before[1:])
    assert weights[0] > before[0]


def test_standing_is_kept_bit_by_bit() -> None:
    def moved() -> tuple[cx.Parameter, Coordinates]:
        tau = _parameter("both")
        return tau, Coordinates({"tau": tau}, bounds=True)

    def step(tau: cx.Parameter, fitted: Coordinates) -> float:
        with fitted.free(), torch.no_grad():
            tau.add_(0.1)
        return tau.item()

    (one, first), (other, second) = moved(), moved()
    step(one, first)
    other.set("3 ms")
    second.load_state_dict(first.state_dict())
    assert step(one, first) == step(other, second)


@pytest.mark.parametrize(("bounds", "value"), [((0.0, 1.0), 5.0), ((0.0, None), -5.0), ((None, 1.0), 2.0)])
def test_a_value_that_was_put_outside_its_bounds(bounds: tuple[float | None, float | None], value: float) -> None:
    """As by ``fill_``, which asks no one."""
    gain = cx.Parameter(0.5, bounds=bounds)
    with torch.no_grad():
        gain.fill_(value)
    with pytest.raises(cx.ParameterError, match=f"gain: wanted values from .* to begin with, got {value:g}"):
        Coordinates({"gain": gain}, bounds=True)
    Coordinates({"gain": gain}, bounds=False)
