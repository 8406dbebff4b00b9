"""Kernels and coefficients as plain data."""

from __future__ import annotations

import numpy as np
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from scipy.signal import lfilter

import convis_xr as cx
from convis_xr.filters import kernels

DT = "1 ms"


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("tau", ["0 s", "7 ms"])
def test_coefficients_filter_as_the_layer_does(n: int, tau: str) -> None:
    x = np.random.default_rng(0).normal(size=100)
    b, a = kernels.low_pass_coefficients(tau, n, dt=DT)
    layer = cx.filters.GammaLowPass(tau, n)
    np.testing.assert_allclose(layer(cx.as_stimulus(x, dt=DT, units="1")), lfilter(b, a, x), atol=1e-10)


def test_the_high_pass_is_the_impulse_response_of_the_layer() -> None:
    kernel = kernels.exponential_high_pass("7 ms", 0.8, dt=DT)
    impulse = cx.as_stimulus(np.eye(1, kernel.size)[0], dt=DT, units="1")
    np.testing.assert_allclose(kernel, cx.filters.PartialHighPass("7 ms", 0.8)(impulse), atol=3e-6)
    assert float(kernel.sum()) == pytest.approx(0.2, abs=1e-14)


def test_kernels_become_weights_by_the_names_of_their_dimensions() -> None:
    spatial = cx.stimuli.kernels.gabor("0.2 deg", "1 cpd", direction="30 deg", phase="40 deg", pixel_size="0.1 deg")
    turned = spatial.transpose("x", "y").isel(y=slice(None, None, -1))
    assert torch.equal(kernels.five_axes(turned), torch.from_numpy(spatial.values)[None, None, None])
    assert kernels.five_axes(kernels.gamma_cascade("5 ms", 2, length=9, dt=DT)).shape == (1, 1, 9, 1, 1)
    assert kernels.five_axes(spatial.pint.quantify()).shape[3:] == spatial.shape


def test_kernels_are_added_where_their_coordinates_say() -> None:
    random = cx.stimuli.kernels.random
    sizes = [(5, 3, 4), (7, 4, 3), (2, 6, 1)]
    given = [random(size, seed=k, dt=DT, pixel_size="0.1 deg") for k, size in enumerate(sizes)]
    total = kernels.sum_kernels(*given)
    assert total.shape == (7, 6, 4)
    film = cx.as_stimulus(np.random.default_rng(1).random((12, 9, 9)), dt=DT, pixel_size="0.1 deg", units="1")

    def convolved(kernel: xr.DataArray) -> np.ndarray:
        conv = cx.filters.Conv3d()
        conv.set_weight(kernel)
        return conv.double()(film).values

    np.testing.assert_allclose(convolved(total), sum(map(convolved, given)), atol=2e-5)
    milli = given[1].assign_coords(time=("time", given[1].time.values * 1e3, {"units": "ms"}))
    np.testing.assert_allclose(kernels.sum_kernels(given[0], milli, given[2]), total)


def test_what_cannot_be_added() -> None:
    short, spatial = kernels.gamma_cascade("5 ms", dt=DT), cx.stimuli.kernels.gaussian("0.1 deg", pixel_size="0.1 deg")
    for other in (spatial, kernels.gamma_cascade("5 ms", dt="2 ms")):
        with pytest.raises(cx.ContractError, match="kernels: wanted"):
            kernels.sum_kernels(short, other)
    with pytest.raises(cx.ContractError, match="kernels: wanted at least one"):
        kernels.sum_kernels()


def test_what_is_no_kernel() -> None:
    with pytest.raises(cx.ContractError, match="kernels: wanted labelled ones that are not empty, got ndarray"):
        kernels.sum_kernels(np.ones(3))  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="weight: wanted real numbers"):
        kernels.five_axes("sharp")
    assert kernels.five_axes(3.0).tolist() == [[[[[3.0]]]]]
