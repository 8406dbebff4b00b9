"""The adjoint of the weighted difference: small differences, and torch's own operations followed by autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.opponency import weighted_difference
from tests.kernels.tolerance import assert_near

NAMES = ["center", "surround", "gain", "weight"]


def leaves_of(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, wanted: list[str] = NAMES) -> list[Tensor]:
    source = torch.Generator().manual_seed(sum(shape))
    made = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for _ in range(2)]
    made += [torch.tensor(value, dtype=torch.float64) for value in (2.5, 0.7)]
    return [leaf.requires_grad_(name in wanted) for leaf, name in zip(made, NAMES, strict=True)]


def gradients(leaves: list[Tensor], route: str) -> list[Tensor]:
    with force(route):  # type: ignore[arg-type]
        y = weighted_difference(*leaves)
    return list(torch.autograd.grad((y**2).sum(), [leaf for leaf in leaves if leaf.requires_grad]))


@pytest.mark.parametrize("shape", [(), (1, 1, 1, 1, 1), (0, 3), (2, 3, 5, 7, 3), (1, 1, 41, 31, 37)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_torch(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    found, exact = gradients(leaves_of(shape, dtype), "compiled"), gradients(leaves_of(shape), "torch")
    for grad, wanted in zip(found, exact, strict=True):
        assert_near(grad.to(dtype), wanted.to(dtype))


@pytest.mark.parametrize("wanted", [["center"], ["surround"], ["gain"], ["weight"], ["center", "weight"]])
def test_what_is_asked_for_does_not_depend_on_what_else_is(wanted: list[str]) -> None:
    every = dict(zip(NAMES, gradients(leaves_of((2, 3, 4)), "compiled"), strict=True))
    for grad, name in zip(gradients(leaves_of((2, 3, 4), wanted=wanted), "compiled"), wanted, strict=True):
        assert torch.equal(grad, every[name])


def test_memory_in_any_order() -> None:
    center, surround, gain, weight = leaves_of((4, 5, 6))
    turned = center.detach().permute(2, 1, 0).contiguous().permute(2, 1, 0).requires_grad_()
    found = gradients([turned, surround, gain, weight], "compiled")
    for grad, wanted in zip(found, gradients([center, surround, gain, weight], "compiled"), strict=True):
        assert_near(grad, wanted)


def test_it_is_not_differentiated_twice() -> None:
    leaves = leaves_of((3,))
    (once,) = torch.autograd.grad((weighted_difference(*leaves) ** 2).sum(), leaves[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
