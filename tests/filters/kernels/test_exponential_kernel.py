"""`ExponentialKernel`: unit sum, the filter it belongs to, fitting; the numbers are those of `tests/kernels/gamma`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

import convis_xr as cx
from convis_xr.filters.kernels import ExponentialKernel


@pytest.mark.parametrize(("tau", "n"), [("10 ms", 0), ("30 ms", 2), ("5 ms", 16), ("0 s", 3)])
@pytest.mark.parametrize("length", [None, 7, "4 ms"])
def test_the_sum_is_the_amplification(tau: str, n: int, length: object) -> None:
    kernel = ExponentialKernel(tau, n, amplification=2.5, length=length)("1 ms")
    assert float(kernel.detach().sum()) == pytest.approx(2.5, rel=1e-14)
    assert kernel.dtype == torch.float64
    assert length is None or len(kernel) == (7 if length == 7 else 4)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_it_is_the_impulse_response_of_the_filter(n: int) -> None:
    response = ExponentialKernel("8 ms", n).impulse_response("1 ms")
    impulse = cx.as_stimulus(np.eye(1, response.size)[0], dt="1 ms", units="1")
    np.testing.assert_allclose(response, cx.filters.GammaLowPass("8 ms", n)(impulse), rtol=3e-6)


def test_the_exponential_is_that_of_the_stimuli() -> None:
    kernel = cx.stimuli.kernels.exponential("8 ms", length=50, dt="1 ms")
    np.testing.assert_allclose(ExponentialKernel("8 ms", length=50).impulse_response("1 ms"), kernel, rtol=1e-12)


def test_a_step_too_coarse_leaves_a_kernel() -> None:
    """Samples of the density would all be 0."""
    kernel = ExponentialKernel("0.1 ms", 3)("10 ms").detach()
    np.testing.assert_allclose(kernel, [1.0], atol=1e-12)


@pytest.mark.parametrize("n", [0, 3])
def test_the_time_constant_can_be_fitted_within_a_layer(n: int) -> None:
    class Smooth(cx.Layer):
        units_out = None

        def __init__(self, tau: str) -> None:
            super().__init__()
            self.kernel = ExponentialKernel(tau, n, length=80)
            self.past = cx.filters.TimePadding(79, "zeros")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weight = self.kernel(self.sampling).flip(0).view(1, 1, -1, 1, 1)
            return torch.nn.functional.conv3d(self.past(x), weight.to(x.dtype))

    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 200, 1, 1)))
    with cx.set_options(dt="1 ms"):
        wanted, model = Smooth("12 ms")(x).detach(), Smooth("6 ms")

        def slope(tau: float) -> float:
            model.kernel.tau = f"{tau} s"
            model.clear_state()
            (slope,) = torch.autograd.grad(((model(x) - wanted) ** 2).mean(), model.kernel.tau)
            return float(slope)

        found = brentq(slope, 0.006, 0.03, xtol=1e-9)
    assert list(model.p) == ["kernel.n", "kernel.tau", "kernel.amplification"]
    assert found == pytest.approx(0.012, rel=1e-5)


def test_what_cannot_be() -> None:
    with pytest.raises(cx.ContractError, match="ExponentialKernel: wanted a time step"):
        ExponentialKernel()()
    with pytest.raises(cx.ParameterError, match="length: wanted a length"):
        ExponentialKernel("1 h")("1 ms")
    with pytest.raises(cx.ParameterError, match="tau: wanted"):
        ExponentialKernel("-1 ms")
    with pytest.raises(cx.UnitError, match="tau: wanted a time"):
        ExponentialKernel(0.01)
    with pytest.raises(cx.UnitError, match="length: wanted"):
        ExponentialKernel(length=0.1)
