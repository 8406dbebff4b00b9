"""Speed of noise, spikes, gain control and nonlinearity: 100x100 px, 1000 steps of 1 ms, float32.

No speed is reported of a kernel that does not agree with its reference first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.conftest import Speed
from convis_xr.kernels import dispatch
from convis_xr.kernels.gain_control import gain_control
from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity

Operation = Callable[[Tensor], Tensor]

SPIKES: dict[str, Any] = {
    "g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.001, "dt": 0.001, "key": (1, 2)
}  # fmt: skip
TRANSIENT: dict[str, Any] = {"sign": 1, "transient_tau": 0.03, "transient_weight": 0.7}
STATIC: dict[str, Any] = {"threshold": 0.0, "baseline": 37.0, "slope": 100.0}
CAT: dict[str, Any] = {
    "input_amplification": 150.0, "g_leak": 5.0, "tau": 0.01, "gain": 100.0, "dt": 0.001, "with_adaptation": False
}  # fmt: skip


def zeros(x: Tensor, n: int) -> Any:
    return (torch.zeros_like(x[:, :, 0]),) * n


def adapt(x: Tensor, sigma: float, **change: Any) -> Tensor:
    return gain_control(x, zeros(x, 2), sigma_px=(sigma, sigma), **(CAT | change))[0]


#: What is timed, the mean and spread of its input, threads, and how much is wanted.
OPERATIONS: dict[str, tuple[Operation, float, float, int, float | None]] = {
    "LIF with noise": (lambda x: noisy_lif(x, zeros(x, 2), **SPIKES)[0], 37.0, 10.0, 2, 150),
    "LIF without noise": (lambda x: noisy_lif(x, zeros(x, 2), **(SPIKES | {"noise": 0.0}))[0], 60.0, 10.0, 2, None),
    "ganglion cells, fused": (
        lambda x: ganglion_spikes(x, zeros(x, 3), **TRANSIENT, **STATIC, **SPIKES)[0], 0.0, 0.1, 2, None
    ),
    "ganglion nonlinearity": (lambda x: ganglion_nonlinearity(x, **STATIC), 0.0, 1.0, 2, None),
    "gain control with gain 0": (lambda x: adapt(x, 2.0, gain=0.0), 0.0, 1.0, 1, None),
    "gain control over 2 px": (lambda x: adapt(x, 2.0), 0.0, 1.0, 1, 120),
    "gain control over 5 px": (lambda x: adapt(x, 5.0), 0.0, 1.0, 1, 120),
    "gain control over 5 px, two movies": (lambda x: adapt(x.view(2, 1, -1, *x.shape[3:]), 5.0), 0.0, 1.0, 2, None),
}  # fmt: skip


def fair(mean: float, spread: float, *shape: int) -> Tensor:
    return mean + spread * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", OPERATIONS)
def test_speed(speed: Speed, name: str) -> None:
    operation, mean, spread, threads, wanted = OPERATIONS[name]
    small = fair(mean, spread, 1, 1, 20, 6, 7)
    with dispatch.force("reference"):
        expected = operation(small)
    torch.testing.assert_close(operation(small), expected, rtol=2e-5, atol=2e-6)
    x = fair(mean, spread, 1, 1, 1000, 100, 100)
    torch.set_num_threads(threads)  # the fixture `threads` puts it back
    speed(name, lambda: operation(x), x.numel(), wanted=wanted)


@pytest.mark.parametrize("sigma", [2.0, 5.0])
@pytest.mark.parametrize("followed", ["movie", "all"])
def test_gradients_of_gain_control(speed: Speed, sigma: float, followed: str) -> None:
    """Forward and backward beside forward alone, in turns."""
    x, grad = fair(0.0, 1.0, 1, 1, 1000, 100, 100), fair(0.0, 1.0, 1, 1, 1000, 100, 100)
    names = ("input_amplification", "g_leak", "tau", "gain")
    scalars = {name: torch.tensor(CAT[name], dtype=torch.float64) for name in names}
    width = torch.tensor(sigma, dtype=torch.float64)

    def both() -> None:
        leaves = [value.detach().requires_grad_(followed == "all") for value in (width, *scalars.values())]
        movie = x.detach().requires_grad_()
        parameters = dict(zip(names, leaves[1:], strict=True))
        made = gain_control(movie, zeros(x, 2), sigma_px=(leaves[0], leaves[0]), **(CAT | parameters))[0]
        torch.autograd.grad(made, [movie, *(leaf for leaf in leaves if leaf.requires_grad)], grad)

    functions: tuple[Callable[[], object], ...] = (lambda: adapt(x, sigma), both)
    times = [min(_seconds(function) for _ in range(4)) for function in functions]
    row = f"gradients of gain control over {sigma:g} px: {followed}"
    speed(row, both, x.numel(), rounds=2)
    speed.note(row, times[1] / times[0], unit="x forward", wanted=2.5)


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
