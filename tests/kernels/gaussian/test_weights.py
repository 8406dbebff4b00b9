from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ive
from torch.autograd import gradcheck

from convis_xr.kernels.gaussian import gaussian_radius, gaussian_weights
from convis_xr.kernels.gaussian.weights import DISCARDED_MASS

sigmas = st.floats(0.05, 40.0)


@given(sigmas)
def test_sum_symmetry_and_variance_are_those_of_a_gaussian_without_its_tails(sigma: float) -> None:
    radius, weights = gaussian_radius(sigma), gaussian_weights(sigma)
    places = torch.arange(len(weights), dtype=torch.float64) - radius
    assert weights.dtype == torch.float64
    assert abs(float(weights.sum()) - 1) < 1e-15
    assert torch.equal(weights, weights.flip(0))
    # The whole discrete Gaussian has the variance sigma^2; what lies beyond the radius is missing from it.
    beyond = np.arange(radius + 1, radius + 200)
    tail = 2 * ive(beyond, sigma**2)
    assert float(weights @ places**2) == pytest.approx((sigma**2 - tail @ beyond**2) / (1 - tail.sum()), rel=1e-12)


@pytest.mark.parametrize(
    ("sigma", "missing"), [(0.0447, 2e-3), (0.125, 1e-4), (0.1704, 3.1e-4), (0.343, 1.4e-4), (1.0, 5e-5), (10.0, 3e-5)]
)
def test_truncation_takes_little_of_the_variance(sigma: float, missing: float) -> None:
    # The widths below a pixel are those just before one more pixel is taken: (radius + 1)^2 1e-6 / sigma^2 is lost.
    weights = gaussian_weights(sigma)
    places = torch.arange(len(weights), dtype=torch.float64) - gaussian_radius(sigma)
    assert 0 <= 1 - float(weights @ places**2) / sigma**2 < missing


@given(sigmas)
def test_truncation_is_as_short_as_the_discarded_mass_allows(sigma: float) -> None:
    radius = gaussian_radius(sigma)
    tail = ive(np.arange(radius, radius + 200), sigma**2)
    assert 2 * tail[1:].sum() < DISCARDED_MASS
    assert radius == 0 or 2 * tail.sum() >= DISCARDED_MASS


def test_sigma_zero_is_the_identity_with_gradient_zero() -> None:
    sigma = torch.tensor(0.0, requires_grad=True)
    weights = gaussian_weights(sigma)
    assert torch.equal(weights, torch.ones(1, dtype=torch.float64))
    weights.sum().backward()
    assert sigma.grad == 0


def test_a_float_keeps_its_digits() -> None:
    assert torch.equal(gaussian_weights(0.7), gaussian_weights(torch.tensor(0.7, dtype=torch.float64)))


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0, 2.7, 11.0])
def test_the_gradient_in_sigma_is_right(sigma: float) -> None:
    assert gradcheck(gaussian_weights, (torch.tensor(sigma, dtype=torch.float64, requires_grad=True),))


def test_two_blurs_in_a_row_are_one_wider_blur() -> None:
    twice = np.convolve(gaussian_weights(1.5), gaussian_weights(2.0))
    once = gaussian_weights(2.5).numpy()
    margin = (len(twice) - len(once)) // 2
    assert np.abs(twice[margin : margin + len(once)] - once).max() < 2e-6


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), float("inf"), 2e4])
def test_an_impossible_sigma_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match=r"sigma_px: wanted a standard deviation between 0 and 10000 px"):
        gaussian_weights(sigma)
