"""The gradient of Poisson counts is that of their mean, exactly; the counts are the same."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from convis_xr.kernels.poisson import poisson

DRAWS = {"dt": 0.002, "key": (3, 4)}


def rates(shape=(2, 1, 5, 3, 4), dtype=torch.float64):
    return (200 * torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).to(dtype)


@pytest.mark.parametrize("bernoulli", [False, True])
def test_the_gradient_is_that_of_the_expected_count(bernoulli):
    """The mean by scipy's distribution, by central differences; not by the kernel."""
    rate = rates().requires_grad_()
    weight = torch.randn_like(rate)
    counts = poisson(rate, **DRAWS, bernoulli=bernoulli)
    [actual] = torch.autograd.grad((counts * weight).sum(), [rate])

    def mean(shift):
        expected = (rate.detach().numpy() + shift) * DRAWS["dt"]
        return torch.from_numpy(stats.poisson.sf(0, expected) if bernoulli else stats.poisson.mean(expected))

    wanted = weight * (mean(1e-3) - mean(-1e-3)) / 2e-3
    torch.testing.assert_close(actual, wanted, rtol=1e-7, atol=1e-12)


def test_the_mean_count_of_many_draws_has_this_slope():
    few, many = (torch.full((1, 1, 500, 20, 20), rate) for rate in (100.0, 120.0))
    slope = [float(poisson(rate, dt=0.002, key=(5, k)).double().mean()) for k, rate in enumerate((few, many))]
    error = (2 * 120.0 * 0.002 / few.numel()) ** 0.5 / 20
    assert abs((slope[1] - slope[0]) / 20 - 0.002) < 4 * error


@pytest.mark.parametrize("bernoulli", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_counts_are_the_same_with_and_without_a_gradient(dtype, bernoulli):
    rate = rates(dtype=dtype)
    plain = poisson(rate, **DRAWS, bernoulli=bernoulli)
    counts = poisson(rate.clone().requires_grad_(), **DRAWS, bernoulli=bernoulli)
    assert plain.dtype == torch.uint8
    assert plain.any()
    assert counts.dtype == dtype
    assert torch.equal(counts.detach(), plain.to(dtype))


def test_none_cuts_the_graph():
    counts = poisson(rates().requires_grad_(), **DRAWS, surrogate=None)
    assert counts.dtype == torch.uint8
    assert not counts.requires_grad


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="surrogate: wanted 'expectation' or None, got 'superspike'"):
        poisson(rates(), **DRAWS, surrogate="superspike")


def test_a_fit_recovers_a_rate():
    target = poisson(torch.full((1, 1, 200, 10, 10), 80.0), dt=0.002, key=(1, 1)).float().mean()
    rate = torch.tensor(20.0, requires_grad=True)
    optimizer = torch.optim.Adam([rate], lr=5.0)
    for k in range(60):
        optimizer.param_groups[0]["lr"] = 5.0 * 0.94**k
        optimizer.zero_grad()
        ((poisson(rate.expand(1, 1, 200, 10, 10), dt=0.002, key=(2, k)).mean() - target) ** 2).backward()
        optimizer.step()
    assert abs(float(rate.detach()) - 80) < 3  # the standard error of each mean is 1.4 Hz
