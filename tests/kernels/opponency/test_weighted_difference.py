"""Centre minus surround: every route gives what the reference defines."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels import dispatch
from convis_xr.kernels.opponency import weighted_difference


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (2, 3, 5, 7, 3)])
def test_routes_agree(route: dispatch.Route, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    center, surround = torch.randn(shape, dtype=dtype), torch.randn(shape, dtype=dtype)
    with dispatch.force("reference"):
        wanted = weighted_difference(center, surround, 2.5, 0.7)
    with dispatch.force(route):
        got = weighted_difference(center, surround, 2.5, 0.7)
    torch.testing.assert_close(got, wanted, rtol=4 * torch.finfo(dtype).eps, atol=8 * torch.finfo(dtype).eps)


def test_memory_may_be_strided() -> None:
    center = torch.arange(24.0).view(2, 3, 4).transpose(0, 2)
    assert torch.equal(weighted_difference(center, center.contiguous(), 2.0, 0.5), center)


def test_gradients_reach_everything() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    factors = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (2.5, 0.7)]
    assert torch.autograd.gradcheck(weighted_difference, (*inputs, *factors))


def test_shapes_must_be_the_same() -> None:
    with pytest.raises(ValueError, match=r"surround: wanted .*\(2,\).* got .*\(3,\)"):
        weighted_difference(torch.zeros(2), torch.zeros(3), 1.0, 1.0)
