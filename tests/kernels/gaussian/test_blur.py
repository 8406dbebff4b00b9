"""The blur: every route against the definition, and the definition against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve1d
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.gaussian import banded, gaussian_blur, gaussian_weights
from tests.agreement import Agreement, relative
from tests.kernels.tolerance import assert_near

SHAPES = [(1, 1), (1, 7), (5, 1), (3, 2, 3), (2, 1, 3, 13, 17), (2, 67, 33), (1, 20, 130), (0, 4, 5)]
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
fast_routes = pytest.mark.parametrize("route", ["torch", "compiled"])


def frames(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.0, 0.4, 2.0, 9.0, (1.5, 0.0), (0.3, 6.0)])
@dtypes
@fast_routes
def test_routes_agree_with_the_definition(
    shape: tuple[int, ...], sigma: float | tuple[float, float], dtype: torch.dtype, route: str
) -> None:
    x = frames(*shape, dtype=dtype)
    before = x.clone()
    with force("reference"):
        wanted = gaussian_blur(x, sigma)
    with force(route):
        assert_near(gaussian_blur(x, sigma), wanted)
    assert torch.equal(x, before)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4, 5), (2, 2, 9, 3)])
def test_gradients_agree_with_the_definition(shape: tuple[int, ...]) -> None:
    gradients = []
    for route in ("reference", "torch"):
        leaves = [frames(*shape), torch.tensor(1.3, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64)]
        x, sigma_y, sigma_x = (leaf.requires_grad_() for leaf in leaves)
        with force(route):
            gradients.append(torch.autograd.grad((gaussian_blur(x, (sigma_y, sigma_x)) ** 2).sum(), leaves))
    for reference, fast in zip(*gradients, strict=True):
        assert_near(fast, reference)


@dtypes
def test_all_frames_at_once_give_what_each_gives(dtype: torch.dtype) -> None:
    """As on a card."""
    gradients = []
    for product in (banded.between, banded._at_once):
        leaves = [frames(4, 13, 17, dtype=dtype), banded.matrix(1.3, 13).to(dtype), banded.matrix(2.0, 17).to(dtype)]
        x, along_y, along_x = (leaf.requires_grad_() for leaf in leaves)
        blurred = product(x, along_y, along_x)
        gradients.append((blurred, *torch.autograd.grad((blurred**2).sum(), leaves)))
    for one, other in zip(*gradients, strict=True):
        assert_near(one, other)


def test_gradients_in_frames_and_sigma_are_right() -> None:
    sigma = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    assert gradcheck(gaussian_blur, (frames(2, 4, 3).requires_grad_(), sigma))


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
def test_the_blur_is_scipys_with_the_nearest_edge_repeated(route: str, agreement: Agreement) -> None:
    x = frames(2, 31, 45)
    expected = convolve1d(x.numpy(), gaussian_weights(4.0).numpy(), axis=1, mode="nearest")
    expected = convolve1d(expected, gaussian_weights(2.5).numpy(), axis=2, mode="nearest")
    with force(route):
        error = relative(gaussian_blur(x, (4.0, 2.5)), expected)
    agreement("Gaussian blur", "scipy.ndimage.convolve1d, mode nearest", "relative L2", error, within=1e-12)


@dtypes
@fast_routes
@pytest.mark.parametrize("sigma", [0.3, 3.0, 40.0])
def test_a_constant_frame_is_reproduced(dtype: torch.dtype, route: str, sigma: float) -> None:
    x = torch.full((2, 19, 23), 127.5, dtype=dtype)
    with force(route):
        assert_near(gaussian_blur(x, sigma), x)


@fast_routes
def test_sigma_zero_changes_no_bit(route: str) -> None:
    x = frames(3, 11, 6, dtype=torch.float32)
    with force(route):
        assert torch.equal(gaussian_blur(x, 0.0), x)


def test_views_in_any_order_of_memory_are_read_right() -> None:
    x = frames(6, 5, 4, 3)
    turned = x.permute(3, 1, 2, 0)
    assert_near(gaussian_blur(turned, 1.0), gaussian_blur(turned.contiguous(), 1.0))
    assert_near(gaussian_blur(x[:, ::2], 1.0), gaussian_blur(x[:, ::2].contiguous(), 1.0))


@fast_routes
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.floats(0.0, 8.0),
    st.integers(1, 8),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_a_frame_comes_out_the_same_whatever_its_neighbours(
    route: str, size: tuple[int, int], sigma: float, cut: int, dtype: torch.dtype
) -> None:
    x = frames(9, *size, dtype=dtype)
    with force(route):
        whole = gaussian_blur(x, sigma)
        assert torch.equal(torch.cat([gaussian_blur(x[:cut], sigma), gaussian_blur(x[cut:], sigma)]), whole)
        assert torch.equal(torch.stack([gaussian_blur(frame, sigma) for frame in x]), whole)


@fast_routes
def test_the_number_of_threads_changes_nothing(route: str) -> None:
    x, before, results = frames(7, 61, 83, dtype=torch.float32), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            with force(route):
                results.append(gaussian_blur(x, 2.0))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[1], results[0])
    assert torch.equal(results[2], results[0])


def test_a_spot_spreads_by_sigma(agreement: Agreement) -> None:
    x = torch.zeros(81, 81, dtype=torch.float64)
    x[40, 40] = 1
    y = gaussian_blur(x, (2.0, 5.0)).numpy()
    places = np.arange(81) - 40
    assert abs(y.sum() - 1) < 1e-12
    for profile, variance in ((y.sum(1), 4), (y.sum(0), 25)):
        error = abs(profile @ places**2 / variance - 1)
        agreement("Gaussian blur", "its variance sigma^2", "relative error", error, within=5e-5)


@pytest.mark.parametrize("x", [torch.zeros(3), torch.zeros(3, 3, dtype=torch.uint8)])
def test_what_is_no_frame_is_refused(x: Tensor) -> None:
    with pytest.raises(ValueError, match=r"gaussian_blur: x: wanted a floating point tensor \(..., y, x\)"):
        gaussian_blur(x, 1.0)
