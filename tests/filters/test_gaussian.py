"""Gaussian blur in visual angle."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx


def spot(pixel_size: object = "0.1 deg") -> xr.DataArray:
    frames = np.zeros((1, 41, 51))
    frames[0, 20, 25] = 1
    return cx.as_stimulus(frames, dt="1 ms", pixel_size=pixel_size, units="cd/m^2")


@pytest.mark.parametrize("sigma", [0.0285, 0.1, 0.3])
def test_its_width_is_sigma_in_degrees(sigma: float) -> None:
    blurred = cx.filters.Gaussian(f"{sigma} deg")(spot())[0]
    assert blurred.attrs["units"] == "cd/m^2"
    for dim in ("y", "x"):
        variance = float((blurred * blurred[dim] ** 2).sum())
        np.testing.assert_allclose(variance, sigma**2, rtol=2e-4)


def test_pixels_need_not_be_square() -> None:
    blurred = cx.filters.Gaussian("0.3 deg")(spot(("0.1 deg", "0.2 deg")))[0]
    for dim in ("y", "x"):
        np.testing.assert_allclose(float((blurred * blurred[dim] ** 2).sum()), 0.09, rtol=2e-4)


def test_no_width_is_the_identity_and_needs_no_pixel_size() -> None:
    trace = cx.as_stimulus(np.arange(5.0), dt="1 ms", units="1")
    np.testing.assert_array_equal(cx.filters.Gaussian("0 deg")(trace), trace)
    with pytest.raises(cx.ContractError, match="Gaussian: wanted a pixel size"):
        cx.filters.Gaussian("0.1 deg")(trace)


def test_a_width_beyond_reason_is_refused() -> None:
    with pytest.raises(cx.ParameterError, match=r"sigma of Gaussian: wanted a width from 0 to 10000 pixels of"):
        cx.filters.Gaussian("2000 deg")(spot())
