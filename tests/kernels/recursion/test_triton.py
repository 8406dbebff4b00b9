"""The recursions' Triton kernel: the definition's numbers, the compiled loops' bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import TOLERANCE, assert_near

pytestmark = needs_triton

Operation = Callable[..., tuple[Tensor, Tensor]]
#: name -> (operation of (x, state), shape in front of the state)
OPERATIONS: dict[str, tuple[Operation, tuple[int, ...]]] = {
    "low_pass": (partial(low_pass, tau=0.004, dt=0.001), ()),
    "gamma_2": (partial(gamma_low_pass, tau=0.004, n=2, dt=0.001), (3,)),
    "high_pass": (partial(partial_high_pass, tau=0.004, weight=0.7, dt=0.001), ()),
}
#: One pixel; no step; no movie; pixels around the edge of a tile; movies side by side.
SHAPES = [(1, 1, 1, 1, 1), (1, 2, 0, 2, 2), (0, 1, 2, 2, 2), (1, 1, 3, 1, 127), (1, 1, 2, 8, 16), (2, 3, 5, 3, 43)]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def example(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(sum(shape))
    x = torch.rand(shape, dtype=torch.float64, generator=source)
    state = torch.rand(*OPERATIONS[name][1], *shape[:2], *shape[3:], dtype=torch.float64, generator=source)
    return x.to(DEVICE, dtype), state.to(DEVICE, dtype)


@every_operation
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@DTYPES
def test_it_computes_the_definition_with_the_bits_of_the_compiled_loops(name, shape, dtype):
    operation, (x, state) = OPERATIONS[name][0], example(name, shape, dtype)
    before = x.clone(), state.clone()
    with force("triton"):
        got = operation(x, state)
    with force("reference"):
        wanted = operation(x, state)
    with force("compiled"):
        bits = operation(x.cpu(), state.cpu())
    for actual, expected, same in zip(got, wanted, bits, strict=True):
        assert_near(actual, expected)
        assert torch.equal(actual.cpu(), same)
    assert torch.equal(x, before[0])
    assert torch.equal(state, before[1])


@every_operation
@DTYPES
def test_any_cut_of_time_gives_the_same_bits(name, dtype):
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 2, 7, 3, 5), dtype)
    with force("triton"):
        whole, end = operation(x, state)
        parts = []
        for part in x.split([1, 4, 2], 2):
            y, state = operation(part, state)
            parts.append(y)
    assert torch.equal(torch.cat(parts, 2), whole)
    assert torch.equal(state, end)


@every_operation
def test_the_order_in_memory_does_not_matter(name):
    operation, (x, state) = OPERATIONS[name][0], example(name, (2, 2, 3, 4, 5), torch.float32)
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (x, state)]
    with force("triton"):
        wanted, got = operation(x, state), operation(*turned)
    assert all(torch.equal(one, other) for one, other in zip(got, wanted, strict=True))


@every_operation
def test_what_is_not_finite_stays_in_its_pixel(name):
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 1, 4, 1, 5), torch.float64)
    x[0, 0, 1, 0, 1], x[0, 0, 2, 0, 3] = torch.nan, torch.inf
    with force("triton"):
        got = operation(x, state)
    with force("reference"):
        wanted = operation(x, state)
    for actual, expected in zip(got, wanted, strict=True):
        # (1-c) inf + c y is inf, y + rate (inf - y) too; one step later inf - inf is not a number.
        assert torch.equal(actual.isfinite(), expected.isfinite())
        finite = expected.isfinite()
        assert_near(actual[finite], expected[finite])


#: name -> operation of (x, state, tau, weight)
FITTED: dict[str, Operation] = {
    "low_pass": lambda x, state, tau, weight: low_pass(x, state, tau, 0.001),
    "gamma_2": lambda x, state, tau, weight: gamma_low_pass(x, state, tau, 2, 0.001),
    "high_pass": lambda x, state, tau, weight: partial_high_pass(x, state, tau, weight, 0.001),
}


def gradients(name, x, state, route, fitted):
    """Gradients in movie, state and what is fitted of tau and weight, of a loss that sees output and final state."""
    device = "cpu" if route == "compiled" else DEVICE
    leaves = [x.detach().to(device).requires_grad_(), state.detach().to(device).requires_grad_()]
    scalars = [torch.tensor(number, dtype=torch.float64, requires_grad=fitted) for number in (0.004, 0.7)]
    with force(route):
        y, end = FITTED[name](*leaves, *scalars)
    if fitted:
        leaves += scalars if name == "high_pass" else scalars[:1]
    grads = torch.autograd.grad((y**2).sum() + (end**3).sum(), leaves, materialize_grads=True)
    return [grad.cpu() for grad in grads]


@every_operation
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@DTYPES
def test_gradients_are_those_of_the_torch_steps_with_the_bits_of_the_compiled_adjoint(name, shape, dtype):
    x, state = example(name, shape, dtype)
    got = gradients(name, x, state, "triton", fitted=True)
    bits = gradients(name, x, state, "compiled", fitted=True)
    wanted = gradients(name, x.double(), state.double(), "torch", fitted=True)
    assert all(torch.equal(one, other) for one, other in zip(got[:2], bits[:2], strict=True))
    for grad, exact in zip(got, wanted, strict=True):
        # A gradient in a parameter is a sum over the movie: it is as good as the movie's dtype.
        torch.testing.assert_close(grad, exact.to(grad.dtype), **TOLERANCE[dtype])
    alone = gradients(name, x, state, "triton", fitted=False)
    assert all(torch.equal(one, other) for one, other in zip(got[:2], alone, strict=True))


@every_operation
def test_small_differences_confirm_the_gradients(name):
    x, state = example(name, (1, 1, 2, 1, 2), torch.float64)
    leaves = [x.cpu(), state.cpu(), *(torch.tensor(number, dtype=torch.float64) for number in (0.002, 0.7))]
    leaves = [leaf.requires_grad_() for leaf in (leaves if name == "high_pass" else leaves[:3])]

    def on_card(x, state, tau, weight=0.7):
        with force("triton"):
            return tuple(out.cpu() for out in FITTED[name](x.to(DEVICE), state.to(DEVICE), tau, weight))

    assert torch.autograd.gradcheck(on_card, leaves)
