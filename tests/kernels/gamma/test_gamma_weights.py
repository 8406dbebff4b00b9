"""Gamma weights: the closed form against the cascade, the cascade against scipy's filter and distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from scipy.stats import gamma, nbinom

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.gamma import gamma_weights, lags_needed
from convis_xr.kernels.recursion import gamma_low_pass
from tests.agreement import Agreement, relative
from tests.kernels.tolerance import assert_near

CASES = [(0.01, 0, 0.001, 60), (0.03, 1, 0.002, 5), (0.02, 4, 0.001, 200), (0.005, 16, 0.01, 3), (0.0, 2, 0.001, 4)]
every_case = pytest.mark.parametrize(("tau", "n", "dt", "length"), CASES)


@every_case
def test_closed_form_is_the_definition(tau: float, n: int, dt: float, length: int) -> None:
    with force("reference"):
        wanted = gamma_weights(tau, n, dt, length)
    assert_near(gamma_weights(tau, n, dt, length), wanted)


@every_case
def test_the_definition_is_scipys_filter_and_distribution(
    tau: float, n: int, dt: float, length: int, agreement: Agreement
) -> None:
    with force("reference"):
        got = gamma_weights(tau, n, dt, length).numpy()
    c = math.exp(-max(n, 1) * dt / tau) if tau else 0.0
    wanted = np.eye(1, length)[0]
    for _ in range(n + 1):
        wanted = lfilter([1 - c], [1, -c], wanted)
    agreement("gamma kernel", "scipy.signal.lfilter", "relative L2", relative(got, wanted / wanted.sum()), within=1e-12)
    mass = nbinom.pmf(np.arange(length), n + 1, 1 - c)
    agreement("gamma kernel", "scipy.stats.nbinom", "relative L2", relative(got, mass / mass.sum()), within=1e-10)


def test_it_is_what_the_recursion_answers() -> None:
    length = lags_needed(0.02, 3, 0.001)
    x = torch.zeros(1, 1, length, 1, 1, dtype=torch.float64)
    x[:, :, 0] = 1
    y, _ = gamma_low_pass(x, torch.zeros(4, 1, 1, 1, 1, dtype=torch.float64), 0.02, 3, 0.001)
    torch.testing.assert_close(gamma_weights(0.02, 3, 0.001, length), y.flatten(), rtol=2e-6, atol=0)


def test_fine_steps_give_the_gamma_density() -> None:
    n, tau, dt = 3, 0.02, 1e-5
    weights = gamma_weights(tau, n, dt, 20000).numpy() / dt
    np.testing.assert_allclose(
        weights, gamma.pdf(np.arange(20000) * dt, n + 1, scale=tau / n), atol=0.004 * weights.max()
    )


@every_case
def test_the_sum_is_one_however_short(tau: float, n: int, dt: float, length: int) -> None:
    for cut in {1, 2, length}:
        assert float(gamma_weights(tau, n, dt, cut).sum()) == pytest.approx(1, abs=4e-16 * cut)


@pytest.mark.parametrize(("n", "tau"), [(0, 0.01), (3, 0.02), (16, 0.004)])
def test_the_length_leaves_out_what_it_says(n: int, tau: float) -> None:
    length = lags_needed(tau, n, 0.001)
    beyond = [nbinom.sf(cut - 1, n + 1, 1 - math.exp(-max(n, 1) * 0.001 / tau)) for cut in (length, length - 1)]
    assert beyond[0] < 1e-6 <= beyond[1]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_gradients_are_right(n: int) -> None:
    tau = torch.tensor(0.013, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda tau: gamma_weights(tau, n, 0.002, 30), tau, eps=1e-8)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((-1.0, 0, 1.0, 3), "tau"), ((1.0, -1, 1.0, 3), "n"), ((1.0, 0, 0.0, 3), "dt"), ((1.0, 0, 1.0, 0), "length")],
)
def test_what_cannot_be(arguments: tuple[float, int, float, int], name: str) -> None:
    with pytest.raises(ValueError, match=f"gamma_weights: {name}: wanted"):
        gamma_weights(*arguments)
