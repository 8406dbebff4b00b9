"""The adjoints of the recursions: small differences, the definition followed by autograd, and cuts of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass, rest
from tests.kernels.nodes import nodes_behind
from tests.kernels.tolerance import assert_near

DT = 0.001
Operation = Callable[..., tuple[Tensor, Tensor]]

#: name -> (operation of (x, state, tau, weight), poles)
OPERATIONS: dict[str, tuple[Operation, int]] = {
    "low_pass": (lambda x, state, tau, weight: low_pass(x, state[0], tau, DT), 1),
    "gamma_1": (lambda x, state, tau, weight: gamma_low_pass(x, state, tau, 1, DT), 2),
    "gamma_4": (lambda x, state, tau, weight: gamma_low_pass(x, state, tau, 4, DT), 5),
    "high_pass": (lambda x, state, tau, weight: partial_high_pass(x, state[0], tau, weight, DT), 1),
}
SHAPES = [(1, 1, 1, 1, 1), (1, 1, 5, 1, 1), (2, 3, 1, 2, 2), (2, 1, 7, 3, 5), (1, 1, 3, 67, 71), (1, 2, 0, 2, 2)]
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def leaves_of(
    name: str, shape: Sequence[int], tau: float = 0.004, weight: float = 0.7, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    source = torch.Generator().manual_seed(sum(shape))
    sizes = [shape, (OPERATIONS[name][1], *shape[:2], *shape[3:])]
    made = [torch.rand(size, dtype=torch.float64, generator=source).to(dtype) for size in sizes]
    return [value.requires_grad_() for value in (*made, *(torch.tensor(s, dtype=torch.float64) for s in (tau, weight)))]


def gradients(name: str, leaves: Sequence[Tensor], route: str, wanted: Sequence[int] = (0, 1, 2, 3)) -> list[Tensor]:
    """Gradients of a loss that looks at the output and at the final state."""
    with force(route):  # type: ignore[arg-type]
        y, end = OPERATIONS[name][0](*leaves)
    ramp = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view(y.shape)
    loss = (ramp * y**2).sum() + (end**3).sum()
    grads = torch.autograd.grad(loss, [leaves[i] for i in wanted], allow_unused=True)
    return [torch.zeros_like(leaves[i]) if grad is None else grad for i, grad in zip(wanted, grads, strict=True)]


@every_operation
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [0.0, 0.0003, 0.01, 2.0])
def test_gradients_are_those_of_the_torch_steps(
    name: str, shape: tuple[int, ...], dtype: torch.dtype, tau: float
) -> None:
    found = gradients(name, leaves_of(name, shape, tau, dtype=dtype), "compiled")
    exact = gradients(name, leaves_of(name, shape, tau), "torch")
    for grad, wanted in zip(found, exact, strict=True):
        assert grad.dtype == (dtype if grad.dim() else torch.float64)
        assert_near(grad.to(dtype), wanted.to(dtype))


@every_operation
@pytest.mark.parametrize("tau", [0.0001, 0.004, 0.3])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (2, 2, 4, 1, 3)])
def test_gradients_are_those_of_small_differences(name: str, tau: float, shape: tuple[int, ...]) -> None:
    assert gradcheck(OPERATIONS[name][0], leaves_of(name, shape, tau), eps=1e-7 if tau > 0.001 else 1e-9, atol=1e-4)


@every_operation
def test_from_the_steady_state_of_the_first_frame(name: str) -> None:
    operation, poles = OPERATIONS[name]
    x, _, tau, weight = leaves_of(name, (1, 2, 5, 2, 1))

    def begun(x: Tensor, tau: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return operation(x, rest(x[:, :, 0], poles - 1), tau, weight)

    assert gradcheck(begun, (x, tau, weight), eps=1e-7)


@every_operation
@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 3)])
def test_what_is_asked_for_does_not_depend_on_what_else_is(name: str, wanted: tuple[int, ...]) -> None:
    every = gradients(name, leaves_of(name, (2, 1, 6, 3, 5)), "compiled")
    leaves = [leaf.requires_grad_(i in wanted) for i, leaf in enumerate(leaves_of(name, (2, 1, 6, 3, 5)))]
    for grad, i in zip(gradients(name, leaves, "compiled", wanted), wanted, strict=True):
        assert torch.equal(grad, every[i])


@every_operation
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cuts", [(9,), (1, 8), (3, 0, 6), (4, 1, 1, 3)])
def test_pieces_of_time_give_the_gradients_of_the_whole(name: str, dtype: torch.dtype, cuts: tuple[int, ...]) -> None:
    operation = OPERATIONS[name][0]
    leaves = leaves_of(name, (2, 1, 9, 3, 5), dtype=dtype)
    whole = gradients(name, leaves, "compiled")
    x, state, tau, weight = leaves
    pieces, held = [], state
    for chunk in x.split(cuts, 2):
        y, held = operation(chunk, held if held.dim() == 5 else held[None], tau, weight)
        pieces.append(y)
    y = torch.cat(pieces, 2)
    ramp = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view(y.shape)
    found = torch.autograd.grad((ramp * y**2).sum() + (held**3).sum(), leaves, allow_unused=True)
    for grad, wanted in zip(found, whole, strict=True):
        assert_near((torch.zeros_like(wanted) if grad is None else grad).to(dtype), wanted.to(dtype))


@every_operation
def test_one_route_or_the_other_the_outputs_are_the_same_bits(name: str) -> None:
    leaves = leaves_of(name, (2, 1, 7, 3, 5), dtype=torch.float32)
    followed = OPERATIONS[name][0](*leaves)
    with torch.no_grad():
        alone = OPERATIONS[name][0](*leaves)
    for one, other in zip(followed, alone, strict=True):
        assert torch.equal(one, other)
        assert one.requires_grad
        assert not other.requires_grad


@every_operation
def test_threads_change_no_bit_of_a_gradient(name: str) -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(gradients(name, leaves_of(name, (1, 1, 6, 83, 101), dtype=torch.float32), "compiled"))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(others, found[0], strict=True))


@every_operation
def test_the_graph_does_not_grow_with_time(name: str) -> None:
    counts = {nodes_behind(OPERATIONS[name][0](*leaves_of(name, (1, 1, steps, 2, 2)))[0]) for steps in (10, 1000)}
    assert len(counts) == 1


@every_operation
def test_a_graph_may_be_used_again_and_not_differentiated_twice(name: str) -> None:
    leaves = leaves_of(name, (1, 1, 4, 2, 2))
    y, _ = OPERATIONS[name][0](*leaves)
    first, second = (torch.autograd.grad(y.sum(), leaves[0], retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    (once,) = torch.autograd.grad((y**2).sum(), leaves[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()


@every_operation
def test_memory_in_any_order(name: str) -> None:
    x, *others = leaves_of(name, (2, 3, 4, 5, 6))
    turned = x.detach().permute(1, 0, 2, 4, 3).contiguous().permute(1, 0, 2, 4, 3).requires_grad_()
    assert not turned.is_contiguous()
    for one, other in zip(
        gradients(name, [x, *others], "compiled"), gradients(name, [turned, *others], "compiled"), strict=True
    ):
        assert torch.equal(one, other)


@every_operation
def test_what_is_not_finite_stays_with_its_pixel(name: str) -> None:
    x, *others = leaves_of(name, (1, 1, 5, 1, 3))
    with torch.no_grad():
        x[..., 2, 0, 0], x[..., 2, 0, 1] = float("nan"), float("inf")
    found = gradients(name, [x, *others], "compiled", (0, 1))
    exact = gradients(name, [x, *others], "torch", (0, 1))
    for grad, wanted in zip(found, exact, strict=True):
        assert torch.equal(grad.isfinite(), wanted.isfinite())
        assert_near(grad[..., 2], wanted[..., 2])
