from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import convis_xr as cx
from convis_xr.fitting.losses import LEAST, LOSSES, correlation_of, explained_variance_of, loss_of, moments


def _data(shape: tuple[int, ...] = (60, 3, 4), seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities, spikes, and where they were recorded."""
    random = np.random.default_rng(seed)
    prediction, response = random.uniform(0.05, 0.9, shape), random.poisson(0.5, shape).astype(float)
    valid = random.random(shape) < 0.8
    response[~valid] = 0
    return torch.from_numpy(prediction), torch.from_numpy(response), torch.from_numpy(valid)


def _by_hand(name: str, p: np.ndarray, r: np.ndarray, valid: np.ndarray) -> float:
    """Each loss by its definition, from scipy's own log-likelihoods."""
    if name == "correlation":
        cells = [(p[..., c][valid[..., c]], r[..., c][valid[..., c]]) for c in range(p.shape[-1])]
        return float(1 - np.mean([scipy.stats.pearsonr(*cell)[0] for cell in cells]))
    p, r = p[valid], r[valid]
    if name == "squared_error":
        return float(np.mean((p - r) ** 2))
    if name == "poisson":
        return float(-np.mean(scipy.stats.poisson.logpmf(r, p) + scipy.special.gammaln(r + 1)))
    return float(-np.mean(scipy.stats.bernoulli.logpmf(np.minimum(r, 1), p)))


@pytest.mark.parametrize("name", LOSSES)
def test_each_is_what_it_says(name: str) -> None:
    loss, data = loss_of(name, probability=True), _data()
    value = loss.value(loss.sums(*data)).item()
    assert value == pytest.approx(_by_hand(name, *(one.numpy() for one in data)), rel=1e-6)


def test_bernoulli_of_a_rate() -> None:
    p, r, valid = _data()
    rate, chance = loss_of("bernoulli", probability=False), loss_of("bernoulli", probability=True)
    expected = chance.value(chance.sums(1 - torch.exp(-p), r, valid))
    torch.testing.assert_close(rate.value(rate.sums(p, r, valid)), expected, rtol=1e-6, atol=0)


@given(name=st.sampled_from(LOSSES), cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 99))
def test_blocks_add_up_to_the_whole(name: str, cuts: list[int], seed: int) -> None:
    """The loss and its gradient."""
    loss, (p, r, valid) = loss_of(name, probability=True), _data(seed=seed)
    p.requires_grad_()
    whole = loss.value(loss.sums(p, r, valid))
    ends = [0, *sorted(cuts), 60]
    parts = [slice(low, high) for low, high in pairwise(ends)]
    added = loss.value(sum(loss.sums(p[part], r[part], valid[part]) for part in parts))
    torch.testing.assert_close(added, whole, rtol=1e-12, atol=1e-14)
    one, other = (torch.autograd.grad(value, p)[0] for value in (whole, added))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-14)
    assert torch.isfinite(one).all()


@pytest.mark.parametrize("name", LOSSES)
def test_what_was_not_recorded_has_no_gradient(name: str) -> None:
    loss, (p, r, valid) = loss_of(name, probability=True), _data()
    p.requires_grad_()
    (gradient,) = torch.autograd.grad(loss.value(loss.sums(p, r, valid)), p)
    assert not gradient[~valid].any()
    assert gradient[valid].any()


def test_correlation_leaves_constant_cells_out() -> None:
    p, r, valid = _data()
    loss = loss_of("correlation", probability=True)
    r[..., 0] = 0
    one = loss.value(loss.sums(p, r, valid))
    torch.testing.assert_close(one, loss.value(loss.sums(p[..., 1:], r[..., 1:], valid[..., 1:])))
    assert loss.is_usable(r, valid)
    assert not loss.is_usable(torch.zeros_like(r), valid)
    with pytest.raises(cx.ContractError, match=r"varies over time in some cell, got constant responses alone\. Cure"):
        loss.value(loss.sums(p, torch.zeros_like(r), valid))


def test_a_constant_prediction_has_correlation_zero_and_a_gradient_that_is_a_number() -> None:
    _, r, valid = _data()
    p = torch.full_like(r, 0.1, requires_grad=True)
    loss = loss_of("correlation", probability=True)
    value = loss.value(loss.sums(p, r, valid))
    value.backward()
    assert value.item() == 1
    assert torch.isfinite(p.grad).all()


def test_scores_against_numpy() -> None:
    p, r, valid = _data()
    sums = moments(p, r, valid)
    for cell in range(4):
        one, other = (x[..., cell][valid[..., cell]].numpy() for x in (p, r))
        assert correlation_of(sums)[cell].item() == pytest.approx(np.corrcoef(one, other)[0, 1])
        expected = 1 - np.mean((one - other) ** 2) / np.var(other)
        assert explained_variance_of(sums)[cell].item() == pytest.approx(expected)


@pytest.mark.parametrize("whole", [True, False])
def test_a_users_function(whole: bool) -> None:
    def absolute(prediction: Tensor, response: Tensor) -> Tensor:
        assert prediction.shape == response.shape == (60, 4)
        each = (prediction - response).abs()
        return each.mean() if whole else each

    loss, (p, r, valid) = loss_of(absolute, probability=True), _data((60, 1, 4))
    assert loss.name == "absolute"
    everywhere = torch.ones_like(valid)
    expected = (p - r).abs().mean()
    torch.testing.assert_close(loss.value(loss.sums(p, r, everywhere)), expected)
    if whole:
        with pytest.raises(cx.ContractError, match=r"loss absolute: wanted a value for each sample, so .* one for all"):
            loss.sums(p, r, valid)
    else:
        torch.testing.assert_close(loss.value(loss.sums(p, r, valid)), (p - r).abs()[valid].mean())


def test_errors() -> None:
    p, r, valid = _data()
    with pytest.raises(cx.ContractError, match=r"loss: wanted one of squared_error, .*got 'mse'\. Cure"):
        loss_of("mse", probability=True)
    with pytest.raises(cx.ContractError, match=r"prediction: wanted values from 0 on for loss 'poisson', got -0\.5"):
        loss_of("poisson", probability=True).sums(p.where(p > 0.5, -0.5), r, valid)
    with pytest.raises(cx.ContractError, match="response: wanted values from 0 on for loss 'bernoulli', got -1"):
        loss_of("bernoulli", probability=True).sums(p, r - 1, valid)
    with pytest.raises(cx.ContractError, match=r"shape \(60, 3, 4\), or one for all, got shape \(60, 3\)"):
        loss_of(lambda one, other: one[..., 0], probability=True).sums(p, r, valid)


def test_a_spike_where_the_model_excludes_one_costs_much_but_not_all() -> None:
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    loss = loss_of("poisson", probability=True)
    value = loss.value(loss.sums(zero, one, torch.ones(1, 1, dtype=torch.bool)))
    assert value.item() == pytest.approx(-np.log(LEAST))
