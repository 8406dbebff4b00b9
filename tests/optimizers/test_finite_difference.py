from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import convis_xr as cx
from convis_xr.optimizers import FiniteDifference
from tests.optimizers.test_cautious_lbfgs import place, rosenbrock


@pytest.mark.parametrize("size", [2, 4])
def test_rosenbrock_is_solved_without_a_gradient(size: int) -> None:
    x = place(*np.tile([-1.2, 1.0], size)[:size])
    FiniteDifference([x], max_iter=300).step(lambda: rosenbrock(x.detach()))
    np.testing.assert_allclose(x.detach(), np.ones(size), atol=1e-4)
    assert x.grad is None


@pytest.mark.parametrize("curvature", ["bfgs", "diagonal"])
def test_an_ill_scaled_quadratic_in_its_own_axes_takes_two_steps(curvature: str) -> None:
    scales = torch.logspace(-4, 4, 5, dtype=torch.float64)
    x = place(1.0, 20.0, 3e-3, -5.0, 2.0)
    goal = torch.tensor([2.0, 10.0, 5e-3, -4.0, 1.0], dtype=torch.float64)
    FiniteDifference([x], max_iter=2, curvature=curvature).step(lambda: (scales * (x - goal) ** 2).sum())
    np.testing.assert_allclose(x.detach(), goal, rtol=1e-5)


def test_parameters_that_depend_on_each_other_need_bfgs() -> None:
    matrix = torch.tensor([[2.0, 1.9], [1.9, 2.0]], dtype=torch.float64)
    ends = []
    for curvature in ("bfgs", "diagonal"):
        x = place(3.0, -1.0)
        FiniteDifference([x], max_iter=12, curvature=curvature).step(lambda x=x: (x @ matrix @ x).detach())
        ends.append(float((x @ matrix @ x).detach()))
    assert ends[0] < 1e-8 < 1e-4 < ends[1]


def test_the_gradient_and_curvature_are_those_of_calculus() -> None:
    x = place(0.7, -1.3)
    optimizer = FiniteDifference([x], max_iter=1)
    optimizer.step(lambda: x[0].sin() + x[1] ** 4)
    kept = optimizer.state[x]
    # of the place where the last step ended
    a, b = x.tolist()
    size = max(math.hypot(0.7, 1.3), math.hypot(a, b)) / math.sqrt(2)
    expected = [max(abs(math.sin(a)), abs(math.cos(a)) / max(size, abs(a))), 12 * b**2]
    np.testing.assert_allclose(kept["own"], expected, rtol=1e-4)


def test_a_noisy_loss_is_followed_down_to_its_noise() -> None:
    draws = np.random.default_rng(3)
    x = place(4.0, -3.0)
    optimizer = FiniteDifference([x], spacing=0.1, noise=1e-3, max_iter=3)
    for _ in range(10):
        optimizer.step(lambda: ((x - 1) ** 2).sum() + 1e-3 * draws.uniform(-1, 1))
    assert float(((x - 1) ** 2).sum().detach()) < 5e-3
    # with the spacing of exact losses the noise is all that is seen
    blind = place(4.0, -3.0)
    optimizer = FiniteDifference([blind], spacing=1e-6, noise=1e-3, max_iter=3)
    for _ in range(10):
        optimizer.step(lambda: ((blind - 1) ** 2).sum() + 1e-3 * draws.uniform(-1, 1))
    assert float(((blind - 1) ** 2).sum().detach()) > 1


def test_a_loss_that_is_not_smooth_falls_to_its_kink() -> None:
    x = place(3.0, -2.0)
    optimizer = FiniteDifference([x])
    for _ in range(10):
        optimizer.step(lambda: (x - 1).abs().sum())
    np.testing.assert_allclose(x.detach(), [1, 1], atol=0.05)


def test_a_loss_in_steps_such_as_spikes_is_followed_with_a_wide_spacing() -> None:
    x = place(9.0)
    optimizer = FiniteDifference([x], spacing=0.2, noise=0.05)
    for _ in range(5):
        optimizer.step(lambda: abs(math.floor(10 * x.item()) / 10 - 3) ** 2)
    assert x.item() == pytest.approx(3, abs=0.5)


def test_one_side_serves_where_the_other_is_infinite() -> None:
    x = place(1.0)
    FiniteDifference([x], max_iter=30).step(lambda: math.inf if x.item() > 1 else (x.item() + 1) ** 2)
    assert x.item() == pytest.approx(-1, abs=1e-4)


def test_single_precision_gets_a_wider_spacing() -> None:
    x = place(4.0, -3.0, dtype=torch.float32)
    FiniteDifference([x]).step(lambda: ((x.detach() - 1) ** 2).sum() + 1)
    np.testing.assert_allclose(x.detach(), [1, 1], atol=0.01)


def test_a_spiking_model_is_fitted_though_its_counts_have_no_gradient() -> None:
    current = cx.as_stimulus(np.full((400, 1, 1), 60.0), dt="1 ms", pixel_size="0.1 deg", units="Hz")
    truth = cx.spiking.LIF(g_leak="50 Hz")
    goal = int(truth(current).sum())
    model = cx.spiking.LIF(g_leak="30 Hz")
    start = abs(int(model(current).sum()) - goal)
    optimizer = FiniteDifference([model.g_leak], spacing=0.1, noise=0.5)

    def loss() -> float:
        model.clear_state()
        return float((int(model(current).sum()) - goal) ** 2)

    for _ in range(3):
        optimizer.step(loss)
    assert start > 3
    assert loss() <= 1


def test_a_closure_that_computes_gradients_is_taken_as_it_is() -> None:
    x = place(4.0)

    def closure() -> Tensor:
        x.grad = None
        loss = ((x - 1) ** 2).sum()
        loss.backward()
        return loss

    FiniteDifference([x]).step(closure)
    assert x.item() == pytest.approx(1, abs=1e-6)


def test_wrong_options_are_told() -> None:
    x = place(1.0)
    with pytest.raises(cx.ParameterError, match=r'curvature: wanted "bfgs" or "diagonal"'):
        FiniteDifference([x], curvature="full")
    with pytest.raises(cx.ParameterError, match="spacing: wanted a finite number above 0, got 0"):
        FiniteDifference([x], spacing=0)
    for loss in (lambda: x.detach().repeat(2), lambda: None, lambda: x.sum() * 1j):
        with pytest.raises(cx.ParameterError, match="closure: wanted a loss that is a number"):
            FiniteDifference([x]).step(loss)
    with pytest.raises(cx.ParameterError, match="noise: wanted a finite number of 0 or more"):
        FiniteDifference([x], noise=-1)
    for wrong in ("0.1", [0.1]):
        with pytest.raises(cx.ParameterError, match="spacing: wanted a finite number above 0"):
            FiniteDifference([x], spacing=wrong)  # type: ignore[arg-type]
