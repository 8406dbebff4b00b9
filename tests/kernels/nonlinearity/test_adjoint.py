"""The adjoint of the static nonlinearity: small differences, and torch's own operations followed by autograd."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from tests.kernels.tolerance import assert_near

#: the third has a kink at its threshold, which is therefore one that float32 holds exactly
PARAMETERS = [(0.0, 37.0, 100.0), (0.3, 80.0, 400.0), (-0.25, 0.0, 100.0), (0.1, 50.0, 0.0), (0.0, 0.0, 0.0)]
every_parameters = pytest.mark.parametrize("parameters", PARAMETERS)


def leaves_of(v: Tensor, parameters: tuple[float, ...], wanted: tuple[int, ...] = (0, 1, 2, 3)) -> list[Tensor]:
    made = [v.clone(), *(torch.tensor(value, dtype=torch.float64) for value in parameters)]
    return [leaf.requires_grad_(i in wanted) for i, leaf in enumerate(made)]


def gradients(leaves: list[Tensor], route: str) -> list[Tensor]:
    with force(route):  # type: ignore[arg-type]
        y = ganglion_nonlinearity(*leaves)
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape)
    return list(torch.autograd.grad((weights * y).sum(), [leaf for leaf in leaves if leaf.requires_grad]))


@every_parameters
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (1, 1), (3, 333), (70001,)])
def test_gradients_are_those_of_torch(
    parameters: tuple[float, ...], dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    v = torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64).view(shape)
    found = gradients(leaves_of(v.to(dtype), parameters), "compiled")
    exact = gradients(leaves_of(v.to(dtype).double(), parameters), "torch")
    for grad, wanted in zip(found, exact, strict=True):
        assert_near(grad.to(dtype), wanted.to(dtype))


@every_parameters
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_has_the_gradients_of_torch(parameters: tuple[float, ...], value: float) -> None:
    v = torch.tensor([value, 1.0], dtype=torch.float64)
    for grad, wanted in zip(
        *(gradients(leaves_of(v, parameters), route) for route in ("compiled", "torch")), strict=True
    ):
        torch.testing.assert_close(grad, wanted, equal_nan=True, rtol=1e-12, atol=0)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (0, 2), (1, 3)])
def test_what_is_asked_for_does_not_depend_on_what_else_is(wanted: tuple[int, ...]) -> None:
    v = torch.linspace(-1, 1, 99)
    every = gradients(leaves_of(v, PARAMETERS[1]), "compiled")
    for grad, i in zip(gradients(leaves_of(v, PARAMETERS[1], wanted), "compiled"), wanted, strict=True):
        assert torch.equal(grad, every[i])


def test_threads_change_no_bit_of_a_gradient() -> None:
    v, before, found = torch.linspace(-1, 1, 200_001), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(gradients(leaves_of(v, PARAMETERS[0]), "compiled"))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for others in found[1:] for a, b in zip(others, found[0], strict=True))


def test_memory_in_any_order() -> None:
    v = torch.linspace(-1, 1, 120, dtype=torch.float64).view(4, 5, 6)
    turned = v.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    for grad, wanted in zip(*(gradients(leaves_of(x, PARAMETERS[0]), "compiled") for x in (turned, v)), strict=True):
        assert torch.equal(grad, wanted)


def test_it_is_not_differentiated_twice() -> None:
    leaves = leaves_of(torch.linspace(-1, 1, 9), PARAMETERS[0])
    (once,) = torch.autograd.grad((ganglion_nonlinearity(*leaves) ** 2).sum(), leaves[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
