"""Speed of the linear kernels: 100 x 100 px, 1000 steps, float32, two threads. The tests say whether they are right."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.conftest import Speed
from convis_xr.kernels.convolution import causal_convolution, receptive_field
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass

DT = 0.001


@pytest.fixture(scope="module")
def movie() -> Tensor:
    return torch.rand(1, 1, 1000, 100, 100)


@pytest.mark.parametrize(("sigma", "wanted"), [(1.0, 250), (2.5, 200), (7.5, 200)])
def test_gaussian_blur(speed: Speed, movie: Tensor, sigma: float, wanted: float) -> None:
    speed(f"Gaussian, sigma {sigma:g} px", lambda: gaussian_blur(movie, sigma), movie.numel(), wanted=wanted)


def test_low_pass(speed: Speed, movie: Tensor) -> None:
    state = movie[:, :, 0].clone()
    speed("exponential low-pass", lambda: low_pass(movie, state, 0.01, DT), movie.numel(), wanted=900)


def test_gamma_low_pass(speed: Speed, movie: Tensor) -> None:
    state = movie[0, 0, :3, None, None].clone()
    speed("gamma low-pass, n = 2", lambda: gamma_low_pass(movie, state, 0.01, 2, DT), movie.numel())


def test_partial_high_pass(speed: Speed, movie: Tensor) -> None:
    state = movie[:, :, 0].clone()
    speed("fused high-pass", lambda: partial_high_pass(movie, state, 0.1, 0.8, DT), movie.numel(), wanted=1300)


@pytest.mark.parametrize(
    ("outputs", "kernel", "wanted"),
    [
        (1, (20, 10, 10), 50),
        (8, (20, 10, 10), 45),
        (1, (100, 11, 11), 22),
        (1, (3, 3, 3), 110),
        (1, (100, 1, 1), None),
        (1, (1, 11, 11), None),
    ],
)
def test_causal_convolution(
    speed: Speed, movie: Tensor, outputs: int, kernel: tuple[int, int, int], wanted: float | None
) -> None:
    """Pixels and steps of all outputs are counted."""
    history, weight = movie[:, :, : kernel[0] - 1], torch.randn(outputs, 1, *kernel)
    x = movie[:, :, : 1000 if outputs == 1 else 300]
    row = "Conv3d {}x{}x{}".format(*kernel) + (f", {outputs} outputs" if outputs > 1 else "")
    speed(row, lambda: causal_convolution(x, history, weight), outputs * x.numel(), wanted=wanted, rounds=3)


def test_causal_convolution_of_low_rank(speed: Speed, movie: Tensor) -> None:
    weight = torch.einsum("k,m,n->kmn", torch.randn(20), torch.randn(10), torch.randn(10))[None, None]
    row = "Conv3d 20x10x10 of rank 1"
    speed(row, lambda: causal_convolution(movie, movie[:, :, :19], weight), movie.numel(), rounds=3)


def test_receptive_field(speed: Speed, movie: Tensor) -> None:
    weight = torch.rand(4, 1, 30, 100, 100)
    x, history = movie[:, :, :200], movie[:, :, :29]
    speed("RF of 30 x 100 x 100, 4 cells", lambda: receptive_field(x, history, weight), x.numel())
