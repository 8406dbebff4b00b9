"""Deriche's blur: the recursion and the matrix against the kernel written out, edges, symmetry and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from convis_xr.kernels.deriche import deriche_blur
from convis_xr.kernels.deriche.weights import ALPHA
from convis_xr.kernels.dispatch import force
from tests.kernels.tolerance import assert_near

every_route = pytest.mark.parametrize("route", ["reference", "torch", "compiled"])


def frames(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(3))


def kernel(sigma: float) -> np.ndarray:
    a = float(np.float32(1.695)) / sigma
    n = np.abs(np.arange(-int(45 / a) - 1, int(45 / a) + 2))
    values = (1 + a * n) * np.exp(-a * n)
    return values / values.sum()


@every_route
@pytest.mark.parametrize("sigma", [0.1, 0.285, 0.9, 3.0, 11.0])
def test_it_is_the_convolution_that_scipy_does(route: str, sigma: float) -> None:
    x = frames((2, 17, 23))
    wanted = x.numpy()
    for axis in (1, 2):
        wanted = ndimage.convolve1d(wanted, kernel(sigma), axis=axis, mode="nearest")
    with force(route):
        assert_near(deriche_blur(x, sigma), torch.from_numpy(wanted))


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pair", [(0.0, 2.0), (0.7, 0.09), (1.5, 4.0), (30.0, 0.1)], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 16), (17, 33), (40, 48)], ids=str)
def test_routes_agree_at_every_size(
    route: str, dtype: torch.dtype, pair: tuple[float, float], size: tuple[int, int]
) -> None:
    x = frames((3, *size), dtype)
    with force("reference"):
        wanted = deriche_blur(x, pair)
    with force(route):
        got = deriche_blur(x, pair)
    assert_near(got, wanted)


@every_route
def test_a_constant_frame_is_reproduced_and_the_mass_is_one(route: str) -> None:
    spot = torch.zeros(1, 161, 161, dtype=torch.float64)
    spot[0, 80, 80] = 1.0
    with force(route):
        grey = deriche_blur(torch.full((1, 6, 7), 127.5, dtype=torch.float64), 3.0)
        made = deriche_blur(spot, 2.0)
    assert_near(grey, torch.full_like(grey, 127.5))
    assert float(made.sum()) == pytest.approx(1, abs=1e-12)
    assert_near(made, made.flip(1))
    assert_near(made, made.mT)
    n = torch.arange(-80, 81)
    assert float((made.sum((0, 1)) * n**2).sum()) ** 0.5 == pytest.approx(1.18 * 2.0, rel=1e-3)


@every_route
def test_below_a_tenth_of_a_pixel_there_is_none(route: str) -> None:
    x = frames((2, 5, 6))
    with force(route):
        assert torch.equal(deriche_blur(x, 0.0999999), x)
        assert not torch.equal(deriche_blur(x, 0.1), x)


def test_the_constant_is_a_float_of_four_bytes() -> None:
    assert ALPHA == 1.69500005245208740234375


def test_a_frame_comes_out_the_same_whatever_its_neighbours() -> None:
    x = frames((7, 19, 21), torch.float32)
    whole = deriche_blur(x, 1.3)
    assert torch.equal(torch.cat([deriche_blur(part, 1.3) for part in x.split([1, 4, 2])]), whole)
    assert torch.equal(deriche_blur(x.mT.contiguous().mT, 1.3), whole)


def test_gradients() -> None:
    x = frames((2, 5, 6)).requires_grad_()
    sigma = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, s: deriche_blur(x, (s, 0.5 * s)), (x, sigma))


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_bad_widths_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="deriche_blur: sigma_px: wanted a finite width"):
        deriche_blur(frames((3, 4)), bad)


def test_bad_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="deriche_blur: x: wanted a floating point tensor"):
        deriche_blur(torch.zeros(5), 1.0)
    with pytest.raises(ValueError, match="deriche_blur: x: wanted a floating point tensor"):
        deriche_blur(torch.zeros(5, 5, dtype=torch.int64), 1.0)
