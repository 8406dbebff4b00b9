"""The matrices by which pixels change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.errors import ContractError
from convis_xr.io.regrid import Axis, nearest, target_axis, weights

axes = st.builds(Axis, st.integers(1, 40), st.floats(0.01, 2.0))


@given(source=axes, part=st.floats(0.05, 1.0), count=st.integers(1, 60), method=st.sampled_from(["area", "linear"]))
def test_rows_add_up_to_one_and_no_weight_is_negative(source, part, count, method):
    target = Axis(count, source.size * source.pitch * part / count)
    matrix = weights(source, target, method).toarray()
    assert matrix.shape == (count, source.size)
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1)


@given(source=axes, count=st.integers(1, 60))
def test_area_keeps_the_mean_of_the_whole_picture(source, count):
    target = target_axis(source, None, count, "x")
    column = weights(source, target, "area").toarray().sum(axis=0) * target.pitch / source.pitch
    np.testing.assert_allclose(column, 1, rtol=1e-5)


@given(source=axes, part=st.floats(0.05, 1.0), count=st.integers(1, 60))
def test_area_is_the_exact_overlap(source, part, count):
    target = Axis(count, source.size * source.pitch * part / count)
    matrix = weights(source, target, "area").toarray()
    ours = (np.arange(source.size + 1) - source.size / 2) * source.pitch
    theirs = (np.arange(count + 1) - count / 2) * target.pitch
    for row in range(count):
        overlap = np.minimum(theirs[row + 1], ours[1:]) - np.maximum(theirs[row], ours[:-1])
        np.testing.assert_allclose(matrix[row], np.maximum(overlap, 0) / target.pitch, atol=3e-6)


@given(source=axes, part=st.floats(0.05, 1.0), count=st.integers(1, 60))
def test_linear_gives_back_a_ramp(source, part, count):
    target = Axis(count, source.size * source.pitch * part / count)
    ramp = (np.arange(source.size) - (source.size - 1) / 2) * source.pitch
    wanted = np.clip((np.arange(count) - (count - 1) / 2) * target.pitch, ramp[0], ramp[-1])
    np.testing.assert_allclose(weights(source, target, "linear") @ ramp, wanted, atol=1e-9)


@given(source=axes)
def test_the_same_grid_changes_nothing(source):
    for method in ("area", "linear"):
        np.testing.assert_allclose(weights(source, source, method).toarray(), np.eye(source.size), atol=1e-12)
    np.testing.assert_array_equal(nearest(source, source), np.arange(source.size))


def test_as_many_whole_pixels_as_fit():
    assert target_axis(Axis(359, 0.05), 0.2, None, "y") == Axis(89, 0.2)
    assert target_axis(Axis(10, 0.1), 0.1, None, "y") == Axis(10, 0.1)  # 10 * 0.1 / 0.1 is not lost by rounding
    assert target_axis(Axis(30, 0.1), 0.3, None, "y") == Axis(10, 0.3)


@pytest.mark.parametrize(("pitch", "size"), [(2.0, None), (0.5, 3), (0.1, 11)])
def test_a_grid_larger_than_the_picture_is_refused(pitch, size):
    with pytest.raises(ContractError, match=r"y grid: wanted pixels within 1 deg"):
        target_axis(Axis(10, 0.1), pitch, size, "y")
