"""Smooth regression against the penalty written out as rows."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.analysis.known_fields import answers, error, smooth_field, white
from tests.analysis.lagged import moments_of, rows


def differences(shape: tuple[int, ...], axis: int) -> np.ndarray:
    """The matrix that takes differences of neighbours along one axis."""
    found = np.ones((1, 1))
    for at, size in enumerate(shape):
        found = np.kron(found, np.diff(np.eye(size), axis=0) if at == axis else np.eye(size))
    return found


def test_the_field_is_that_of_least_squares_with_rows_for_the_penalty(agreement: Agreement) -> None:
    shape = (4, 3, 3)
    stimulus = white(200, 1, 3)
    response = answers(stimulus, smooth_field(1, 4, 3)[None], 0.5, 1)
    field = cx.analysis.smooth(moments_of(stimulus, response, 4), time="20 ms", space="0.15 deg", penalty=0.1)
    x, y = rows(stimulus, 4), response.values[3:, 0]
    x, y = x - x.mean(0), y - y.mean()
    strength = np.sqrt(0.1 * (x**2).sum() / x.shape[1])
    lengths = (2.0, 1.5, 1.5)  # samples
    extra = [np.eye(36), *(length * differences(shape, axis) for axis, length in enumerate(lengths))]
    stacked = np.concatenate([x, *(strength * one for one in extra)])
    wanted = np.linalg.lstsq(stacked, np.concatenate([y, np.zeros(len(stacked) - len(y))]), rcond=None)[0]
    off = relative(field.values.ravel(), wanted)
    agreement(
        "smooth regression from moments", "numpy.linalg.lstsq on penalty rows", "relative L2 error", off, within=1e-6
    )


def test_lengths_of_0_are_ridge_regression() -> None:
    stimulus = white(200, 1, 3)
    moments = moments_of(stimulus, answers(stimulus, smooth_field(1, 4, 3)[None], 0.5, 1), 4)
    for penalty in (0.1, "gcv", "evidence"):
        got = cx.analysis.smooth(moments, time=0, space=0, penalty=penalty)
        np.testing.assert_allclose(got, cx.analysis.ridge(moments, penalty=penalty), atol=1e-9)


def test_lengths_are_chosen_where_they_are_not_given() -> None:
    for seed in range(3):
        field = smooth_field(seed)[None]
        stimulus = white(1500, seed)
        moments = moments_of(stimulus, answers(stimulus, field, 2.0, seed), 8)
        found = cx.analysis.smooth(moments)
        assert error(found, field)[0] < 0.8 * error(cx.analysis.ridge(moments), field)[0]
        again = cx.analysis.smooth(
            moments, time=found.length_time[0], space=found.length_space[0], penalty=float(found.penalty[0])
        )
        np.testing.assert_allclose(again, found, atol=1e-8)
        half = cx.analysis.smooth(moments, time="10 ms")
        assert float(half.log_evidence[0]) <= float(found.log_evidence[0]) + 1e-3
        np.testing.assert_allclose(half.length_time, 0.01)


def test_the_sampling_of_space_does_not_matter_to_the_strength() -> None:
    """Pixels twice as large have half the length in pixels."""
    stimulus = white(300, 1, 3)
    response = answers(stimulus, smooth_field(1, 4, 3)[None], 0.5, 1)
    coarse = stimulus.assign_coords(y=stimulus.y * 2, x=stimulus.x * 2)
    for name in ("y", "x"):
        coarse[name].attrs = stimulus[name].attrs
    first = cx.analysis.smooth(moments_of(stimulus, response, 4), time=1, space="0.1 deg", penalty=0.1)
    second = cx.analysis.smooth(moments_of(coarse, response, 4), time=1, space="0.2 deg", penalty=0.1)
    np.testing.assert_allclose(first.values, second.values)


def test_what_is_wrong_is_said() -> None:
    stimulus = white(200, 1, 3)
    moments = moments_of(stimulus, answers(stimulus, smooth_field(1, 4, 3)[None], 0.5, 1), 4)
    with pytest.raises(cx.ParameterError, match="both lengths"):
        cx.analysis.smooth(moments, time="10 ms", penalty="gcv")
    with pytest.raises(cx.ParameterError, match="a length of 0 or more"):
        cx.analysis.smooth(moments, time=-1)
    with pytest.raises(cx.UnitError, match="space"):
        cx.analysis.smooth(moments, space="10 ms")
