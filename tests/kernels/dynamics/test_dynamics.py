"""Cells that are differential equations: the routes agree, any cut gives the same bits, gradients are right."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convis_xr.kernels import dispatch
from convis_xr.kernels.dynamics import FitzHughNagumo, HodgkinHuxley, Izhikevich, follow, gates_at_rest, parts_of
from convis_xr.kernels.dynamics import reference as plain
from convis_xr.kernels.dynamics import steps as torches
from convis_xr.kernels.refused import Refused
from tests.kernels.tolerance import assert_near

ROUTES = ["reference", "torch", "compiled"]
CELLS = {
    "izhikevich": Izhikevich(0.02, 0.2, -65.0, 6.0, 5.0, 140.0, 0.0, 1.0, 30.0),
    "accommodating": Izhikevich(0.02, 1.0, -55.0, 4.0, 5.0, 140.0, -65.0, 0.0, 30.0),
    "fitzhugh_nagumo": FitzHughNagumo(0.7, 0.8, 0.08, 0.0, 1e-3),
    "hodgkin_huxley": HodgkinHuxley(120.0, 36.0, 0.3, 50.0, -77.0, -54.387, 1.0, 1.2, 0.0),
}
MOST = {"izhikevich": 60.0, "accommodating": 10.0, "fitzhugh_nagumo": 1.5, "hodgkin_huxley": 60.0}
KEPT = {"izhikevich": ["v", "u"], "accommodating": ["u"], "fitzhugh_nagumo": ["w", "v"], "hodgkin_huxley": ["v", "h"]}
STEPS = {"dt": 1e-3, "max_step": 9e-5}


def start(name, frame=(2, 2, 3, 5)):
    def filled(value):
        return torch.full(frame, value, dtype=torch.float64)

    if name == "izhikevich":
        return torch.stack([filled(-65.0), filled(-13.0)])
    if name == "accommodating":
        return torch.stack([filled(-65.0), filled(-16.0)])
    if name == "fitzhugh_nagumo":
        return torch.stack([filled(-1.2), filled(-0.62)])
    return torch.stack([filled(-65.0), *gates_at_rest(filled(-65.0))])


def lively(name, shape=(2, 2, 25, 3, 5), dtype=torch.float64):
    return torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(2)) * MOST[name]


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CELLS)
def test_routes_agree_with_the_reference(route, dtype, name):
    current = lively(name, dtype=dtype)
    with dispatch.force("reference"):
        counts, traces, state = follow(current, start(name), CELLS[name], kept=KEPT[name], **STEPS)
    with dispatch.force(route):
        actual, others, new = follow(current, start(name), CELLS[name], kept=KEPT[name], **STEPS)
    assert counts.sum() > 5
    assert torch.equal(actual, counts)
    assert actual.dtype == torch.uint8
    assert list(others) == KEPT[name]
    for key, trace in traces.items():
        assert others[key].dtype == dtype
        assert_near(others[key], trace)
    assert_near(new, state)


@pytest.mark.parametrize("name", CELLS)
@given(data=st.data())
@settings(max_examples=5)
def test_any_cut_of_time_gives_the_same_bits(name, data):
    current = lively(name, dtype=torch.float32)
    cuts = sorted(data.draw(st.sets(st.integers(1, 24))))
    whole, traces, end = follow(current, start(name), CELLS[name], kept=["v"], **STEPS)
    state, parts = start(name), []
    for first, last in zip([0, *cuts], [*cuts, 25], strict=True):
        count, trace, state = follow(current[:, :, first:last], state, CELLS[name], kept=["v"], **STEPS)
        parts.append((count, trace["v"]))
    assert torch.equal(torch.cat([count for count, _ in parts], 2), whole)
    assert torch.equal(torch.cat([trace for _, trace in parts], 2), traces["v"])
    assert torch.equal(state, end)


@pytest.mark.parametrize("name", ["izhikevich", "hodgkin_huxley"])
def test_threads_and_parts_of_the_frame_change_nothing(name):
    current = lively(name, (1, 1, 5, 20, 31), torch.float32)
    threads = torch.get_num_threads()
    try:
        results = []
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(follow(current, start(name, (1, 1, 20, 31)), CELLS[name], **STEPS)[2])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    part = follow(current[..., 3:7, 5:12], start(name, (1, 1, 4, 7)), CELLS[name], **STEPS)[2]
    assert torch.equal(part, results[0][..., 3:7, 5:12])


@pytest.mark.parametrize("name", ["fitzhugh_nagumo", "hodgkin_huxley"])
def test_membranes_have_the_gradients_of_their_numbers(name):
    """With respect to input, start and every parameter but the threshold; through a spike as well."""
    kind = type(CELLS[name])
    fixed = {"threshold", "time_unit"} if name == "hodgkin_huxley" else {"threshold"}
    current = torch.linspace(0.8, 1.2, 4, dtype=torch.float64).view(1, 1, 4, 1, 1) * MOST[name]
    values = [torch.tensor(value, dtype=torch.float64) for value in CELLS[name]]
    given = dict(zip(kind._fields, values, strict=True))
    free = {field: value.requires_grad_() for field, value in given.items() if field not in fixed}

    def traces(current, begun, *values):
        cell = kind(**{**given, **dict(zip(free, values, strict=True))})
        _, made, _ = follow(current, begun, cell, dt=5e-4, max_step=5e-5, kept=["v"])
        return made["v"]

    inputs = (current.requires_grad_(), start(name, (1, 1, 1, 1)).requires_grad_(), *free.values())
    assert torch.autograd.gradcheck(traces, inputs, eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_gradients_of_izhikevich_are_cut():
    counts, traces, state = follow(
        lively("izhikevich").requires_grad_(), start("izhikevich"), CELLS["izhikevich"], kept=["v"], **STEPS
    )
    assert not any(part.requires_grad for part in (counts, traces["v"], state))


@pytest.mark.parametrize("volts", [-55.0, -40.0])
def test_rates_have_their_limits_where_they_are_a_quotient_of_zeros(volts):
    """``x / (1 - exp(-x)) = 1 + x/2 + x^2/12 - ...``: values to 1e-15, and derivatives, on both sides and at 0."""
    near = volts + torch.tensor([-1e-2, -1e-6, -1e-12, 0.0, 1e-12, 1e-6, 1e-2], dtype=torch.float64)
    gate, scale = (2, 0.1) if volts == -55.0 else (0, 1.0)
    x = (near - volts) / 10
    wanted = scale * (1 + x / 2 + x**2 / 12)
    got = torches.rates(near)[gate][0]
    torch.testing.assert_close(got, wanted, rtol=1e-13, atol=0)
    alone = torch.tensor([plain.rates(float(v))[gate][0] for v in near], dtype=torch.float64)
    torch.testing.assert_close(alone, wanted, rtol=1e-13, atol=0)
    v = near.clone().requires_grad_()
    torches.rates(v)[gate][0].sum().backward()
    torch.testing.assert_close(v.grad, scale * (1 / 2 + x / 6) / 10, rtol=1e-8, atol=0)
    for route in ROUTES:
        with dispatch.force(route):
            begun = start("hodgkin_huxley", (1, 1, 1, 1))
            begun[0] = volts
            _, traces, _ = follow(
                torch.zeros(1, 1, 3, 1, 1).double(), begun, CELLS["hodgkin_huxley"], kept=["v", "n"], **STEPS
            )
        assert all(trace.isfinite().all() for trace in traces.values())


def test_gates_rest_where_their_slopes_are_zero():
    for volts in (-100.0, -65.0, -40.0, 30.0):
        gates = gates_at_rest(torch.tensor(volts, dtype=torch.float64)).tolist()
        slopes = plain.hodgkin_huxley(CELLS["hodgkin_huxley"], [volts, *gates], 0.0)
        np.testing.assert_allclose(slopes[1:], 0, atol=1e-13)


@pytest.mark.parametrize(
    ("dt", "longest", "parts"),
    [(1e-3, 1e-3, 1), (1e-3, 1.1e-3, 1), (1e-3, 0.9e-3, 2), (0.3, 0.1, 3), (0.7, 0.1, 7), (1 / 30, 1e-5, 3334)],
)
def test_sub_steps_are_as_many_as_are_needed(dt, longest, parts):
    assert parts_of(dt, longest) == parts


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("name", "drive"),
    [
        ("izhikevich", 1e6),
        ("izhikevich", -1e8),
        ("izhikevich", math.inf),
        ("fitzhugh_nagumo", 1e4),
        ("fitzhugh_nagumo", -1e200),
        ("hodgkin_huxley", -1e3),
        ("hodgkin_huxley", 1e6),
        ("hodgkin_huxley", -math.inf),
    ],
)
def test_what_sub_steps_do_not_follow_is_refused(route, name, drive):
    current = torch.zeros(1, 2, 6, 1, 3, dtype=torch.float64)
    current[0, 1, 3, 0, 2] = drive
    place = r"\(batch, channel, y, x\) = \(0, 1, 0, 2\) in time step 3"
    with dispatch.force(route), pytest.raises(Refused, match=place):
        follow(current, start(name, (1, 2, 1, 3)), CELLS[name], **STEPS)


@pytest.mark.parametrize("route", ROUTES)
def test_255_spikes_are_counted_and_more_are_not(route):
    fast = CELLS["izhikevich"]._replace(c=20.0, d=0.0)  # two sub-steps from there to the next spike
    current = torch.zeros((1, 1, 1, 1, 1), dtype=torch.float64)
    begun = start("izhikevich", (1, 1, 1, 1))
    begun[0] = 20.0
    with dispatch.force(route):
        counts, _, _ = follow(current, begun, fast, dt=510 * 2e-5, max_step=2e-5)
        assert int(counts) == 255
        with pytest.raises(OverflowError, match=r"Izhikevich: .* more than 255 times in 0\.01028 s"):
            follow(current, begun, fast, dt=514 * 2e-5, max_step=2e-5)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", CELLS)
def test_not_a_number_reaches_the_membrane_and_never_fires(route, name):
    current = lively(name, (1, 1, 12, 1, 3))
    current[0, 0, 4, 0, 1] = math.nan
    with dispatch.force(route):
        counts, traces, state = follow(current, start(name, (1, 1, 1, 3)), CELLS[name], kept=["v"], **STEPS)
    assert traces["v"][0, 0, 4:, 0, 1].isnan().all()
    assert traces["v"][0, 0, :, 0, [0, 2]].isfinite().all()
    assert counts[0, 0, 4:, 0, 1].sum() == 0
    assert state[0].isnan().flatten().tolist() == [False, True, False]


def test_forms_and_values_that_do_not_fit_are_refused():
    current, begun, cell = lively("izhikevich"), start("izhikevich"), CELLS["izhikevich"]
    with pytest.raises(ValueError, match="Izhikevich: current: wanted a floating point tensor"):
        follow(current.long(), begun, cell, **STEPS)
    with pytest.raises(ValueError, match="Izhikevich: state: wanted"):
        follow(current, begun[:1], cell, **STEPS)
    with pytest.raises(ValueError, match="Izhikevich: a: wanted a finite number"):
        follow(current, begun, cell._replace(a=math.nan), **STEPS)
    with pytest.raises(ValueError, match="dt: wanted a finite number above 0"):
        follow(current, begun, cell, dt=0.0, max_step=1e-5)


def test_the_given_state_is_not_touched():
    begun = start("izhikevich")
    follow(lively("izhikevich"), begun, CELLS["izhikevich"], **STEPS)
    assert torch.equal(begun, start("izhikevich"))
