"""Spikes: the routes agree, any cut gives the same bits, and rates are those of the continuous membrane."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from convis_xr.kernels import dispatch
from convis_xr.kernels.lif import cells_of, noisy_lif, noisy_lif_times, random_potential
from convis_xr.kernels.philox import key_of
from tests.kernels.tolerance import assert_near

KEY = key_of(3, "ganglion.spikes")
PUBLISHED = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.0, "key": KEY}
LIVELY = PUBLISHED | {"refractory_sd": 0.002, "dt": 0.004}
ROUTES = ["reference", "torch", "compiled"]


def rest(current):
    return (torch.zeros_like(current[:, :, 0]), torch.zeros_like(current[:, :, 0]))


def lively(shape=(2, 2, 9, 3, 5), dtype=torch.float64, scale=500.0):
    return torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(1)) * scale


def constant(drive, steps, cells=1, dtype=torch.float64):
    return torch.full((1, 1, steps, 1, cells), float(drive), dtype=dtype)


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"noise": 0.0},
        {"g_leak": 0.0},
        {"refractory_mean": 0.0, "refractory_sd": 0.0},
        {"refractory_mean": 0.006},
        {"refractory_mean": -0.001},
        {"step": 2**32 - 4, "repeat": 5},
        {"dt": 0.0001},
    ],
    ids=str,
)
def test_routes_agree_with_the_reference(route, dtype, change):
    current = lively(dtype=dtype)
    with dispatch.force("reference"):
        counts, state = noisy_lif(current, rest(current), **(LIVELY | change))
    with dispatch.force(route):
        actual, new = noisy_lif(current, rest(current), **(LIVELY | change))
    assert actual.dtype == torch.uint8
    assert torch.equal(actual, counts)
    for one, other in zip(new, state, strict=True):
        assert_near(one, other)


def test_the_lively_example_is_lively():
    current = lively()
    counts, _ = noisy_lif(current, rest(current), **LIVELY)
    assert counts.max() > 1
    assert (counts == 0).any()


@pytest.mark.parametrize("route", ["torch", "compiled"])
@given(data=st.data())
def test_any_cut_of_time_gives_the_same_bits(route, data):
    current = lively(dtype=torch.float32)
    cuts = sorted(data.draw(st.sets(st.integers(1, 8))))
    with dispatch.force(route):
        whole, end = noisy_lif(current, rest(current), **LIVELY)
        state, parts = rest(current), []
        for start, stop in zip([0, *cuts], [*cuts, 9], strict=True):
            part, state = noisy_lif(current[:, :, start:stop], state, **LIVELY, step=start)
            parts.append(part)
    assert torch.equal(torch.cat(parts, 2), whole)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))


@pytest.mark.parametrize("route", ["torch", "compiled"])
@settings(max_examples=10)
@given(b=st.integers(0, 1), y=st.integers(0, 9), x=st.integers(0, 39))
def test_a_part_of_the_frame_fires_as_it_does_in_the_whole(route, b, y, x):
    current = lively((2, 2, 4, 10, 40), torch.float32)
    cells = cells_of((2, 2, 10, 40))
    part = (slice(b, None), slice(1, 2), slice(y, None), slice(x, None))
    with dispatch.force(route):
        whole, _ = noisy_lif(current, rest(current), **LIVELY)
        piece = current[part[0], part[1], :, part[2], part[3]]
        counts, _ = noisy_lif(piece, rest(piece), **LIVELY, cells=cells[part])
    assert torch.equal(counts, whole[part[0], part[1], :, part[2], part[3]])


@pytest.mark.parametrize("route", ROUTES)
def test_entries_of_a_batch_fire_as_they_do_alone(route):
    current = lively((3, 2, 4, 2, 3), torch.float32)
    with dispatch.force(route):
        together, _ = noisy_lif(current, rest(current), **LIVELY)
        alone = [noisy_lif(entry, rest(entry), **LIVELY)[0] for entry in current.split(1)]
    assert together.any()
    assert torch.equal(together, torch.cat(alone))


def test_scattered_cells_fire_as_they_do_in_the_whole():
    current = lively((1, 1, 6, 30, 30), torch.float32)
    whole, _ = noisy_lif(current, rest(current), **LIVELY)
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))[:50]
    piece = current.flatten(3)[..., order].unsqueeze(3)
    counts, _ = noisy_lif(piece, rest(piece), **LIVELY, cells=order.view(1, 1, 1, 50))
    assert torch.equal(counts, whole.flatten(3)[..., order].unsqueeze(3))


def test_the_number_of_threads_changes_nothing():
    current = lively((1, 1, 20, 40, 40), torch.float32)
    threads = torch.get_num_threads()
    try:
        results = []
        for n in (1, 2, 5):
            torch.set_num_threads(n)
            results.append(noisy_lif(current, rest(current), **LIVELY)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_seed_layer_and_repeat_make_other_spikes():
    current = lively()
    changes = [{}, {"key": key_of(4, "ganglion.spikes")}, {"key": key_of(3, "other")}, {"repeat": 1}]
    counts = [noisy_lif(current, rest(current), **(LIVELY | change))[0] for change in changes]
    assert all(not torch.equal(counts[0], other) for other in counts[1:])


@pytest.mark.parametrize(("dt", "cells"), [(0.00005, 4_000), (0.001, 30_000), (0.005, 30_000), (0.04, 30_000)])
def test_the_rate_does_not_depend_on_the_step(dt, cells, agreement):
    # Six pieces of 0.2 s; in the first the cells forget their start.
    current = constant(37.0, 1, cells, torch.float32).expand(1, 1, round(0.2 / dt), 1, cells)
    state, total = rest(current), 0
    for piece in range(6):
        counts, state = noisy_lif(current, state, **PUBLISHED, dt=dt, step=piece * current.shape[2])
        total += int(counts.sum()) if piece else 0
    rate, error = total / cells, total**0.5 / cells
    assert 1.35 - 3 * error < rate < 1.40 + 3 * error
    what = f"noisy integrate-and-fire: rate at steps of {dt * 1e3:g} ms"
    agreement(what, "fine-step simulation, 1.38 Hz", "relative error", abs(rate / 1.38 - 1), within=0.02 + 3 * error)


@pytest.mark.parametrize("dt", [0.00005, 0.001, 0.005])
def test_far_below_threshold_the_noise_is_what_its_name_says(dt):
    # The mean is -10, a hundred standard deviations from the threshold; 0.2 s are ten time constants.
    current = constant(-500.0, round(0.2 / dt) if dt >= 0.001 else 4000, 4000, torch.float32)
    (v, left) = noisy_lif(
        current, (torch.full((1, 1, 1, 4000), -10.0), torch.zeros(1, 1, 1, 4000)), **PUBLISHED, dt=dt
    )[1]
    assert abs(v.mean() + 10) < 4 * 0.1 / 4000**0.5
    assert abs(v.std() / 0.1 - 1) < 4 / (2 * 4000) ** 0.5
    assert (left == 0).all()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("g_leak", [0.0, 50.0])
@given(dt=st.sampled_from([0.0005, 0.001, 0.007, 0.1]), drive=st.sampled_from([51.3, 80.0, 333.0]))
@settings(max_examples=6)
def test_without_noise_the_rate_is_the_closed_form(route, g_leak, dt, drive):
    steps = round(0.7 / dt)
    current = constant(drive, steps)
    with dispatch.force(route):
        counts, _ = noisy_lif(current, rest(current), **(PUBLISHED | {"noise": 0.0, "g_leak": g_leak}), dt=dt)
    rise = math.log((drive / g_leak) / (drive / g_leak - 1)) / g_leak if g_leak else 1 / drive
    assert int(counts.sum()) == math.floor((steps * dt + 0.003) / (rise + 0.003))


def test_refractory_times_scatter_and_are_never_negative():
    # The drive is so strong that only refractory times part the spikes: their mean is that of max(mean + sd n, 0).
    current = constant(1e6, 100, 2000)
    parameters = PUBLISHED | {"noise": 0.0, "g_leak": 0.0, "refractory_mean": 0.001, "refractory_sd": 0.002}
    counts, _ = noisy_lif(current, rest(current), **parameters, dt=0.01)
    mean = 0.001 * stats.norm.cdf(0.5) + 0.002 * stats.norm.pdf(0.5)
    assert abs(counts.double().mean() * (mean + 1e-6) / 0.01 - 1) < 0.01


@pytest.mark.parametrize("route", ROUTES)
def test_refractory_cells_stay_at_zero(route):
    current = constant(40.0, 3)
    with dispatch.force(route):
        counts, (v, left) = noisy_lif(
            current, (torch.zeros(1, 1, 1, 1).double(), torch.full((1, 1, 1, 1), 0.01).double()), **PUBLISHED, dt=0.001
        )
    assert counts.sum() == 0
    assert v.item() == 0
    assert left.item() == pytest.approx(0.007)


@pytest.mark.parametrize("route", ROUTES)
def test_not_a_number_reaches_the_membrane_and_never_fires(route):
    current = constant(100.0, 20, 3)
    current[0, 0, 5, 0, 1] = math.nan
    with dispatch.force(route):
        counts, (v, _) = noisy_lif(current, rest(current), **(PUBLISHED | {"refractory_mean": 0.0}), dt=0.01)
    assert v.isnan().flatten().tolist() == [False, True, False]
    assert counts[0, 0, 5:, 0, 1].sum() == 0
    assert counts[0, 0, :, 0, [0, 2]].sum(0).min() > 5


@pytest.mark.parametrize("route", ROUTES)
def test_infinite_currents_end(route):
    current = constant(math.inf, 4, 2)
    current[..., 1] = -math.inf
    with dispatch.force(route):
        counts, (v, _) = noisy_lif(current, rest(current), **(PUBLISHED | {"refractory_mean": 0.0031}), dt=0.01)
    assert counts[0, 0, :, 0].T.tolist() == [[4, 3, 3, 3], [0, 0, 0, 0]]  # every 3.1 ms, from 0 on
    assert v[..., 1].item() == -math.inf


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("drive", [3e5, math.inf])
def test_too_many_spikes_for_a_count_raise(route, drive):
    current = constant(0.0, 5, 3)
    current[0, 0, 2, 0, 1] = drive
    parameters = PUBLISHED | {"refractory_mean": 0.0, "noise": 0.0, "dt": 0.001}
    with dispatch.force(route), pytest.raises(OverflowError, match=r"more than 255 times in step 9 of 0\.001 s"):
        noisy_lif(current, rest(current), **parameters, step=7)


@pytest.mark.parametrize("route", ROUTES)
def test_255_spikes_are_counted(route):
    current = constant(255.5, 1)
    parameters = PUBLISHED | {"refractory_mean": 0.0, "noise": 0.0, "g_leak": 0.0}
    with dispatch.force(route):
        counts, (v, _) = noisy_lif(current, rest(current), **parameters, dt=1.0)
    assert counts.item() == 255
    assert v.item() == pytest.approx(0.5)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("v", [1.0, 2.5])
def test_a_membrane_above_threshold_fires_at_once(route, v):
    current = constant(0.0, 2)
    start = (torch.full((1, 1, 1, 1), v, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64))
    with dispatch.force(route):
        counts, _ = noisy_lif(current, start, **(PUBLISHED | {"noise": 0.0}), dt=0.02)
    assert counts.flatten().tolist() == [1, 0]


@pytest.mark.parametrize("surrogate", ["superspike", None])
def test_the_given_state_is_not_touched(surrogate):
    current = lively().requires_grad_()
    state = rest(current.detach())
    noisy_lif(current, state, **LIVELY, surrogate=surrogate)
    assert not any(part.any() for part in state)


@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_the_order_in_memory_does_not_matter(route):
    current = lively(dtype=torch.float32)
    state = (current[:, :, 0] / 1000, torch.zeros(2, 2, 3, 5))
    cells = cells_of((2, 2, 3, 5))
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (current, *state, cells)]
    with dispatch.force(route):
        counts, end = noisy_lif(current, state, **LIVELY)
        other, new = noisy_lif(turned[0], (turned[1], turned[2]), **LIVELY, cells=turned[3])
    assert torch.equal(counts, other)
    assert all(torch.equal(one, two) for one, two in zip(end, new, strict=True))


def test_no_sample_and_no_cell_are_fine():
    current = lively((1, 1, 0, 2, 2))
    counts, state = noisy_lif(current, rest(lively((1, 1, 1, 2, 2))), **LIVELY)
    assert counts.shape == (1, 1, 0, 2, 2)
    assert not any(part.any() for part in state)
    assert noisy_lif(lively((1, 1, 3, 0, 2)), rest(lively((1, 1, 1, 0, 2))), **LIVELY)[0].shape == (1, 1, 3, 0, 2)


def test_random_potentials_are_uniform():
    v = random_potential(torch.arange(20_000).view(1, 1, 100, 200), key=KEY)
    assert stats.kstest(v.flatten().numpy(), "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": 0.0}, "dt: wanted a finite number above 0"),
        ({"g_leak": -1.0}, "g_leak: wanted a finite number of 0 or more"),
        ({"noise": math.nan}, "noise: wanted a finite number"),
        ({"refractory_sd": -0.1}, "refractory_sd: wanted a finite number of 0 or more"),
        ({"step": -1}, "step: wanted an integer from 0"),
        ({"repeat": 2**32}, "repeat: wanted an integer from 0"),
        ({"cells": torch.arange(4)}, "cells: wanted int64 of shape"),
        ({"cells": torch.full((1, 1, 1, 2), 2**34)}, "cells: wanted indices from 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    current = constant(1.0, 2, 2)
    with pytest.raises(ValueError, match=message):
        noisy_lif(current, rest(current), **(LIVELY | change))


def test_a_step_too_long_to_be_followed_is_refused():
    start = torch.zeros(1, 1, 1, 1)
    options = {"refractory_mean": 0.003, "refractory_sd": 0.0, "dt": 0.001, "key": (0, 0)}
    current = torch.full((1, 1, 1, 1, 1), 37.0)
    with pytest.raises(ValueError, match=r"dt: wanted at most 0\.000256 s for a noisy cell with a leak of 1e\+06 Hz"):
        noisy_lif(current, (start, start), g_leak=1e6, noise=0.1, **options)
    noisy_lif(current, (start, start), g_leak=1e6, noise=0.0, **options)


def test_a_state_or_current_of_another_kind_is_refused():
    current = constant(1.0, 2, 2)
    with pytest.raises(ValueError, match=r"state \(refractory\): wanted torch.float64"):
        noisy_lif(current, (rest(current)[0], torch.zeros(1, 1, 1, 2)), **LIVELY)
    with pytest.raises(ValueError, match="current: wanted a floating point tensor"):
        noisy_lif(current[0], rest(current), **LIVELY)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("step", [0, 2**40])
def test_spike_times_belong_to_the_counts(route, step):
    current = lively()
    with dispatch.force(route):
        expected, state = noisy_lif(current, rest(current), **LIVELY, step=step)
        counts, end, events = noisy_lif_times(current, rest(current), **LIVELY, step=step)
    assert torch.equal(counts, expected)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))
    counted = torch.zeros_like(counts).movedim(2, 0).flatten(1)
    counted.index_put_((events.step - step, events.cell), torch.tensor(1, dtype=torch.uint8), accumulate=True)
    assert torch.equal(counted, counts.movedim(2, 0).flatten(1))
    assert ((events.offset >= 0) & (events.offset <= 0.004)).all()


@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_spike_times_are_those_of_the_reference(route):
    current = lively()
    with dispatch.force("reference"):
        *_, expected = noisy_lif_times(current, rest(current), **LIVELY)
    with dispatch.force(route):
        *_, events = noisy_lif_times(current, rest(current), **LIVELY)
    assert torch.equal(events.cell, expected.cell)
    assert torch.equal(events.step, expected.step)
    torch.testing.assert_close(events.offset, expected.offset, rtol=0, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_without_noise_spike_times_are_the_closed_form(route, agreement):
    current = constant(80.0, 30)
    with dispatch.force(route):
        *_, events = noisy_lif_times(current, rest(current), **(PUBLISHED | {"noise": 0.0}), dt=0.007)
    times = events.step.double() * 0.007 + events.offset
    period = math.log(1.6 / 0.6) / 50 + 0.003
    expected = (torch.arange(len(times), dtype=torch.float64) + 1) * period - 0.003
    assert len(times) == math.floor((30 * 0.007 + 0.003) / period)
    error = float((times - expected).abs().max())
    agreement("integrate-and-fire: spike times", "closed form", "max, s", error, within=1e-12)


def test_a_long_log_of_spikes_grows():
    current = constant(5000.0, 10, 400)
    parameters = PUBLISHED | {"refractory_mean": 0.0, "noise": 0.0, "g_leak": 0.0}
    counts, _, events = noisy_lif_times(current, rest(current), **parameters, dt=0.01)
    assert len(events.offset) == counts.long().sum() > 190_000
    assert (events.cell[:40] == 0).all()


@pytest.mark.parametrize("route", ROUTES)
def test_silence_has_no_events(route):
    current = constant(0.0, 3, 2)
    with dispatch.force(route):
        *_, events = noisy_lif_times(current, rest(current), **(PUBLISHED | {"noise": 0.0}), dt=0.01)
    assert [len(column) for column in events] == [0, 0, 0]
    assert [column.dtype for column in events] == [torch.int64, torch.int64, torch.float64]
