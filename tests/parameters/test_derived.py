from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr import Derived, Parameter


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, tau: Any) -> torch.Tensor:
        self.calls += 1
        return torch.exp(-0.001 / tau)


@pytest.mark.parametrize(
    "change",
    [
        lambda tau: tau.set("5 ms"),
        lambda tau: tau.data.mul_(0.5),
        lambda tau: tau.data.fill_(0.005),
        lambda tau: setattr(tau, "data", torch.tensor(0.005, dtype=torch.float64)),
    ],
)
def test_recomputed_when_a_dependency_changes_and_only_then(change: Any) -> None:
    tau, function = Parameter("10 ms"), Counted()
    decay = Derived(function, tau=tau)
    with torch.no_grad():
        assert decay.get().item() == decay.value.item() == pytest.approx(np.exp(-0.1))
        assert function.calls == 1
        change(tau)
        assert decay.get().item() == pytest.approx(np.exp(-0.2))
        assert decay.get().item() == pytest.approx(np.exp(-0.2))
    assert function.calls == 2


def test_recomputed_after_an_optimizer_step_and_differentiable_again_and_again() -> None:
    tau = Parameter("10 ms")
    decay = Derived(Counted(), tau=tau)
    optimizer = torch.optim.SGD([tau], lr=1e-4)
    for _ in range(3):
        before = tau.item()
        optimizer.zero_grad()
        decay.get().backward()
        assert tau.grad is not None
        assert tau.grad.item() == pytest.approx(0.001 / before**2 * np.exp(-0.001 / before))
        optimizer.step()
        assert decay.get().item() == pytest.approx(np.exp(-0.001 / tau.item()))


def test_the_dtype_counts() -> None:
    tau = Parameter("10 ms", requires_grad=False)
    decay = Derived(Counted(), tau=tau)
    assert decay.get().dtype == torch.float64
    tau.data = tau.data.float()
    assert decay.get().dtype == torch.float32


def test_chains_follow_through() -> None:
    tau = Parameter("10 ms")
    twice = Derived(lambda decay, times: decay * times, decay=Derived(Counted(), tau=tau), times=2.0)
    (gradient,) = torch.autograd.grad(twice.get(), tau)
    assert gradient.item() == pytest.approx(20 * np.exp(-0.1))
    tau.set("5 ms")
    assert twice.get().item() == pytest.approx(2 * np.exp(-0.2))
    assert twice.set(times=3.0) is twice
    assert twice.get().item() == pytest.approx(3 * np.exp(-0.2))


def test_cycles_and_unknown_names_raise() -> None:
    first = Derived(lambda a: a, a=1.0)
    second = Derived(lambda a: a, a=first)
    third = Derived(lambda a: a, a=second)
    for one in (first, second, third):
        with pytest.raises(cx.ParameterError, match="a: wanted no cycle"):
            first.set(a=one)
    with pytest.raises(cx.ParameterError, match="b: wanted one of a"):
        first.set(b=1)
    assert third.get() == 1.0


def test_acts_as_a_tensor() -> None:
    tau = Parameter("1 s")
    half = Derived(lambda tau: tau / 2, tau=tau)
    assert float(half) == 0.5
    for made in (
        half + 1,
        1 + half,
        2 - half,
        half * 3,
        3 * half,
        half / half + 0.5,
        0.75 / half,
        half**1 + 1,
        -half + 2,
        torch.ones(()) + half,
        torch.add(half, 1),
        torch.stack([half, half]) + 1,
        half + tau,
    ):
        assert isinstance(made, torch.Tensor)
        assert made.requires_grad
        assert set(made.flatten().tolist()) == {1.5}


@pytest.mark.parametrize("make", [lambda: [1.0, 2.0], lambda: np.array([1.0, 2.0]), lambda: torch.tensor([1.0, 2.0])])
def test_values_changed_in_place_are_noticed(make: Any) -> None:
    given = make()
    total = Derived(lambda values: float(sum(values)), values=given)
    assert total.get() == 3
    given[0] = 10.0
    assert total.get() == 12


def test_a_result_that_someone_changed_is_made_anew() -> None:
    double = Derived(lambda tau: tau * 2, tau=Parameter("1 s", requires_grad=False))
    double.get().add_(5)
    assert double.get().item() == 2


def test_cached_under_inference_and_used_for_gradients() -> None:
    double = Derived(lambda tau: tau * 2, tau=Parameter("1 s", requires_grad=False))
    with torch.inference_mode():
        double.get()
    x = torch.ones((), requires_grad=True)
    (double.get() * x**2).backward()
    assert x.grad is not None
    assert x.grad.item() == 4


def test_a_copied_layer_has_a_derived_value_of_its_own() -> None:
    class Model(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.tau = Parameter("10 ms")
            self.decay = Derived(Counted(), tau=self.tau)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.decay

    model = Model()
    copied = copy.deepcopy(model)
    copied.tau = "5 ms"
    x = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)
    assert copied(x).item() == pytest.approx(np.exp(-0.2))
    assert model(x).item() == pytest.approx(np.exp(-0.1))
