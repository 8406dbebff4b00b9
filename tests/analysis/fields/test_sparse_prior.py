"""Relevance determination: where it ends the evidence has no slope, and what is 0 is found so."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

import convis_xr as cx
from convis_xr.analysis.fields.normal_equations import normal_equations
from tests.analysis.known_fields import answers, error, white
from tests.analysis.lagged import moments_of, rows


def sparse(steps: int = 500) -> tuple[np.ndarray, object, object]:
    field = np.zeros((1, 4, 3, 3))
    field[0, 1, 1, 1], field[0, 2, 0, 2], field[0, 3, 2, 0] = 1.0, -0.7, 0.5
    stimulus = white(steps, 4, 3)
    return field, stimulus, answers(stimulus, field, 1.0, 4)


def dense(x: np.ndarray, y: np.ndarray, variances: np.ndarray, noise: float) -> float:
    covariance = noise * np.eye(len(y)) + (x * variances) @ x.T
    return float(-0.5 * (np.linalg.slogdet(covariance)[1] + y @ np.linalg.solve(covariance, y)))


def test_few_weights_are_found_and_better_than_by_ridge() -> None:
    field, stimulus, response = sparse()
    moments = moments_of(stimulus, response, 4)
    found = cx.analysis.ard(moments)
    assert error(found, field)[0] < 0.5 * error(cx.analysis.ridge(moments), field)[0]
    assert (found.values[field != 0] != 0).all()
    assert float(found.relevant[0]) == np.count_nonzero(found) < 20
    assert 0.8 < float(found.noise_variance[0]) < 1.2


def test_the_evidence_is_that_of_the_responses_and_has_no_slope() -> None:
    _, stimulus, response = sparse(150)
    moments = moments_of(stimulus, response, 4)
    found = cx.analysis.ard(moments)
    x, y = rows(stimulus, 4), response.values[3:, 0]
    basis = np.linalg.svd(np.eye(len(y)) - 1.0 / len(y))[0][:, :-1]
    x, y = basis.T @ x, basis.T @ y
    weights, noise = found.values.ravel(), float(found.noise_variance[0])
    kept = weights != 0

    def filled(logs: np.ndarray) -> np.ndarray:
        variances = np.zeros(36)
        variances[kept] = np.exp(logs)
        return variances

    start = np.log(weights[kept] ** 2 + 1e-3)
    best = minimize(lambda logs: -dense(x, y, filled(logs), noise), start, options={"gtol": 1e-4})
    variances, at = filled(best.x), -best.fun
    root = np.sqrt(variances[kept])
    inner = noise * np.eye(kept.sum()) + root[:, None] * (x[:, kept].T @ x[:, kept]) * root
    mean = root * np.linalg.solve(inner, root * (x[:, kept].T @ y))
    np.testing.assert_allclose(weights[kept], mean, atol=2e-3)
    count = len(y) * np.log(2 * np.pi) / 2
    assert abs(at - count - float(found.log_evidence[0])) < 1e-3
    for weight in range(len(weights)):
        if not kept[weight]:
            for small in (1e-4, 1e-2):
                assert dense(x, y, np.where(np.arange(36) == weight, small, variances), noise) < at
    assert at > dense(x, y, np.full(36, variances.max() / 10), noise)


def test_a_silent_cell_is_nan_and_noise_has_no_field() -> None:
    stimulus = white(500, 3, 3)
    response = answers(stimulus, np.zeros((2, 4, 3, 3)), 1.0, 3)
    response[:, 0] = 3.0
    found = cx.analysis.ard(moments_of(stimulus, response, 4))
    assert np.isnan(found[0]).all()
    assert np.isnan(found.relevant[0])
    assert abs(found[1]).max() < 0.2


def test_the_scale_of_the_data_does_not_matter() -> None:
    _, stimulus, response = sparse(300)
    plain = cx.analysis.ard(moments_of(stimulus, response, 4))
    large = cx.analysis.ard(moments_of((stimulus * 1e6).assign_attrs(units="cd/m^2"), response, 4))
    np.testing.assert_allclose(large * 1e6, plain.values, rtol=1e-6, atol=1e-9)
    assert normal_equations(moments_of(stimulus, response, 4)).steps == 297


def test_updates_are_counted() -> None:
    _, stimulus, response = sparse(300)
    with pytest.raises(cx.ConvisError, match="updates"):
        cx.analysis.ard(moments_of(stimulus, response, 4), updates=0.5)


def test_updates_are_at_least_one_and_nothing_relevant_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    flicker = cx.stimuli.white_noise("30 s", 1, dt="10 ms", pixel_size="0.1 deg", seed=1)
    blind = np.random.default_rng(3).poisson(0.3, 3000).astype(float)
    response = xr.DataArray(blind, {"time": flicker.time}, ("time",), attrs={"units": "count"})
    sums = cx.analysis.moments(flicker, response, 1, auto=True)
    with pytest.raises(cx.ParameterError, match="updates: wanted one update or more, got 0"):
        cx.analysis.ard(sums, updates=0)
    field = cx.analysis.ard(sums)
    assert float(field.relevant) == 0
    assert (field == 0).all()
    assert capfd.readouterr() == ("", "")
