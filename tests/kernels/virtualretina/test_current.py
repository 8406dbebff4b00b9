"""The static nonlinearity with its soft ceiling, and the high-pass that vanishes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import partial_high_pass
from convis_xr.kernels.virtualretina import ceiled_current, late, late_high_pass
from convis_xr.kernels.virtualretina.reference import current_of
from tests.kernels.tolerance import assert_near


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("baseline", [0.0, 80.0, 4e5])
@pytest.mark.parametrize("slope", [0.0, 400.0, 1e6])
def test_it_is_its_definition(route: str, dtype: torch.dtype, baseline: float, slope: float) -> None:
    v = torch.linspace(-3, 9, 101, dtype=dtype)
    wanted = current_of(v.double().numpy(), 0.3, baseline, slope)
    with force(route):
        assert_near(ceiled_current(v, 0.3, baseline, slope), torch.from_numpy(wanted).to(dtype))


def test_far_below_the_ceiling_it_is_the_paper_s_and_never_reaches_it() -> None:
    v = torch.linspace(-1, 1, 51, dtype=torch.float64)
    paper = ganglion_nonlinearity(v, 0.0, 80.0, 100.0)
    got = ceiled_current(v, 0.0, 80.0, 100.0)
    assert torch.equal(got[v < 0], paper[v < 0])
    np.testing.assert_allclose(got, paper, rtol=3e-4)
    assert bool((got[v > 0] < paper[v > 0]).all())
    assert float(ceiled_current(torch.tensor([1e9], dtype=torch.float64), 0.0, 80.0, 100.0)) == pytest.approx(
        5e5, rel=1e-5
    )


def test_gradients() -> None:
    v = torch.tensor([-2.0, -0.5, 0.7, 30.0], dtype=torch.float64, requires_grad=True)
    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.1, 80.0, 100.0)]
    assert torch.autograd.gradcheck(ceiled_current, (v, *values))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="ceiled_current: slope: wanted a finite number of 0 or more, got -1"):
        ceiled_current(torch.zeros(1), 0.0, 80.0, -1.0)


def test_a_baseline_above_the_ceiling_is_refused() -> None:
    with pytest.raises(ValueError, match="baseline: wanted less than 500000 Hz, got 500000"):
        ceiled_current(torch.zeros(1), 0.0, 5e5, 1.0)


@pytest.mark.parametrize("weight", [0.4, 1.0])
def test_a_high_pass_reads_the_step_before(weight: float) -> None:
    x = torch.randn(1, 2, 9, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    start = x[:, :, 5]
    seen, _ = late(x, start)
    got, state = late_high_pass(x, seen, start, 0.01, weight, 0.002)
    wanted, end = partial_high_pass(seen, start, 0.01, weight, 0.002)
    assert_near(got, wanted)
    assert_near(state, end)


def test_without_weight_it_vanishes_with_its_delay() -> None:
    x = torch.randn(1, 2, 9, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    seen, _ = late(x, x[:, :, 0])
    assert torch.equal(late_high_pass(x, seen, x[:, :, 0], 0.01, 0.0, 0.002)[0], x)
