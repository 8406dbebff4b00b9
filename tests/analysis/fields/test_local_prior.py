"""Local priors against the definition, dense; and on fields that are local."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.analysis.fields.evidence import log_evidence, posterior_mean
from convis_xr.analysis.fields.local_prior import LocalPrior
from tests.analysis.fields.test_smooth_prior import dense, slopes, small
from tests.analysis.known_fields import answers, error, smooth_field, white
from tests.analysis.lagged import moments_of

SHAPE = (4, 3, 3)
THETA = np.array(
    [-2.0, 0.1, -0.2, 0.3, 1.2, 0.2, 0.9, -0.3, 0.1, 1.1, 0.3, 0.2, 0.1, 1.0, 0.3, 0.8, -0.2, 0.1, 0.7], np.float64
)


def triangle(values: np.ndarray) -> np.ndarray:
    found = np.zeros((3, 3))
    found[np.tril_indices(3)] = values
    return found


def covariance(theta: np.ndarray) -> np.ndarray:
    """By the definition, with the complex Fourier transform and its symmetric part."""
    index = np.array(list(np.ndindex(SHAPE)), np.float64)
    half = (np.array(SHAPE) - 1) / 2
    space = np.exp(-0.5 * (((index - half) / half - theta[1:4]) @ triangle(theta[4:10]).T) ** 2 @ np.ones(3))
    lower = triangle(theta[13:])
    matrix = lower + np.tril(lower, -1).T
    waves = np.stack(np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in SHAPE), indexing="ij"), -1).reshape(-1, 3)
    spectrum = np.exp(-0.5 * ((np.abs(waves @ matrix) - theta[10:13]) ** 2).sum(1))
    fourier = np.exp(-1j * index @ waves.T) / np.sqrt(len(index))
    cas = fourier.real - fourier.imag
    stationary = cas @ np.diag(spectrum) @ cas.T
    return np.exp(theta[0]) * np.sqrt(space)[:, None] * stationary * np.sqrt(space)


def test_without_nyquist_frequencies_the_real_transform_is_fouriers() -> None:
    n = 5
    index, waves = np.arange(n), 2 * np.pi * np.fft.fftfreq(n)
    fourier = np.exp(-1j * np.outer(index, waves)) / np.sqrt(n)
    cas = fourier.real - fourier.imag
    spectrum = np.exp(-0.5 * (np.abs(waves) - 0.5) ** 2)
    np.testing.assert_allclose(
        cas @ np.diag(spectrum) @ cas.T, fourier @ np.diag(spectrum) @ fourier.conj().T, atol=1e-12
    )


def test_the_evidence_and_the_field_are_those_of_the_definition() -> None:
    x, y, normal = small()
    projected = LocalPrior(normal).project(torch.from_numpy(THETA), 0)
    prior = covariance(THETA)
    for noise in (0.1, 0.7):
        got, _ = log_evidence(projected.inner, projected.cross, normal.steps, normal.freedom, noise)
        assert abs(float(got) - dense(x, y, noise * prior, noise)) < 1e-6
    wanted = prior @ x.T @ np.linalg.solve(x @ prior @ x.T + np.eye(len(y)), y)
    np.testing.assert_allclose(posterior_mean(projected), wanted, atol=1e-8)


def test_the_slope_of_the_evidence_is_that_of_differences() -> None:
    normal = small()[2]
    got, wanted = slopes(LocalPrior(normal), normal, THETA)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * abs(wanted).max())


def test_local_fields_are_found_better_than_by_ridge_and_smoothness() -> None:
    gained = []
    for seed in range(4):
        fields = smooth_field(seed)[None]
        stimulus = white(1500, seed)
        moments = moments_of(stimulus, answers(stimulus, fields, 2.0, seed), 8)
        local, smooth = cx.analysis.ald(moments), cx.analysis.asd(moments)
        plain = error(cx.analysis.ridge(moments), fields)
        assert (error(local, fields) < 0.4 * plain).all()
        assert float(local.log_evidence[0]) > float(smooth.log_evidence[0])
        gained.append(error(local, fields)[0] / error(smooth, fields)[0])
    assert np.mean(gained) < 0.8, gained


def test_a_silent_cell_is_nan_and_one_spike_is_finite() -> None:
    stimulus = white(300, 3, 5)
    response = (answers(stimulus, np.zeros((2, 4, 5, 5)), 1.0, 3) * 0).assign_attrs(units="count")
    response[150, 1] = 1.0
    found = cx.analysis.ald(moments_of(stimulus, response, 4))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("lags", [1, 3])
def test_a_window_may_be_flat(lags: int) -> None:
    stimulus = white(300, 3, 5)
    field = smooth_field(2, lags, 5)[None] if lags > 1 else smooth_field(2, 2, 5)[None, 1:]
    moments = moments_of(stimulus, answers(stimulus, field, 0.2, 3), lags)
    assert error(cx.analysis.ald(moments), field)[0] < 0.3
