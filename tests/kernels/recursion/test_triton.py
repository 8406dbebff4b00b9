"""The recursions' Triton kernel: the definition's numbers, the compiled loops' bits, and a card's machine code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass
from tests.kernels.card import DEVICE, compiled, needs_triton
from tests.kernels.tolerance import assert_near

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


@pytest.mark.parametrize("n", [0, 2])
@DTYPES
def test_backwards_it_is_the_recursion_of_the_movie_turned_round(n, dtype):
    from convis_xr.kernels.recursion import triton_loops

    x, _ = example("low_pass", (2, 1, 5, 3, 50), dtype)
    state = torch.rand(n + 1, 2, 1, 3, 50, dtype=dtype, device=DEVICE)
    y, end = triton_loops.cascade(x, state, 0.3, backwards=True)
    wanted, wanted_end = triton_loops.cascade(x.flip(2), state, 0.3)
    assert torch.equal(y, wanted.flip(2))
    assert torch.equal(end, wanted_end)


def test_a_card_can_run_it(tmp_path: Path):
    module = "convis_xr.kernels.recursion.triton_loops"
    found = compiled(
        tmp_path,
        f"{module}.cascade(torch.ones(1, 1, 3, 100, 100), torch.ones(1, 1, 1, 100, 100), 0.3)",
        f"{module}.cascade(torch.ones(1, 1, 3, 7, 7), torch.ones(4, 1, 1, 7, 7), 0.3, backwards=True)",
        f"{module}.high_pass(torch.ones(1, 1, 3, 1, 1).double(), torch.ones(1, 1, 1, 1, 1).double(), 0.3, 0.7)",
    )
    assert [kernel["kernel"] for kernel in found] == ["_recursion"] * 3
    assert all(kernel["stack"] == kernel["spilled"] == 0 for kernel in found)
    assert max(kernel["registers"] for kernel in found) <= 64  # so that a multiprocessor holds all threads it can
