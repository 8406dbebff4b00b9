"""Speed of the linear kernels: 100 x 100 px, 1000 steps, float32, two threads. The tests say whether they are right.

``extra_info["Mpx/s"]`` is millions of pixels and steps per second, by the fastest round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from convis_xr.kernels.convolution import causal_convolution, receptive_field
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass

DT = 0.001


@pytest.fixture(scope="module", autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def movie() -> Tensor:
    return torch.rand(1, 1, 1000, 100, 100)


def measure(benchmark: BenchmarkFixture, function: Callable[[], object], pixels: int) -> None:
    benchmark.pedantic(function, rounds=7, warmup_rounds=2)
    benchmark.extra_info["Mpx/s"] = round(pixels / benchmark.stats.stats.min / 1e6)


@pytest.mark.parametrize("sigma_px", [1.0, 2.5, 7.5])
def test_gaussian_blur(benchmark: BenchmarkFixture, movie: Tensor, sigma_px: float) -> None:
    measure(benchmark, lambda: gaussian_blur(movie, sigma_px), movie.numel())


def test_low_pass(benchmark: BenchmarkFixture, movie: Tensor) -> None:
    state = movie[:, :, 0].clone()
    measure(benchmark, lambda: low_pass(movie, state, 0.01, DT), movie.numel())


def test_gamma_low_pass(benchmark: BenchmarkFixture, movie: Tensor) -> None:
    state = movie[0, 0, :3, None, None].clone()
    measure(benchmark, lambda: gamma_low_pass(movie, state, 0.01, 2, DT), movie.numel())


def test_partial_high_pass(benchmark: BenchmarkFixture, movie: Tensor) -> None:
    state = movie[:, :, 0].clone()
    measure(benchmark, lambda: partial_high_pass(movie, state, 0.1, 0.8, DT), movie.numel())


@pytest.mark.parametrize(
    ("outputs", "kernel"),
    [
        (1, (20, 10, 10)),
        (8, (20, 10, 10)),
        (1, (100, 11, 11)),
        (1, (3, 3, 3)),
        (1, (100, 1, 1)),
        (1, (1, 11, 11)),
    ],
)
def test_causal_convolution(
    benchmark: BenchmarkFixture, movie: Tensor, outputs: int, kernel: tuple[int, int, int]
) -> None:
    """Pixels and steps of all outputs are counted."""
    history, weight = movie[:, :, : kernel[0] - 1], torch.randn(outputs, 1, *kernel)
    measure(benchmark, lambda: causal_convolution(movie, history, weight), outputs * movie.numel())


def test_causal_convolution_of_low_rank(benchmark: BenchmarkFixture, movie: Tensor) -> None:
    weight = torch.einsum("k,m,n->kmn", torch.randn(20), torch.randn(10), torch.randn(10))[None, None]
    measure(benchmark, lambda: causal_convolution(movie, movie[:, :, :19], weight), movie.numel())


def test_receptive_field(benchmark: BenchmarkFixture, movie: Tensor) -> None:
    weight = torch.rand(4, 1, 30, 100, 100)
    measure(benchmark, lambda: receptive_field(movie[:, :, :200], movie[:, :, :29], weight), 200 * 100 * 100)
