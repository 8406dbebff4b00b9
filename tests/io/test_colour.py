"""Channels to luminance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.errors import ContractError
from convis_xr.io.colour import REC709, Colour, decode, light_table

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@given(level=st.integers(0, 255), dtype=st.sampled_from([np.uint8, np.uint16]))
def test_grey_stays_the_same_grey(level, dtype):
    picture = np.full((3, 4, 3), level, dtype)
    np.testing.assert_array_equal(Colour().convert(picture), picture[..., 0])
    light = Colour(gamma="srgb").convert(picture)
    np.testing.assert_allclose(light, Colour(gamma="srgb").convert(picture[..., 0]), atol=1e-6)


def test_weights_of_encoded_and_of_linear_levels():
    np.testing.assert_allclose(Colour().convert(PICTURE), PICTURE @ REC709.astype(float), atol=0.501)
    linear = Colour(gamma=2.2).convert(PICTURE)
    assert linear.dtype == np.float32
    np.testing.assert_allclose(linear, (PICTURE / 255) ** 2.2 @ REC709.astype(float), rtol=1e-5)


def test_channels():
    np.testing.assert_array_equal(Colour("channels").convert(PICTURE), PICTURE.transpose(2, 0, 1))
    np.testing.assert_array_equal(Colour("channels").convert(PICTURE[..., 0]), PICTURE[None, ..., 0].repeat(3, axis=0))


def test_the_curve_of_srgb():
    # values of the standard's own formula at its joint and ends
    np.testing.assert_allclose(decode(np.array([0, 0.04045, 0.5, 1]), "srgb"), [0, 0.0031308, 0.2140411, 1], atol=1e-7)


@pytest.mark.parametrize("gamma", [0, -1, float("nan"), float("inf"), "rec709", True, [2.2]])
def test_bad_gamma(gamma):
    with pytest.raises(ContractError, match="gamma: wanted a number above zero"):
        Colour(gamma=gamma)


def test_bad_luminance_and_types():
    with pytest.raises(ContractError, match="luminance: wanted"):
        Colour("grey")
    with pytest.raises(ContractError, match="gamma: wanted 8 or 16 bit levels, got float32"):
        light_table(np.dtype(np.float32), 2.2)
