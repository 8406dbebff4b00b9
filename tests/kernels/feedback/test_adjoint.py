"""The adjoint of the feedback loop: small differences, the torch steps followed by autograd, and cuts of time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.feedback import feedback, rest
from tests.kernels.nodes import nodes_behind
from tests.kernels.tolerance import assert_near

SHAPES = [(1, 1, 1, 1, 1), (2, 3, 17, 5, 7), (1, 2, 3, 40, 41), (1, 1, 9, 1, 1100), (2, 1, 0, 2, 3)]


def leaves_of(
    shape: tuple[int, ...],
    lags: int,
    shared: bool = False,
    dtype: torch.dtype = torch.float64,
    wanted: tuple[int, ...] = (0, 1, 2),
) -> list[Tensor]:
    make = torch.Generator().manual_seed(lags)
    sizes = [shape, (*shape[:2], lags, *shape[3:]), (1 if shared else shape[1], lags)]
    x, past, weight = (torch.randn(size, generator=make, dtype=torch.float64) for size in sizes)
    made = (x, past, weight * 0.5 / lags)
    return [leaf.to(dtype).requires_grad_(i in wanted) for i, leaf in enumerate(made)]


def loss_of(y: Tensor, past: Tensor) -> Tensor:
    ramp = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view(y.shape)
    return (ramp * y**2).sum() + (past**3).sum()


def gradients(leaves: list[Tensor], route: str) -> list[Tensor]:
    with force(route):  # type: ignore[arg-type]
        loss = loss_of(*feedback(*leaves))
    return list(torch.autograd.grad(loss, [leaf for leaf in leaves if leaf.requires_grad], materialize_grads=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lags", [1, 3, 20])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_the_torch_steps(
    shape: tuple[int, ...], lags: int, shared: bool, dtype: torch.dtype
) -> None:
    found = gradients(leaves_of(shape, lags, shared, dtype), "compiled")
    for grad, wanted in zip(found, gradients(leaves_of(shape, lags, shared), "torch"), strict=True):
        if dtype == torch.float64:
            assert_near(grad, wanted)
        else:  # the steps themselves round, and errors go round in the loop
            assert torch.linalg.vector_norm(grad - wanted) <= 1e-6 * torch.linalg.vector_norm(wanted)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (1, 2, 6, 2, 1), (2, 1, 2, 1, 2)])
@pytest.mark.parametrize("shared", [True, False])
def test_gradients_are_those_of_small_differences(shape: tuple[int, ...], shared: bool) -> None:
    assert torch.autograd.gradcheck(feedback, leaves_of(shape, 3, shared))


def test_from_rest() -> None:
    x, _, weight = leaves_of((1, 2, 4, 2, 1), 3)
    assert torch.autograd.gradcheck(lambda x, weight: feedback(x, rest(x[:, :, 0], weight), weight), (x, weight))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2)])
def test_what_is_asked_for_does_not_depend_on_what_else_is(wanted: tuple[int, ...]) -> None:
    every = gradients(leaves_of((2, 3, 7, 2, 3), 3), "compiled")
    found = gradients(leaves_of((2, 3, 7, 2, 3), 3, wanted=wanted), "compiled")
    for grad, i in zip(found, wanted, strict=True):
        assert torch.equal(grad, every[i])


@pytest.mark.parametrize("cuts", [(17,), (1, 16), (2, 0, 15), (5, 3, 9)])
def test_pieces_of_time_give_the_gradients_of_the_whole(cuts: tuple[int, ...]) -> None:
    leaves = leaves_of((2, 3, 17, 2, 3), 5)
    x, past, weight = leaves
    pieces = []
    for chunk in x.split(cuts, 2):
        y, past = feedback(chunk, past, weight)
        pieces.append(y)
    found = torch.autograd.grad(loss_of(torch.cat(pieces, 2), past), leaves)
    for grad, wanted in zip(found, gradients(leaves, "compiled"), strict=True):
        assert_near(grad, wanted)


def test_threads_change_no_bit_of_a_gradient() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(gradients(leaves_of((1, 1, 9, 83, 101), 4, dtype=torch.float32), "compiled"))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for others in found[1:] for a, b in zip(others, found[0], strict=True))


def test_the_graph_does_not_grow_with_time() -> None:
    assert len({nodes_behind(feedback(*leaves_of((1, 1, steps, 2, 2), 3))[0]) for steps in (10, 1000)}) == 1


def test_it_is_not_differentiated_twice() -> None:
    leaves = leaves_of((1, 1, 4, 1, 2), 2)
    (once,) = torch.autograd.grad((feedback(*leaves)[0] ** 2).sum(), leaves[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
