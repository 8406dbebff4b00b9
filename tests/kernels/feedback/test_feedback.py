"""The feedback loop against scipy's recursive filter, and its fast versions against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from convis_xr.kernels import dispatch
from convis_xr.kernels.feedback import feedback, rest
from tests.kernels.tolerance import assert_near

SHAPES = [(1, 1, 1, 1, 1), (2, 3, 17, 5, 7), (1, 2, 3, 40, 41), (1, 1, 9, 1, 1100)]


def _operands(shape: tuple[int, ...], lags: int, shared: bool, dtype: torch.dtype) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(lags)
    past = (*shape[:2], lags, *shape[3:])
    sizes = [shape, past, (1 if shared else shape[1], lags)]
    x, before, weight = (torch.randn(size, generator=make, dtype=torch.float64) for size in sizes)
    return [x.to(dtype), before.to(dtype), (weight * 0.5 / lags).to(dtype)]


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
def test_it_is_a_recursive_filter(route: dispatch.Route) -> None:
    x, before, weight = _operands((2, 3, 30, 2, 2), 4, False, torch.float64)
    with dispatch.force(route):
        y, past = feedback(x, before, weight)
    for channel in range(3):
        taps = np.concatenate([[1.0], weight[channel].numpy()])
        latest_first = np.flip(before[:, channel].numpy(), 1)
        for entry, row, column in np.ndindex(2, 2, 2):
            start = signal.lfiltic([1.0], taps, latest_first[entry, :, row, column])
            wanted, _ = signal.lfilter([1.0], taps, x[entry, channel, :, row, column].numpy(), zi=start)
            np.testing.assert_allclose(y[entry, channel, :, row, column], wanted, rtol=1e-10, atol=1e-12)
    assert torch.equal(past, torch.cat([before, y], 2)[:, :, -4:])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lags", [1, 3, 20])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_route_is_the_definition(shape: tuple[int, ...], lags: int, shared: bool, dtype: torch.dtype) -> None:
    operands = _operands(shape, lags, shared, dtype)
    with dispatch.force("reference"):
        wanted = feedback(*operands)
    for route in ("torch", "compiled"):
        with dispatch.force(route):  # type: ignore[arg-type]
            got = feedback(*operands)
        for one, other in zip(got, wanted, strict=True):
            assert_near(one, other)


@pytest.mark.parametrize("route", ["torch", "compiled"])
@given(cut=st.integers(0, 17), threads=st.sampled_from([1, 3]))
def test_pieces_are_the_whole_to_the_bit(route: dispatch.Route, cut: int, threads: int) -> None:
    x, before, weight = _operands((2, 3, 17, 5, 7), 5, False, torch.float32)
    with dispatch.force(route):
        whole, end = feedback(x, before, weight)
        usual = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            one, state = feedback(x[:, :, :cut], before, weight)
            other, state = feedback(x[:, :, cut:], state, weight)
        finally:
            torch.set_num_threads(usual)
    assert torch.equal(torch.cat([one, other], 2), whole)
    assert torch.equal(state, end)


def test_gradients() -> None:
    operands = [value.requires_grad_() for value in _operands((1, 2, 6, 2, 1), 3, False, torch.float64)]
    assert torch.autograd.gradcheck(feedback, operands)


def test_at_rest_nothing_changes() -> None:
    x, _, weight = _operands((2, 3, 1, 2, 2), 4, True, torch.float64)
    x = x.expand(-1, -1, 50, -1, -1)
    y, _ = feedback(x, rest(x[:, :, 0], weight), weight)
    torch.testing.assert_close(y, y[:, :, :1].expand_as(y))
    torch.testing.assert_close(y, x / (1 + weight.sum()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x", lambda x, past, weight: (x[0], past, weight)),
        ("x", lambda x, past, weight: (x.long(), past, weight)),
        ("weight", lambda x, past, weight: (x, past, weight[:2])),
        ("weight", lambda x, past, weight: (x, past, weight[:, :0])),
        ("past", lambda x, past, weight: (x, past[:, :, 1:], weight)),
        ("past", lambda x, past, weight: (x, past.float(), weight)),
        ("weight", lambda x, past, weight: (x, past, weight.float())),
    ],
)
def test_what_does_not_fit_is_said(name: str, change: object) -> None:
    with pytest.raises(ValueError, match=f"feedback: {name}: wanted"):
        feedback(*change(*_operands((1, 3, 4, 2, 2), 3, False, torch.float64)))  # type: ignore[operator]
