"""Smooth priors against dense Gaussian algebra, and on fields that are smooth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import convis_xr as cx
from convis_xr.analysis.fields.evidence import Prior, log_evidence, posterior_mean
from convis_xr.analysis.fields.normal_equations import Normal, normal_equations
from convis_xr.analysis.fields.smooth_prior import SmoothPrior
from tests.agreement import Agreement
from tests.analysis.known_fields import answers, error, smooth_field, white
from tests.analysis.lagged import moments_of, rows

SHAPE = (4, 3, 3)


def small(steps: int = 60) -> tuple[np.ndarray, np.ndarray, Normal]:
    """Rows, the response of one cell, and what is solved for them."""
    stimulus = white(steps, 5, SHAPE[1])
    field = smooth_field(1, SHAPE[0], SHAPE[1])
    response = answers(stimulus, field[None], 0.5, 5)
    normal = normal_equations(moments_of(stimulus, response, SHAPE[0]))
    x, y = rows(stimulus, SHAPE[0]), response.values[SHAPE[0] - 1 :, 0]
    return (x - x.mean(0)) / normal.scale, (y - y.mean()) / normal.spread[0], normal


def dense(x: np.ndarray, y: np.ndarray, prior: np.ndarray, noise: float) -> float:
    """Log density of ``y`` under N(0, X C X' + s^2 I), in the space of what has no mean."""
    basis = np.linalg.svd(np.eye(len(y)) - 1.0 / len(y))[0][:, :-1]
    x, y = basis.T @ x, basis.T @ y
    return float(multivariate_normal(np.zeros(len(y)), x @ prior @ x.T + noise * np.eye(len(y))).logpdf(y))


def covariance(theta: np.ndarray) -> np.ndarray:
    """By the definition, for the log of variance over noise and log lengths in samples."""
    at = np.array(list(np.ndindex(SHAPE)), np.float64)
    square = (at[:, None] - at[None]) ** 2
    lengths = np.exp([theta[1], theta[2], theta[2]])
    return np.exp(theta[0]) * np.exp(-0.5 * (square / lengths**2).sum(-1))


@pytest.mark.parametrize("theta", [(-3.0, 0.1, 0.2), (-5.0, 1.0, -0.5), (0.0, 2.0, 1.5)])
def test_the_evidence_is_that_of_the_responses_themselves(theta: tuple[float, ...], agreement: Agreement) -> None:
    x, y, normal = small()
    projected = SmoothPrior(normal).project(torch.tensor(theta, dtype=torch.float64), 0)
    for noise in (0.1, 0.7):
        got, _ = log_evidence(projected.inner, projected.cross, normal.steps, normal.freedom, noise)
        wanted = dense(x, y, noise * covariance(np.array(theta)), noise)
        off = abs(float(got) - wanted)
        agreement("log evidence of a smooth prior", "dense Gaussian density", "absolute, nats", off, within=1e-6)


def test_the_evidence_is_the_mean_likelihood_over_the_prior() -> None:
    """By Monte Carlo, in two dimensions; with the posterior mean's form that lacks an inverse it would be far off."""
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(30, 2)), np.array([0.7, -0.4])
    prior, noise = np.array([[0.5, 0.2], [0.2, 0.3]]), 0.8
    y = x @ k + rng.normal(0, noise**0.5, 30)
    drawn = rng.multivariate_normal(np.zeros(2), prior, 400_000)
    likelihood = -0.5 * (((y - drawn @ x.T) ** 2).sum(1) / noise + 30 * np.log(2 * np.pi * noise))
    wanted = np.logaddexp.reduce(likelihood) - np.log(len(drawn))
    root = np.linalg.cholesky(prior / noise)
    got, _ = log_evidence(
        torch.tensor(root.T @ x.T @ x @ root), torch.tensor(root.T @ x.T @ y), float(y @ y), 30.0, noise
    )
    assert abs(float(got) - wanted) < 0.02
    after = np.linalg.inv(x.T @ x / noise + np.linalg.inv(prior))
    mean = after @ x.T @ y / noise
    volume = np.linalg.slogdet(after)[1] - np.linalg.slogdet(prior)[1] - 30 * np.log(2 * np.pi * noise)
    with_inverse = 0.5 * (volume - y @ y / noise + mean @ np.linalg.solve(after, mean))
    without = 0.5 * (volume - y @ y / noise + mean @ after @ mean)
    assert abs(float(got) - with_inverse) < 1e-9
    assert abs(float(got) - without) > 1


