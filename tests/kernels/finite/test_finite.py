"""Finite impulse responses against the recursions that they stand for."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.finite import finite_low_pass, finite_weights
from convis_xr.kernels.recursion import gamma_low_pass, rest
from tests.kernels.tolerance import assert_near


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("tau", [0.0, 0.0004, 0.01, 0.1])
def test_weights_are_the_recursion_s_impulse_response(tau: float, n: int) -> None:
    weights = finite_weights(tau, n, 0.001)
    impulse = torch.zeros(1, 1, len(weights) + 1, 1, 1, dtype=torch.float64)
    impulse[0, 0, 0] = 1.0
    response, _ = gamma_low_pass(impulse, rest(impulse[:, :, 0] * 0, n), tau, n, 0.001)
    kept = response.flatten()[:-1]
    assert float(weights.sum()) == pytest.approx(1, abs=1e-14)
    assert 1 - float(kept.sum()) < 1e-6
    assert tau == 0 or 1 - float(kept[:-1].sum()) >= 1e-6
    assert_near(weights, kept / kept.sum())


def test_a_movie_comes_out_as_from_the_recursion() -> None:
    x = torch.rand(2, 3, 90, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = finite_weights(0.008, 1, 0.002)
    history = x[:, :, :1].expand(-1, -1, len(weights) - 1, -1, -1)
    got, after = finite_low_pass(x, history, weights)
    wanted, _ = gamma_low_pass(x, rest(x[:, :, 0], 1), 0.008, 1, 0.002)
    assert float((got - wanted).norm() / wanted.norm()) < 1e-6
    assert torch.equal(after, x[:, :, -(len(weights) - 1) :])


def test_gradient_in_the_time_constant() -> None:
    tau = torch.tensor(0.004, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda tau: finite_weights(tau, 2, 0.001), (tau,))


@pytest.mark.parametrize(("tau", "n", "dt"), [(-1.0, 0, 1.0), (1.0, -1, 1.0), (1.0, 0, 0.0), (float("inf"), 0, 1.0)])
def test_what_does_not_fit_is_refused(tau: float, n: int, dt: float) -> None:
    with pytest.raises(ValueError, match=r"finite_low_pass: .* wanted"):
        finite_weights(tau, n, dt)
