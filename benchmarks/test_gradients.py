"""Cost of a gradient: forward and backward, beside forward alone. 100 x 100 px, 1000 steps, float32, two threads.

What is noted is the fastest round of both over the fastest of forward alone, taken in turns; the time of a benchmark is
that of both. Less is better.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import convis_xr as cx
from benchmarks.conftest import Speed, fastest
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass, rest

DT, STEPS, SIZE = 0.001, 1000, 100
Operation = Callable[..., Tensor]

#: name -> operation of (movie, first frame, two scalars), and the two scalars
OPERATIONS: dict[str, tuple[Operation, tuple[float, float]]] = {
    "low_pass": (lambda x, state, tau, _: low_pass(x, state, tau, DT)[0], (0.01, 0.0)),
    "gamma_2": (lambda x, state, tau, _: gamma_low_pass(x, rest(state, 2), tau, 2, DT)[0], (0.01, 0.0)),
    "high_pass": (lambda x, state, tau, weight: partial_high_pass(x, state, tau, weight, DT)[0], (0.1, 0.8)),
    "blur_1_px": (lambda x, state, sigma, _: gaussian_blur(x, sigma), (1.0, 0.0)),
    "blur_2.5_px": (lambda x, state, sigma, _: gaussian_blur(x, sigma), (2.5, 0.0)),
    "blur_7.5_px": (lambda x, state, sigma, _: gaussian_blur(x, sigma), (7.5, 0.0)),
    "nonlinearity": (lambda x, state, v0, slope: ganglion_nonlinearity(x, v0, 37.0, slope), (0.1, 100.0)),
}


def measure(
    speed: Speed,
    row: str,
    forward: Callable[[], object],
    both: Callable[[], object],
    pixels: int,
    wanted: float | None = None,
    rounds: int = 5,
) -> None:
    fastest((forward, both), 2)
    alone, together = fastest((forward, both), rounds)
    speed(row, both, pixels, rounds=2)
    speed.note(row, together / alone, unit="x forward", wanted=wanted)


@pytest.mark.parametrize("wanted", ["movie", "all"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(speed: Speed, name: str, wanted: str) -> None:
    operation, scalars = OPERATIONS[name]
    x = torch.rand(1, 1, STEPS, SIZE, SIZE)
    operands = [x, x[:, :, 0].clone(), *(torch.tensor(value, dtype=torch.float64) for value in scalars)]
    grad = torch.rand_like(x)

    def both() -> None:
        leaves = [value.detach().requires_grad_(wanted == "all" or value is x) for value in operands]
        asked = [leaf for leaf in leaves if leaf.requires_grad]
        torch.autograd.grad(operation(*leaves), asked, grad, allow_unused=True)

    goal = 3 if name == "low_pass" else None
    measure(speed, f"gradients of {name}: {wanted}", lambda: operation(*operands), both, x.numel(), goal)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_spikes(speed: Speed, noise: float) -> None:
    """The surrogate gradient by the current, of cells that fire at some 50 Hz; forward alone is without a trace."""
    x = torch.rand(1, 1, STEPS, SIZE, SIZE) * 160
    start, grad = torch.zeros(1, 1, SIZE, SIZE), torch.rand_like(x)

    def fire(current: Tensor) -> Tensor:
        return noisy_lif(
            current, (start, start), g_leak=50.0, noise=noise, refractory_mean=0.003, refractory_sd=0.0, dt=DT,
            key=(1, 2),
        )[0]  # fmt: skip

    def both() -> None:
        leaf = x.detach().requires_grad_()
        torch.autograd.grad(fire(leaf), [leaf], grad)

    measure(speed, f"gradients of spikes, noise {noise:g}", lambda: fire(x), both, x.numel(), rounds=3)


def cascade() -> cx.Layer:
    """Every kind of linear filter of this file, and a static nonlinearity."""
    parts = [
        cx.filters.GammaLowPass(tau="10 ms", n=2),
        cx.filters.PartialHighPass(tau="100 ms", weight=0.8),
        cx.filters.Gaussian(sigma="0.15 deg"),
        cx.filters.LowPass(tau="5 ms"),
        cx.filters.NLRectify(),
    ]
    return cx.models.List(*parts)


MODELS: dict[str, Callable[[], cx.Layer]] = {"cascade": cascade, "LN": lambda: cx.models.LN((20, 10, 10))}


def film(steps: int) -> xr.DataArray:
    values = np.random.default_rng(0).random((steps, SIZE, SIZE), np.float32)
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")


def fitting(model: cx.Layer, steps: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """A forward pass, and a step of a fit: forward, loss, backward, and the optimizer's step."""
    movie = film(steps)
    x = torch.as_tensor(movie.values)[None, None]
    with torch.no_grad():
        model(movie)
        target = model(x).roll(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6)

    def forward() -> None:
        model.clear_state()
        with torch.no_grad():
            model(x)

    def step() -> None:
        model.clear_state()
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), target).backward()
        optimizer.step()

    return forward, step


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_a_fit(speed: Speed, name: str) -> None:
    forward, step = fitting(MODELS[name](), 500)
    measure(speed, f"step of a fit: {name}", forward, step, 500 * SIZE * SIZE, 4, rounds=3)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_a_fit_is_linear_in_the_length_of_the_chunk(speed: Speed, name: str) -> None:
    (_, short), (_, long) = (fitting(MODELS[name](), steps) for steps in (250, 1000))
    fastest((short, long), 1)
    times = fastest((short, long), 3)
    row = f"step of a fit: {name}, 1000 steps / 250 steps"
    speed(row, short, 250 * SIZE * SIZE, rounds=2)
    speed.note(row, times[1] / times[0], unit="x", wanted=4)