def slopes(prior: Prior, normal: Normal, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the evidence, by autograd and by central differences."""

    def value(at: torch.Tensor) -> torch.Tensor:
        projected = prior.project(at, 0)
        return log_evidence(projected.inner, projected.cross, normal.steps, normal.freedom)[0]

    free = torch.tensor(theta, requires_grad=True)
    (got,) = torch.autograd.grad(value(free), free)
    steps = 1e-5 * np.eye(len(theta))
    wanted = [(float(value(torch.tensor(theta + d))) - float(value(torch.tensor(theta - d)))) / 2e-5 for d in steps]
    return got.numpy(), np.array(wanted)


@pytest.mark.parametrize("theta", [(-3.0, 0.1, 0.2), (-1.0, 1.2, 0.9)])
def test_the_slope_of_the_evidence_is_that_of_differences(theta: tuple[float, ...]) -> None:
    normal = small()[2]
    got, wanted = slopes(SmoothPrior(normal), normal, np.array(theta))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * abs(wanted).max())


def test_the_field_is_the_posterior_mean() -> None:
    x, y, normal = small()
    theta = np.array([-3.0, 0.1, 0.2])
    got = posterior_mean(SmoothPrior(normal).project(torch.from_numpy(theta), 0))
    prior = covariance(theta)
    wanted = prior @ x.T @ np.linalg.solve(x @ prior @ x.T + np.eye(len(y)), y)
    np.testing.assert_allclose(got, wanted, atol=1e-8)


def test_smooth_fields_are_found_better_than_by_ridge() -> None:
    for seed in range(4):
        fields = np.stack([smooth_field(seed), -smooth_field(10 + seed)])
        stimulus = white(1500, seed)
        moments = moments_of(stimulus, answers(stimulus, fields, 2.0, seed), 8)
        smooth, plain = error(cx.analysis.asd(moments), fields), error(cx.analysis.ridge(moments), fields)
        assert (smooth < 0.5 * plain).all(), (seed, smooth, plain)


def test_lengths_come_in_units_and_may_be_given() -> None:
    fields = smooth_field(0)[None]
    stimulus = white(3000, 0)
    moments = moments_of(stimulus, answers(stimulus, fields, 0.5, 0), 8)
    free = cx.analysis.asd(moments)
    assert free.length_time.attrs["units"] == "s"
    assert 0.005 < float(free.length_time[0]) < 0.04
    assert free.length_space.attrs["units"] == "degree"
    assert 0.05 < float(free.length_space[0]) < 0.3
    assert 0.7 * 0.5**2 < float(free.noise_variance[0]) < 1.3 * 0.5**2
    rough = cx.analysis.asd(moments, time=0, space=0)  # no neighbours are correlated: ridge regression
    np.testing.assert_allclose(rough, cx.analysis.ridge(moments), atol=1e-3 * float(abs(free).max()))
    given = cx.analysis.asd(moments, time=free.length_time[0], space="0.1 deg")
    np.testing.assert_allclose(given.length_time, free.length_time)
    np.testing.assert_allclose(given.length_space, 0.1)
    assert float(given.log_evidence[0]) < float(free.log_evidence[0])
    assert cx.units.has_dimension(free.attrs["units"], "rate")


def test_units_change_nothing_but_the_numbers() -> None:
    fields = smooth_field(0)[None]
    stimulus = white(1000, 0)
    response = answers(stimulus, fields, 1.0, 0)
    plain = cx.analysis.asd(moments_of(stimulus, response, 8))
    big = (stimulus * 1e5).assign_attrs(units="cd/m^2")
    tiny = (response * 1e-4).assign_attrs(units="mV")
    other = cx.analysis.asd(moments_of(big, tiny, 8))
    np.testing.assert_allclose(other * 1e9, plain.values, rtol=1e-3, atol=1e-4 * float(abs(plain).max()))
    np.testing.assert_allclose(other.noise_variance * 1e8, plain.noise_variance, rtol=1e-3)
    shift = 993 - 1
    np.testing.assert_allclose(other.log_evidence - shift * np.log(1e4), plain.log_evidence, atol=1e-2)


def test_a_silent_cell_is_nan_and_noise_is_next_to_nothing() -> None:
    stimulus = white(800, 3)
    response = answers(stimulus, np.zeros((2, 8, 7, 7)), 1.0, 3)
    response[:, 0] = 0.0
    field = cx.analysis.asd(moments_of(stimulus, response, 8))
    assert np.isnan(field[0]).all()
    assert np.isnan(field.log_evidence[0])
    assert float((field[1] ** 2).sum()) < 0.05


def test_a_spike_alone_gives_a_finite_field() -> None:
    stimulus = white(300, 3)
    response = (answers(stimulus, np.zeros((1, 8, 7, 7)), 1.0, 3) * 0).assign_attrs(units="count")
    response[150] = 1.0
    assert np.isfinite(cx.analysis.asd(moments_of(stimulus, response, 8))).all()
