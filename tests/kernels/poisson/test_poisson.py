"""Poisson counts: the routes agree, any cut gives the same numbers, and the distribution is the one of its name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from convis_xr.kernels import dispatch
from convis_xr.kernels.lif import cells_of
from convis_xr.kernels.philox import key_of
from convis_xr.kernels.poisson import poisson, reference
from convis_xr.kernels.refused import Refused

KEY = {"key": key_of(3, "cells")}
ROUTES = ["reference", "torch", "compiled"]


def constant(rate, steps=1, cells=1, dtype=torch.float64):
    return torch.full((1, 1, steps, 1, cells), float(rate), dtype=dtype)


def lively(shape=(2, 2, 9, 3, 5), dtype=torch.float64):
    return torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(1)) ** 4 * 20000


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("change", [{}, {"bernoulli": True}, {"step": 2**32 - 4, "repeat": 5}, {"dt": 1e-6}], ids=str)
def test_routes_agree_with_the_reference(route, dtype, change):
    facts = {**KEY, "dt": 0.005, **change}
    with dispatch.force("reference"):
        wanted = poisson(lively(dtype=dtype), **facts)
    with dispatch.force(route):
        assert torch.equal(poisson(lively(dtype=dtype), **facts), wanted)
    assert wanted.any()


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 40.0, 180.0])
def test_counts_have_the_distribution_of_poisson(mean, agreement):
    counts = poisson(constant(mean * 100, 20, 20_000), dt=0.01, **KEY).flatten().numpy()
    values, seen = np.unique(counts, return_counts=True)
    expected = stats.poisson.pmf(values, mean) * counts.size
    often = expected > 20
    rest = counts.size - expected[often].sum(), counts.size - seen[often].sum()
    statistic = ((seen[often] - expected[often]) ** 2 / expected[often]).sum() + (rest[1] - rest[0]) ** 2 / rest[0]
    assert stats.chi2.sf(statistic, often.sum()) > 1e-3
    error = abs(counts.mean() / mean - 1) / math.sqrt(1 / mean / counts.size)
    agreement("Poisson: mean count", "its expectation", "standard errors", error, within=3.5)


def test_inversion_is_that_of_scipy():
    u = (np.random.default_rng(0).random(400) * 2**46).astype(np.int64) * 2.0**-46
    for mean in (0.0, 1e-9, 0.3, 7.0, 90.0, 200.0):
        got = [reference.inverse(float(value), mean, 256) for value in u]
        np.testing.assert_array_equal(got, np.maximum(stats.poisson.ppf(u, mean), 0).astype(int))


def test_the_end_of_the_tail_is_an_end():
    for mean in (1e-3, 1.0, 20.0):
        assert reference.inverse(1 - 2.0**-47, mean, 256) == stats.poisson.isf(2.0**-47, mean)
    assert reference.inverse(1 - 2.0**-53, 100.0, 256) < 256


def test_a_spike_in_a_day_is_drawn_as_exactly_as_one_in_a_millisecond():
    """Draws of 23 bits would make 9e-9 either 0 or 1.2e-7."""
    cells, steps, mean = 200_000, 500, 1e-6
    total = sum(
        int(poisson(constant(mean / 1e-3, 50, cells, torch.float32), dt=1e-3, step=50 * k, **KEY).sum())
        for k in range(steps // 50)
    )
    assert abs(total - mean * cells * steps) < 4 * math.sqrt(mean * cells * steps)


def test_bernoulli_is_whether_there_is_any():
    rate = lively()
    counts, once = (poisson(rate, dt=0.005, bernoulli=bernoulli, **KEY) for bernoulli in (False, True))
    assert counts.max() > 1
    assert torch.equal(once, counts.clamp(max=1))
    share = poisson(constant(70.0, 10, 50_000), dt=0.01, bernoulli=True, **KEY).double().mean()
    wanted = -math.expm1(-0.7)
    assert abs(share - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / 500_000)


@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_cuts_and_parts_draw_the_same(route):
    rate, cells = lively((2, 2, 9, 10, 30), torch.float32), cells_of((2, 2, 10, 30))
    with dispatch.force(route):
        whole = poisson(rate, dt=0.002, **KEY)
        late = poisson(rate[:, :, 4:], dt=0.002, step=4, **KEY)
        part = poisson(rate[:1, 1:, :, 3:, 7:], dt=0.002, cells=cells[:1, 1:, 3:, 7:], **KEY)
    assert torch.equal(late, whole[:, :, 4:])
    assert torch.equal(part, whole[:1, 1:, :, 3:, 7:])


def test_the_number_of_threads_changes_nothing():
    threads, results = torch.get_num_threads(), []
    try:
        for n in (1, 5):
            torch.set_num_threads(n)
            results.append(poisson(lively((1, 1, 9, 20, 31)), dt=0.002, **KEY))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)


def test_seed_layer_and_repeat_draw_other_numbers():
    changes = [{}, {"key": key_of(4, "cells")}, {"key": key_of(3, "other")}, {"repeat": 1}, {"step": 1}]
    counts = [poisson(constant(500, 5, 50), **{"dt": 1e-3, **KEY, **change}) for change in changes]
    assert all(not torch.equal(counts[0], other) for other in counts[1:])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rate", [-1e-3, math.nan, math.inf, -math.inf])
def test_what_is_no_rate_is_refused(route, rate):
    rates = constant(5.0, 3, 4)
    rates[0, 0, 1, 0, 2] = rate
    with dispatch.force(route), pytest.raises(Refused, match=r"rates of 0 Hz or more, got .* \(0, 0, 1, 0, 2\)"):
        poisson(rates, dt=1e-3, **KEY)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rate", [5e5, 1e9, 1e300])
def test_too_many_spikes_for_a_count_raise(route, rate):
    rates = constant(5.0, 3, 4)
    rates[0, 0, 1, 0, 2] = rate
    with dispatch.force(route), pytest.raises(OverflowError, match=r"more than 255 times in step 8 of 0\.001 s"):
        poisson(rates, dt=1e-3, step=7, **KEY)


def test_forms_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="poisson: rate: wanted a floating point tensor"):
        poisson(torch.zeros(3), dt=1e-3, **KEY)
    with pytest.raises(ValueError, match="poisson: dt"):
        poisson(constant(1), dt=0.0, **KEY)
    with pytest.raises(ValueError, match="poisson: cells"):
        poisson(constant(1), dt=1e-3, cells=torch.zeros(2, dtype=torch.int64), **KEY)
    with pytest.raises(ValueError, match="indices from 0"):
        poisson(constant(1), dt=1e-3, cells=torch.full((1, 1, 1, 1), -1), **KEY)
