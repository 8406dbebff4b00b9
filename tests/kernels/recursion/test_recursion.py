"""The three recursions: every route against the definition, and the definition against scipy and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, partial_high_pass, rest
from tests.agreement import Agreement, relative
from tests.kernels.tolerance import assert_near

DT = 0.001
Operation = Callable[..., tuple[Tensor, Tensor]]

#: name -> (operation of (x, state, tau), shape in front of the state)
OPERATIONS: dict[str, tuple[Operation, tuple[int, ...]]] = {
    "low_pass": (partial(low_pass, dt=DT), ()),
    "gamma_0": (partial(gamma_low_pass, n=0, dt=DT), (1,)),
    "gamma_3": (partial(gamma_low_pass, n=3, dt=DT), (4,)),
    "high_pass": (partial(partial_high_pass, weight=0.7, dt=DT), ()),
}
SHAPES = [(1, 1, 1, 1, 1), (1, 1, 5, 1, 1), (2, 3, 1, 2, 2), (2, 1, 7, 3, 5), (1, 1, 3, 67, 71), (1, 2, 0, 2, 2)]
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def example(name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(sum(shape))
    x = torch.rand(shape, dtype=torch.float64, generator=source).to(dtype)
    state = torch.rand(*OPERATIONS[name][1], *shape[:2], *shape[3:], dtype=torch.float64, generator=source).to(dtype)
    return x, state


@every_operation
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("tau", [0.0, 0.0003, 0.01, 2.0])
@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_routes_agree_with_the_definition(
    name: str, shape: tuple[int, ...], dtype: torch.dtype, tau: float, route: str
) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, shape, dtype)
    before = x.clone(), state.clone()
    with force("reference"):
        wanted = operation(x, state, tau)
    with force(route):
        got = operation(x, state, tau)
    for actual, expected in zip(got, wanted, strict=True):
        assert_near(actual, expected)
    assert torch.equal(x, before[0])
    assert torch.equal(state, before[1])


@every_operation
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (2, 1, 5, 2, 3)])
def test_gradients_agree_with_the_definition(name: str, shape: tuple[int, ...]) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, shape)
    gradients = []
    for route in ("reference", "torch"):
        leaves = x.clone().requires_grad_(), state.clone().requires_grad_()
        with force(route):
            y, end = operation(*leaves, 0.004)
        gradients.append(torch.autograd.grad((y**2).sum() + (end**3).sum(), leaves))
    for reference, fast in zip(*gradients, strict=True):
        assert_near(fast, reference)


@every_operation
def test_gradients_in_input_state_and_tau_are_right(name: str) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 2, 4, 1, 2))
    tau = torch.tensor(0.002, dtype=torch.float64, requires_grad=True)
    assert gradcheck(
        lambda x, s, tau: operation(x, s, tau), (x.requires_grad_(), state.requires_grad_(), tau), eps=1e-7
    )


def test_the_gradient_in_the_weight_is_right() -> None:
    x, state = example("high_pass", (1, 1, 4, 2, 1))
    weight = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: partial_high_pass(x, state, 0.01, w, DT), (weight,))


@every_operation
def test_tau_of_zero_is_the_identity_with_a_finite_gradient(name: str) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 1, 4, 2, 3), torch.float32)
    gain = 1 - 0.7 if name == "high_pass" else 1
    tau = torch.tensor(0.0, requires_grad=True)
    y, end = operation(x, state, tau)
    torch.testing.assert_close(y, gain * x, rtol=1e-6, atol=1e-7)
    assert torch.equal(end, x[:, :, -1].expand(state.shape))
    y.sum().backward()
    assert tau.grad == 0
    if gain == 1:
        assert torch.equal(operation(x, state, 0.0)[0], x)


@every_operation
@given(
    data=st.data(), dtype=st.sampled_from([torch.float32, torch.float64]), route=st.sampled_from(["torch", "compiled"])
)
def test_any_cut_of_time_and_batch_gives_the_same_bits(
    name: str, data: st.DataObject, dtype: torch.dtype, route: str
) -> None:
    operation, depth = OPERATIONS[name][0], len(OPERATIONS[name][1])
    x, state = example(name, (3, 1, 9, 7, data.draw(st.integers(1, 19))), dtype)
    batch_cut = data.draw(st.integers(1, 2))
    times = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).filter(lambda t: sum(t) < 9))
    with force(route):
        whole, end = operation(x, state, 0.004)
        for rows in (slice(0, batch_cut), slice(batch_cut, 3)):
            here = (slice(None),) * depth + (rows,)
            pieces, carried = [], state[here]
            for chunk in x[rows].split([*times, 9 - sum(times)], dim=2):
                y, carried = operation(chunk, carried, 0.004)
                pieces.append(y)
            assert torch.equal(torch.cat(pieces, 2), whole[rows])
            assert torch.equal(carried, end[here])


@every_operation
def test_the_number_of_threads_changes_nothing(name: str) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 1, 6, 83, 101), torch.float32)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(operation(x, state, 0.004))
    finally:
        torch.set_num_threads(before)
    for y, end in results[1:]:
        assert torch.equal(y, results[0][0])
        assert torch.equal(end, results[0][1])


@every_operation
@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_the_future_does_not_change_the_past(name: str, route: str) -> None:
    operation, (x, state) = OPERATIONS[name][0], example(name, (1, 1, 8, 3, 3), torch.float32)
    changed = x.clone()
    changed[:, :, 5:] += 1
    with force(route):
        first, second = operation(x, state, 0.004)[0], operation(changed, state, 0.004)[0]
    assert torch.equal(first[:, :, :5], second[:, :, :5])
    assert not torch.equal(first[:, :, 5], second[:, :, 5])


@every_operation
@pytest.mark.parametrize("value", [0.1, 127.5, 1e-3])
def test_at_rest_a_constant_stays_as_it_is(name: str, value: float) -> None:
    operation, depth = OPERATIONS[name][0], len(OPERATIONS[name][1])
    x = torch.full((1, 1, 500, 2, 2), value)
    state = rest(x[:, :, 0], n=3 if name == "gamma_3" else 0)
    y, end = operation(x, state if depth else state[0], 0.1)
    torch.testing.assert_close(y, (1 - 0.7 if name == "high_pass" else 1) * x, rtol=1e-6, atol=0)
    assert torch.equal(end.flatten(), torch.full_like(end, value).flatten())


def test_low_pass_is_scipys_lfilter(agreement: Agreement) -> None:
    x, state = example("low_pass", (1, 1, 200, 2, 2))
    c = np.exp(-DT / 0.02)
    expected, _ = lfilter([1 - c], [1, -c], x.numpy(), axis=2, zi=c * state.numpy()[:, :, None])
    error = relative(low_pass(x, state, 0.02, DT)[0], expected)
    agreement("exponential low-pass", "scipy.signal.lfilter", "relative L2", error, within=1e-12)


def test_the_response_to_a_step_is_an_exponential() -> None:
    x = torch.ones(1, 1, 100, 1, 1, dtype=torch.float64)
    y, _ = low_pass(x, torch.zeros(1, 1, 1, 1, dtype=torch.float64), 0.02, DT)
    k = torch.arange(1, 101, dtype=torch.float64)
    assert_near(y.flatten(), 1 - torch.exp(-k * DT / 0.02))


def test_the_high_pass_falls_to_its_gain_at_rest(agreement: Agreement) -> None:
    x = torch.ones(1, 1, 1000, 1, 1, dtype=torch.float64)
    y, _ = partial_high_pass(x, torch.zeros(1, 1, 1, 1, dtype=torch.float64), 0.02, 0.7, DT)
    k = torch.arange(1, 1001, dtype=torch.float64)
    error = relative(y.flatten(), 1 - 0.7 * (1 - torch.exp(-k * DT / 0.02)))
    agreement("partial high-pass", "closed form of its step response", "relative L2", error, within=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_gamma_cascade_follows_its_closed_form_and_peaks_at_tau(n: int, agreement: Agreement) -> None:
    dt, tau = 1e-5, 0.01
    x = torch.zeros(1, 1, 4000, 1, 1, dtype=torch.float64)
    x[:, :, 0] = 1
    y, _ = gamma_low_pass(x, torch.zeros(n + 1, 1, 1, 1, 1, dtype=torch.float64), tau, n, dt)
    t = (np.arange(4000) + n / 2 + 0.5) * dt  # each pole holds its input for a step: half a step of delay less one
    closed = (n * t) ** n * np.exp(-n * t / tau) / (float(np.prod(np.arange(1, n))) * tau ** (n + 1))
    response = y.flatten().numpy() / dt
    error = np.abs(response - closed).max() / closed.max()
    agreement("gamma cascade", "closed form of its impulse response", "max, of the peak", error, within=2e-3)
    assert abs(np.argmax(response) * dt - tau) < 5e-5 * (n + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.zeros(2, 2)}, "low_pass: x: wanted a floating point tensor"),
        ({"x": torch.zeros(1, 1, 2, 2, 2, dtype=torch.int64)}, "low_pass: x: .* got torch.int64"),
        ({"state": torch.zeros(1, 1, 2, 3)}, r"low_pass: state: wanted .* \(1, 1, 2, 2\).* got .* \(1, 1, 2, 3\)"),
        ({"state": torch.zeros(1, 1, 2, 2, dtype=torch.float64)}, "low_pass: state: .*got torch.float64"),
        ({"tau": -1.0}, "low_pass: tau: wanted a finite time of 0 s or more, got -1.0"),
        ({"tau": float("nan")}, "low_pass: tau: .* got nan"),
        ({"dt": 0.0}, "low_pass: dt: wanted a finite time above 0 s, got 0.0"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, object], message: str) -> None:
    fitting = {"x": torch.zeros(1, 1, 2, 2, 2), "state": torch.zeros(1, 1, 2, 2), "tau": 0.1, "dt": DT}
    with pytest.raises(ValueError, match=message):
        low_pass(**{**fitting, **arguments})


def test_order_and_weight_that_do_not_fit_are_refused() -> None:
    x, state = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="n: wanted a whole number of 0 or more, got -1"):
        gamma_low_pass(x, state[None], 0.1, -1, DT)
    with pytest.raises(ValueError, match="state: wanted 3 poles in front"):
        gamma_low_pass(x, state[None], 0.1, 2, DT)
    with pytest.raises(ValueError, match="weight: wanted a finite number, got inf"):
        partial_high_pass(x, state, 0.1, float("inf"), DT)
