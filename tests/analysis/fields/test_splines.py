"""Splines against scikit-learn on the rows seen by the splines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline
from sklearn.linear_model import Ridge

import convis_xr as cx
from tests.analysis.known_fields import answers, error, smooth_field, white
from tests.analysis.lagged import moments_of, rows


def test_the_field_is_ridge_regression_on_coefficients() -> None:
    stimulus = white(400, 1, 6)
    response = answers(stimulus, smooth_field(1, 8, 6)[None], 0.5, 1)
    field = cx.analysis.spline_fit(moments_of(stimulus, response, 8), functions={"time": 5, "y": 4}, penalty=0.01)
    sides = []
    for size, count in ((8, 5), (6, 4), (6, 4)):
        knots = np.r_[[0] * 3, np.linspace(0, size - 1, count - 2), [size - 1] * 3].astype(float)
        side = np.array([BSpline(knots, unit, 3)(np.arange(size)) for unit in np.eye(count)]).T
        sides.append(side / np.linalg.norm(side, axis=0))
    basis = np.kron(np.kron(sides[0], sides[1]), sides[2])
    x = rows(stimulus, 8)
    alpha = 0.01 * len(x) * x.var(0).mean()
    peer = Ridge(alpha=alpha, solver="cholesky").fit(x @ basis, response.values[7:, 0])
    np.testing.assert_allclose(field.values.ravel(), basis @ peer.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(field.intercept, peer.intercept_, rtol=1e-6)


def test_as_many_functions_as_samples_is_ridge_regression() -> None:
    stimulus = white(400, 1, 3)
    moments = moments_of(stimulus, answers(stimulus, smooth_field(1, 4, 3)[None], 0.5, 1), 4)
    got = cx.analysis.spline_fit(moments, functions={"time": 4, "y": 3, "x": 3})
    np.testing.assert_allclose(got, cx.analysis.ridge(moments), atol=1e-9)


def test_smooth_fields_are_found_better_than_by_ridge() -> None:
    for seed in range(3):
        field = smooth_field(seed)[None]
        stimulus = white(1500, seed)
        moments = moments_of(stimulus, answers(stimulus, field, 2.0, seed), 8)
        found = cx.analysis.spline_fit(moments, functions={"time": 6, "y": 5, "x": 5})
        assert error(found, field)[0] < 0.8 * error(cx.analysis.ridge(moments), field)[0]


def test_validation_is_seen_through_the_splines() -> None:
    field = smooth_field(1)[None]
    stimulus = white(1500, 1)
    response = answers(stimulus, field, 2.0, 1)
    parts = [moments_of(stimulus[cut], response[cut], 8) for cut in (slice(0, 700), slice(700, 1500))]
    found = cx.analysis.spline_fit(parts[0], penalty="validation", validation=parts[1])
    x, y = rows(stimulus[700:], 8), response.values[707:, 0]

    def off(one: object) -> float:
        return float(((x @ one.values.ravel() + float(one.intercept[0]) - y) ** 2).sum())

    best = float(found.penalty[0])
    for part in (0.5, 2.0):
        assert off(found) < off(cx.analysis.spline_fit(parts[0], penalty=best * part))


def test_what_is_wrong_is_said() -> None:
    stimulus = white(200, 1, 6)
    moments = moments_of(stimulus, answers(stimulus, smooth_field(1, 4, 6)[None], 0.5, 1), 4)
    with pytest.raises(cx.ParameterError, match="4 to 6 along y, got 3"):
        cx.analysis.spline_fit(moments, functions={"y": 3})
    with pytest.raises(cx.ParameterError, match="'lag'"):
        cx.analysis.spline_fit(moments, functions={"lag": 4})
    with pytest.raises(cx.ParameterError, match="along time, got 7"):
        cx.analysis.spline_fit(moments, functions=7)
