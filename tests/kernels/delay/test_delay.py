"""Delays: the fast version against the definition, and the definition against numpy's interpolation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from convis_xr.kernels.delay import delay, frames_needed
from convis_xr.kernels.dispatch import force
from tests.agreement import Agreement
from tests.kernels.tolerance import assert_near

SHAPES = [(1, 1, 1, 1, 1), (2, 1, 5, 3, 2), (1, 3, 4, 1, 4), (2, 2, 17, 2, 3)]
LONGEST = 6.0


def example(shape: tuple[int, ...], a_map: bool, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    source = torch.Generator().manual_seed(sum(shape))
    x = torch.randn(shape, dtype=torch.float64, generator=source).to(dtype)
    past = (*shape[:2], frames_needed(LONGEST), *shape[3:])
    history = torch.randn(past, dtype=torch.float64, generator=source).to(dtype)
    steps = LONGEST * torch.rand(shape[3:] if a_map else (), dtype=torch.float64, generator=source)
    return x, history, steps


every_form = pytest.mark.parametrize(
    ("shape", "a_map"), [(shape, a_map) for shape in SHAPES for a_map in (True, False)]
)


@every_form
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fast_is_the_definition(shape: tuple[int, ...], a_map: bool, dtype: torch.dtype) -> None:
    x, history, steps = example(shape, a_map, dtype)
    before = [operand.clone() for operand in (x, history, steps)]
    with force("reference"):
        wanted = delay(x, history, steps)
    for actual, expected in zip(delay(x, history, steps), wanted, strict=True):
        assert_near(actual, expected)
    assert all(map(torch.equal, (x, history, steps), before))


@every_form
def test_the_definition_is_numpys_interpolation(shape: tuple[int, ...], a_map: bool, agreement: Agreement) -> None:
    x, history, steps = example(shape, a_map)
    with force("reference"):
        y, last = delay(x, history, steps)
    past = torch.cat((history, x), 2)
    assert torch.equal(last, past[:, :, x.shape[2] :])
    at = np.arange(-history.shape[2], x.shape[2])
    for pixel in np.ndindex(shape[3:]):
        lag = float(steps[pixel] if a_map else steps)
        for entry in np.ndindex(shape[:2]):
            series = past[(*entry, slice(None), *pixel)].numpy()
            wanted = np.interp(np.arange(x.shape[2]) - lag, at, series)
            error = float(np.abs(y[(*entry, slice(None), *pixel)].numpy() - wanted).max())
            agreement("delay", "numpy.interp", "max", error, within=1e-12)


@every_form
def test_gradients_agree_with_the_definition(shape: tuple[int, ...], a_map: bool) -> None:
    gradients = []
    for route in ("reference", "torch"):
        leaves = [operand.requires_grad_() for operand in example(shape, a_map)]
        with force(route):
            y, last = delay(*leaves)
        gradients.append(torch.autograd.grad((y**2).sum() + (last**3).sum(), leaves))
    for reference, fast in zip(*gradients, strict=True):
        assert_near(fast, reference)


@pytest.mark.parametrize("a_map", [True, False])
def test_gradients_are_right(a_map: bool) -> None:
    leaves = [operand.requires_grad_() for operand in example((2, 1, 5, 3, 2), a_map)]
    assert torch.autograd.gradcheck(delay, leaves)


def test_a_whole_delay_has_the_derivative_of_a_longer_one() -> None:
    x, history, _ = example((1, 1, 6, 1, 1), False)
    steps = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    y, _ = delay(x, history, steps)
    past = torch.cat((history, x), 2)
    wanted = (past[:, :, 4:10] - past[:, :, 5:11]).sum()
    assert_near(torch.autograd.grad(y.sum(), steps)[0], wanted)


@given(cuts=st.lists(st.integers(1, 16), unique=True).map(sorted), a_map=st.booleans())
def test_pieces_are_the_whole(cuts: list[int], a_map: bool) -> None:
    x, history, steps = example((2, 2, 17, 2, 3), a_map, torch.float32)
    wanted, last = delay(x, history, steps)
    parts = []
    for part in torch.tensor_split(x, cuts, dim=2):
        y, history = delay(part, history, steps)
        parts.append(y)
    assert torch.equal(torch.cat(parts, 2), wanted)
    assert torch.equal(history, last)


@pytest.mark.parametrize("a_map", [True, False])
def test_whole_delays_copy_and_a_constant_stays(a_map: bool) -> None:
    x, history, steps = example((2, 2, 17, 2, 3), a_map, torch.float32)
    y, _ = delay(torch.full_like(x, 0.1), torch.full_like(history, 0.1), steps)
    assert torch.equal(y, torch.full_like(x, 0.1))
    y, _ = delay(x, history, torch.full_like(steps, 3.0))
    assert torch.equal(y, torch.cat((history, x), 2)[:, :, history.shape[2] - 3 :][:, :, : x.shape[2]])


def test_what_is_not_finite_is_delayed_too() -> None:
    x, history, _ = example((1, 1, 8, 1, 2), True)
    x[0, 0, 3] = math.inf
    y, _ = delay(x, history, torch.tensor([[2.0, 2.5]]))
    assert (~y[0, 0, :, 0, 0].isfinite()).nonzero().flatten().tolist() == [5]
    assert (~y[0, 0, :, 0, 1].isfinite()).nonzero().flatten().tolist() == [5, 6]


@pytest.mark.parametrize("steps", [-0.5, math.nan, math.inf, 3.0, torch.zeros(4, 3)])
def test_delays_that_cannot_be(steps: float | Tensor) -> None:
    with pytest.raises(ValueError, match="delay: steps: wanted"):
        delay(torch.zeros(1, 1, 4, 3, 4), torch.zeros(1, 1, 3, 3, 4), steps)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="delay: x: wanted"):
        delay(torch.zeros(4, 3), torch.zeros(1, 1, 3, 3, 4), 1.0)
    with pytest.raises(ValueError, match="delay: history: wanted"):
        delay(torch.zeros(1, 1, 4, 3, 4), torch.zeros(1, 2, 3, 3, 4), 1.0)
