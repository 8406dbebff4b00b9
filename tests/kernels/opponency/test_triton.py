"""The weighted difference's Triton kernel: the definition's numbers, compiled bits."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.opponency import weighted_difference
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton


def example(shape, dtype=torch.float32):
    source = torch.Generator().manual_seed(1)
    return [torch.randn(shape, dtype=torch.float64, generator=source).to(DEVICE, dtype) for _ in range(2)]


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0, 3), (1023,), (1024,), (1025,), (2, 2, 3, 5, 7)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_computes_the_definition_with_the_bits_of_the_compiled_loops(shape, dtype):
    center, surround = example(shape, dtype)
    with force("triton"):
        got = weighted_difference(center, surround, 10.1, 0.7)
    with force("reference"):
        assert_near(got, weighted_difference(center, surround, 10.1, 0.7))
    with force("compiled"):
        assert torch.equal(got.cpu(), weighted_difference(center.cpu(), surround.cpu(), 10.1, 0.7))


def test_the_order_in_memory_does_not_matter():
    center, surround = example((3, 50))
    with force("triton"):
        wanted = weighted_difference(center, surround, 10.0, 0.5)
        got = weighted_difference(center.T.contiguous().T, surround, 10.0, 0.5)
    assert torch.equal(got, wanted)
