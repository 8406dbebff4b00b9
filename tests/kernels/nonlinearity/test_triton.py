"""The nonlinearity's Triton kernel: the definition's numbers, the compiled loops' bits."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton

SHAPES = [(), (0,), (1,), (2, 0, 3), (1023,), (1024,), (1025,), (2, 2, 3, 5, 7)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("parameters", [(0.1, 37.0, 300.0), (-1.0, 0.0, 100.0), (0.0, 5.0, 0.0), (0.0, 0.0, 0.0)])
def test_it_computes_the_definition_with_the_bits_of_the_compiled_loops(shape, dtype, parameters):
    v = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(DEVICE, dtype)
    with force("triton"):
        got = ganglion_nonlinearity(v, *parameters)
    with force("reference"):
        assert_near(got, ganglion_nonlinearity(v, *parameters))
    with force("compiled"):
        assert torch.equal(got.cpu(), ganglion_nonlinearity(v.cpu(), *parameters))


def test_what_is_not_finite_is_as_in_the_definition():
    v = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.1], dtype=torch.float64, device=DEVICE)
    with force("triton"):
        got = ganglion_nonlinearity(v, 0.1, 37.0, 100.0)
    assert torch.equal(got.isnan(), v.isnan())
    assert got[1:].tolist() == [torch.inf, 0.0, 37.0]


def test_the_order_in_memory_does_not_matter():
    v = torch.randn(3, 50, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    with force("triton"):
        assert torch.equal(ganglion_nonlinearity(v.T, 0.0, 37.0, 100.0), ganglion_nonlinearity(v, 0.0, 37.0, 100.0).T)
