"""Receptive fields: both ways of computing them against the definition, and the definition against a plain sum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.convolution import causal_convolution, receptive_field
from convis_xr.kernels.dispatch import force
from tests.kernels.tolerance import assert_near

#: (batch, in, time, y, x), (out, in, lag, wy, wx), origin; the last but one is computed step by step
CASES = [
    ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1), (0, 0)),
    ((2, 1, 6, 3, 5), (1, 1, 4, 3, 5), (0, 0)),
    ((2, 3, 5, 4, 4), (2, 3, 2, 2, 3), (1, 1)),
    ((1, 2, 2, 3, 3), (3, 2, 12, 3, 2), (0, 1)),
    ((1, 1, 9, 2, 2), (2, 1, 12, 1, 1), (1, 0)),
]
every_case = pytest.mark.parametrize(("shape", "field", "origin"), CASES)


def example(shape: tuple[int, ...], field: tuple[int, ...]) -> list[Tensor]:
    source = torch.Generator().manual_seed(sum(shape) + sum(field))
    past = (*shape[:2], field[2] - 1, *shape[3:])
    return [torch.randn(size, dtype=torch.float64, generator=source) for size in (shape, past, field)]


@every_case
def test_it_agrees_with_the_definition(shape, field, origin) -> None:  # type: ignore[no-untyped-def]
    results = []
    for route in ("reference", "torch"):
        leaves = [operand.requires_grad_() for operand in example(shape, field)]
        with force(route):
            y, history = receptive_field(*leaves, origin)
        results.append(
            (y, history, *torch.autograd.grad((y**2).sum() + (history**3).sum(), leaves, materialize_grads=True))
        )
    assert results[0][0].shape == (shape[0], field[0], shape[2], 1, 1)
    for reference, fast in zip(*results, strict=True):
        assert_near(fast, reference)


def test_lag_zero_is_the_same_step_and_nothing_is_mirrored() -> None:
    x, history, weight = example((1, 1, 4, 3, 3), (1, 1, 3, 2, 2))
    y, _ = receptive_field(x, history, weight, (1, 0))
    expected = sum(
        weight[0, 0, lag, i, j] * x[0, 0, 3 - lag, 1 + i, j] for lag in range(3) for i in (0, 1) for j in (0, 1)
    )
    assert_near(y[0, 0, 3, 0, 0], expected)


def test_a_field_of_one_pixel_is_a_convolution_in_time() -> None:
    x, history, weight = example((1, 1, 7, 3, 3), (1, 1, 4, 1, 1))
    y, _ = receptive_field(x, history, weight, (2, 1))
    assert_near(y[..., 0, 0], causal_convolution(x, history, weight)[0][..., 2, 1])


@every_case
def test_any_cut_of_time_gives_the_same_numbers(shape, field, origin) -> None:  # type: ignore[no-untyped-def]
    x, history, weight = (operand.float() for operand in example(shape, field))
    whole, end = receptive_field(x, history, weight, origin)
    for length in (1, 2, 4):
        pieces, carried = [], history
        for chunk in x.split(length, dim=2):
            y, carried = receptive_field(chunk, carried, weight, origin)
            pieces.append(y)
        assert float((torch.cat(pieces, 2) - whole).norm() / whole.norm()) < 1e-6
        assert torch.equal(carried, end)


def test_gradients_are_right() -> None:
    leaves = [operand.requires_grad_() for operand in example((1, 2, 3, 2, 2), (2, 2, 2, 2, 2))]
    assert gradcheck(receptive_field, leaves)


@pytest.mark.parametrize("origin", [(-1, 0), (0, 2), (3, 0)])
def test_a_field_that_reaches_out_of_the_frame_is_refused(origin: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"receptive_field: weight: wanted a field inside the frame of \(4, 4\) px"):
        receptive_field(*example((1, 1, 3, 4, 4), (1, 1, 2, 3, 3)), origin)
