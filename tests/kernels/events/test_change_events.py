"""Events of change detectors: the routes agree, any cut gives the same bits, no change is lost."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convis_xr.kernels import dispatch
from convis_xr.kernels.events import change_events, levels_of
from convis_xr.kernels.refused import Refused

ROUTES = ["reference", "torch", "compiled"]
FACTS = {"threshold_on": 0.15, "threshold_off": 0.2, "dt": 1e-3}
MODES = ["linear", "log", "integral"]


def lively(mode="log", shape=(2, 2, 12, 3, 5), dtype=torch.float64):
    film = torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(4)) * 2
    return {"linear": film - 1, "log": film + 0.05, "integral": (film - 1) * 600}[mode]


def series(values):
    return torch.tensor(values, dtype=torch.float64).view(1, 1, -1, 1, 1)


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", [{}, {"refractory": 3e-4}, {"refractory": 2.5e-3}, {"leak": 80.0}], ids=str)
def test_routes_agree_with_the_reference(route, dtype, mode, change):
    x, facts = lively(mode, dtype=dtype), {**FACTS, "mode": mode, **change}
    with dispatch.force("reference"):
        on, off, state = change_events(x, levels_of(x[:, :, 0], mode), **facts)
    with dispatch.force(route):
        ups, downs, new = change_events(x, levels_of(x[:, :, 0], mode), **facts)
    assert on.any()
    assert off.any()
    assert torch.equal(ups, on)
    assert torch.equal(downs, off)
    for one, other in zip(new, state, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@given(data=st.data(), mode=st.sampled_from(MODES))
@settings(max_examples=10)
def test_any_cut_of_time_gives_the_same_bits(data, mode):
    x = lively(mode, dtype=torch.float32)
    facts = {**FACTS, "mode": mode, "refractory": 4e-4, "leak": 7.0}
    cut = data.draw(st.integers(1, 11))
    whole = change_events(x, levels_of(x[:, :, 0], mode), **facts)
    first = change_events(x[:, :, :cut], levels_of(x[:, :, 0], mode), **facts)
    second = change_events(x[:, :, cut:], first[2], **facts)
    for k in (0, 1):
        assert torch.equal(torch.cat([first[k], second[k]], 2), whole[k])
        assert torch.equal(second[2][k], whole[2][k])


@given(values=st.lists(st.floats(-5, 5), min_size=2, max_size=30))
@settings(max_examples=40)
def test_events_sum_up_to_the_change(values):
    """Without a refractory period the reference follows the level to within a threshold, at every time."""
    x = series(values)
    on, off, _ = change_events(x, levels_of(x[:, :, 0], "linear"), **FACTS, mode="linear")
    followed = values[0] + (0.15 * on.flatten().double() - 0.2 * off.flatten().double()).cumsum(0)
    error = x.flatten() - followed
    assert error.max() < 0.15 + 1e-12
    assert error.min() > -0.2 - 1e-12


def test_ramps_in_the_logarithm_have_a_constant_rate():
    x = (0.01 * torch.arange(1, 1001, dtype=torch.float64)).exp().view(1, 1, -1, 1, 1)
    on, off, _ = change_events(x, levels_of(x[:, :, 0]), threshold_on=0.1, threshold_off=0.1, dt=1e-3)
    assert off.sum() == 0
    assert int(on.sum()) in (98, 99, 100)
    assert on.max() == 1
    brighter, _, _ = change_events(1000 * x, levels_of(1000 * x[:, :, 0]), threshold_on=0.1, threshold_off=0.1, dt=1e-3)
    assert abs(int(brighter.sum()) - int(on.sum())) <= 1


@pytest.mark.parametrize("route", ROUTES)
def test_a_refractory_pixel_makes_up_for_it_later(route):
    x = series([0.0, 1.05, *[1.05] * 8])
    with dispatch.force(route):
        on, _, (level, left) = change_events(
            x, levels_of(x[:, :, 0], "linear"), threshold_on=0.1, threshold_off=0.1, mode="linear", dt=1e-3,
            refractory=4e-4,
        )  # fmt: skip
    assert on.flatten().tolist() == [0, 3, 2, 3, 2, 0, 0, 0, 0, 0]  # at 1.0, 1.4, 1.8, 2.2, ... ms
    assert level.item() == pytest.approx(1.0)
    assert left.item() == 0


def test_leaks_make_on_events_in_constant_light():
    x = torch.ones(1, 1, 10_000, 1, 1)
    on, off, _ = change_events(x, levels_of(x[:, :, 0]), threshold_on=0.2, threshold_off=0.2, dt=1e-3, leak=5.0)
    assert (int(on.sum()), int(off.sum())) in ((50, 0), (49, 0))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("mode", "bad"), [("log", 0.0), ("log", -1.0), ("log", math.nan), ("linear", math.inf)])
def test_what_has_no_level_is_refused(route, mode, bad):
    x = torch.ones(1, 1, 4, 2, 2)
    x[0, 0, 2, 1, 0] = bad
    with dispatch.force(route), pytest.raises(Refused, match=r"finite values.*\(0, 0, 2, 1, 0\)"):
        change_events(x, levels_of(x[:, :, 0], mode), **FACTS, mode=mode)


@pytest.mark.parametrize("route", ROUTES)
def test_255_events_are_counted_and_more_are_not(route):
    for change, count in ((255.0, 255), (256.0, None), (1e30, None)):
        x = series([0.0, change])
        facts = {"threshold_on": 1.0, "threshold_off": 1.0, "dt": 1e-3, "mode": "linear"}
        with dispatch.force(route):
            if count:
                assert change_events(x, levels_of(x[:, :, 0], "linear"), **facts)[0][0, 0, 1].item() == count
                continue
            with pytest.raises(OverflowError, match="more than 255 events in time step 1"):
                change_events(x, levels_of(x[:, :, 0], "linear"), **facts)


def test_the_number_of_threads_changes_nothing():
    threads, results = torch.get_num_threads(), []
    x = lively(shape=(1, 1, 9, 20, 31))
    try:
        for n in (1, 5):
            torch.set_num_threads(n)
            results.append(change_events(x, levels_of(x[:, :, 0]), **FACTS)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)


def test_forms_and_values_that_do_not_fit_are_refused():
    x = lively()
    with pytest.raises(ValueError, match="change_events: on: wanted a finite number above 0"):
        change_events(x, levels_of(x[:, :, 0]), **{**FACTS, "threshold_on": 0.0})
    with pytest.raises(ValueError, match="change_events: refractory"):
        change_events(x, levels_of(x[:, :, 0]), **FACTS, refractory=-1.0)
    with pytest.raises(ValueError, match="change_events: mode"):
        change_events(x, levels_of(x[:, :, 0]), **FACTS, mode="square")
    with pytest.raises(ValueError, match="change_events: state"):
        change_events(x, levels_of(x[:1, :, 0]), **FACTS)
    with pytest.raises(ValueError, match="change_events: x"):
        change_events(x[0], levels_of(x[:, :, 0]), **FACTS)
