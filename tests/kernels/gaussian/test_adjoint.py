"""The adjoint of the blur: small differences, and the banded matrices followed by autograd."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.gaussian import gaussian_blur
from tests.kernels.tolerance import assert_near

SHAPES = [(1, 1), (1, 7), (5, 1), (3, 2, 3), (2, 1, 3, 13, 17), (2, 67, 33), (1, 20, 130), (0, 4, 5)]
SIGMAS = [(0.0, 0.0), (0.4, 0.4), (2.0, 0.0), (0.0, 1.3), (0.3, 6.0), (9.0, 1.0)]


def leaves_of(
    shape: Sequence[int], sigmas: tuple[float, float], dtype: torch.dtype = torch.float64, wanted: str = "xyz"
) -> list[Tensor]:
    frames = torch.rand(tuple(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))
    made = [frames.to(dtype), *(torch.tensor(sigma, dtype=torch.float64) for sigma in sigmas)]
    return [leaf.requires_grad_(letter in wanted) for leaf, letter in zip(made, "xyz", strict=True)]


def gradients(leaves: Sequence[Tensor], route: str) -> list[Tensor]:
    """Gradients of a loss that looks at every pixel in another way."""
    with force(route):  # type: ignore[arg-type]
        y = gaussian_blur(leaves[0], (leaves[1], leaves[2]))
    ramp = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view(y.shape)
    asked = [leaf for leaf in leaves if leaf.requires_grad]
    found = torch.autograd.grad((ramp * y**2).sum(), asked, allow_unused=not y.numel())
    return [torch.zeros_like(leaf) if grad is None else grad for leaf, grad in zip(asked, found, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_the_banded_matrices(
    shape: tuple[int, ...], sigmas: tuple[float, float], dtype: torch.dtype
) -> None:
    found = gradients(leaves_of(shape, sigmas, dtype), "compiled")
    exact = gradients(leaves_of(shape, sigmas), "torch")
    for grad, wanted in zip(found, exact, strict=True):
        assert grad.dtype == (dtype if grad.dim() else torch.float64)
        assert_near(grad.to(dtype), wanted.to(dtype))


@pytest.mark.parametrize("wanted", ["x", "y", "z", "xy", "xz", "yz"])
def test_what_is_asked_for_does_not_depend_on_what_else_is(wanted: str) -> None:
    every = dict(zip("xyz", gradients(leaves_of((2, 9, 21), (1.5, 0.8)), "compiled"), strict=True))
    found = gradients(leaves_of((2, 9, 21), (1.5, 0.8), wanted=wanted), "compiled")
    for grad, letter in zip(found, wanted, strict=True):
        assert_near(grad, every[letter])


@pytest.mark.parametrize("shape", [(1, 1), (2, 4, 3), (1, 5)])
def test_gradients_are_those_of_small_differences(shape: tuple[int, ...]) -> None:
    x, sigma_y, sigma_x = leaves_of(shape, (0.9, 0.5))
    assert gradcheck(lambda x, y, z: gaussian_blur(x, (y, z)), (x, sigma_y, sigma_x))
    assert gradcheck(gaussian_blur, (x, sigma_y))


def test_a_frame_has_the_same_gradient_in_any_batch_and_on_any_number_of_threads() -> None:
    x, *_ = leaves_of((7, 31, 45), (2.0, 2.0), torch.float32)
    weights, before, found = torch.rand(7, 31, 45), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(torch.autograd.grad(gaussian_blur(x, 2.0), x, weights)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[1], found[0])
    assert torch.equal(found[2], found[0])
    alone = torch.autograd.grad(gaussian_blur(x[3], 2.0), x, weights[3])[0][3]
    assert torch.equal(alone, found[0][3])


def test_threads_change_no_bit_of_the_gradient_in_sigma() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(gradients(leaves_of((7, 31, 45), (2.0, 1.0), torch.float32), "compiled"))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for others in found[1:] for a, b in zip(others, found[0], strict=True))


def test_memory_in_any_order() -> None:
    turned = leaves_of((6, 5, 4, 3), (1.0, 1.0))[0].detach().permute(3, 1, 2, 0).requires_grad_()
    straight = turned.detach().contiguous().requires_grad_()
    for one, other in zip(
        *(gradients([x, *leaves_of((1, 1), (1.0, 0.7))[1:]], "compiled") for x in (turned, straight)), strict=True
    ):
        assert torch.equal(one, other)


def test_a_graph_may_be_used_again_and_not_differentiated_twice() -> None:
    x, sigma, _ = leaves_of((2, 4, 3), (0.9, 0.5))
    y = gaussian_blur(x, sigma)
    first, second = (torch.autograd.grad(y.sum(), sigma, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    (once,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
