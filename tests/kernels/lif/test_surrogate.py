"""The surrogate gradient of spikes: it is that of the definition, followed by autograd, and changes no spike."""

from __future__ import annotations

import math

import pytest
import torch

from convis_xr.kernels import dispatch
from convis_xr.kernels.lif import noisy_lif, noisy_lif_times
from convis_xr.kernels.lif.membrane import Membrane
from convis_xr.kernels.lif.surrogate import BETA, back_in_torch
from convis_xr.kernels.lif.surrogate_loops import back
from tests.kernels.tolerance import assert_near

CELL = {"g_leak": 50.0, "noise": 0.0, "refractory_mean": 0.0033, "refractory_sd": 0.0, "dt": 0.001, "key": (1, 2)}
CHANGES = [
    {},
    {"g_leak": 0.0},
    {"refractory_mean": 0.0},
    {"refractory_mean": 0.0003},
    {"dt": 0.02},
    {"noise": 0.1, "refractory_sd": 0.002},
    {"noise": 0.1, "dt": 0.004},
]


class FastSigmoid(torch.autograd.Function):
    """1 where the membrane is at the threshold or above; backward the slope of SuperSpike."""

    @staticmethod
    def forward(ctx, u, count):
        ctx.save_for_backward(u)
        return count.clone()

    @staticmethod
    def backward(ctx, grad):
        [u] = ctx.saved_tensors
        return grad / (1 + BETA * (u - 1).abs()) ** 2, None


def defined(current, v, left, cell):
    """Follow the definition step by step with autograd: a noiseless membrane, whose counts and silences are given."""
    counts = []
    leak, dt = cell["g_leak"], cell["dt"]
    for k in range(current.shape[2]):
        with torch.no_grad():
            count, (end, rest) = noisy_lif(current[:, :, k : k + 1], (v, left), **cell, step=k)
            count = count[:, :, 0].to(current.dtype)
        span = (dt - left).clamp(0, dt)
        u = torch.where(left > 0, 0, v) * torch.exp(-leak * span)
        u = u + current[:, :, k] * (-torch.expm1(-leak * span) / leak if leak else span)
        spikes = FastSigmoid.apply(u, count)
        counts.append(torch.where(left >= dt, count, spikes))
        v, left = torch.where((count > 0) | (left >= dt), end, u), rest
    return torch.stack(counts, 2), v


def inputs(shape=(2, 2, 40, 3, 5), dtype=torch.float64):
    generator = torch.Generator().manual_seed(4)
    current = 70 + 40 * torch.randn(shape, dtype=torch.float64, generator=generator)
    frame = (*shape[:2], *shape[3:])
    v = torch.rand(frame, dtype=torch.float64, generator=generator)
    left = (0.006 * torch.rand(frame, dtype=torch.float64, generator=generator) - 0.003).clamp(min=0)
    return [part.to(dtype) for part in (current, v, left)]


@pytest.mark.parametrize("change", [c for c in CHANGES if "noise" not in c], ids=str)
@pytest.mark.parametrize("shape", [(2, 2, 40, 3, 5), (1, 1, 1, 1, 1), (1, 3, 7, 1, 13)], ids=str)
def test_gradients_are_those_of_the_definition(change, shape):
    current, v, left = inputs(shape)
    cell = CELL | change
    given = current.requires_grad_(), v.requires_grad_()
    weight, last = torch.randn_like(current), torch.randn_like(v)
    found = []
    wanted, end = defined(current, v, left, cell)
    found.append(torch.autograd.grad((wanted * weight).sum() + (end * last).sum(), given))
    counts, (end, _) = noisy_lif(current, (v, left), **cell)
    found.append(torch.autograd.grad((counts * weight).sum() + (end * last).sum(), given))
    assert torch.equal(counts, wanted)
    assert shape[2] < 40 or counts.sum() > 10
    for one, other in zip(*found, strict=True):
        assert_near(other, one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_compiled_way_back_is_that_of_torch(dtype):
    generator = torch.Generator().manual_seed(5)
    membrane = Membrane(50.0, 0.1, 0.003, 0.0, 0.001)
    shape = (2, 1, 17, 3, 7)
    by_counts, reached = torch.randn((2, *shape), dtype=dtype, generator=generator)
    counts = (torch.rand(shape, generator=generator) < 0.2).to(dtype)
    whole = -math.expm1(-0.05) / 50
    gains = whole * torch.randint(0, 3, shape, generator=generator).to(dtype) / 2
    by_v = torch.randn((2, 1, 3, 7), dtype=dtype, generator=generator)
    wanted = back_in_torch(by_counts, by_v, counts, reached, gains, membrane)
    actual = back(by_counts.mT.contiguous().mT, by_v, counts, reached, gains, membrane, BETA)
    for one, other in zip(actual, wanted, strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("route", ["compiled", "torch"])
def test_spikes_are_the_same_with_and_without_a_gradient(change, dtype, route):
    current, v, left = inputs(dtype=dtype)
    with dispatch.force(route):
        plain, state, events = noisy_lif_times(current, (v, left), **(CELL | change))
        counts, new, found = noisy_lif_times(current.clone().requires_grad_(), (v, left), **(CELL | change))
    assert plain.dtype == torch.uint8
    assert counts.dtype == dtype
    assert counts.requires_grad
    assert plain.sum() > 10
    assert torch.equal(counts, plain.to(dtype))
    for one, other in zip((*new, *found), (*state, *events), strict=True):
        assert torch.equal(one.detach(), other)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_route_has_the_same_gradient(change):
    """The compiled one notes membranes while it fires, the others step by step, by operations of torch."""
    current, v, left = inputs((2, 1, 20, 3, 50))
    given, weight = (current.requires_grad_(), v.requires_grad_()), torch.randn_like(current)
    found = []
    for route in ("compiled", "torch"):
        with dispatch.force(route):
            counts, _ = noisy_lif(current.mT.contiguous().mT, (v, left), **(CELL | change))
        found.append((counts, *torch.autograd.grad((counts * weight).sum(), given)))
    assert found[0][0].sum() > 10
    for one, other in zip(*found, strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_chunks_have_the_gradient_of_the_whole(change):
    current, v, left = inputs()
    given = current.requires_grad_(), v.requires_grad_()
    weight = torch.randn_like(current)
    whole, _ = noisy_lif(current, (v, left), **(CELL | change))
    wanted = torch.autograd.grad((whole * weight).sum(), given)
    parts, state = [], (v, left)
    for start, stop in ((0, 1), (1, 18), (18, 40)):
        counts, state = noisy_lif(current[:, :, start:stop], state, **(CELL | change), step=start)
        parts.append(counts)
    actual = torch.autograd.grad((torch.cat(parts, 2) * weight).sum(), given)
    for one, other in zip(actual, wanted, strict=True):
        assert torch.equal(one, other)


def test_noise_is_part_of_the_membrane_that_fires():
    """Of cells that fired: the way to the end of the step without a threshold, the same noise, another threshold."""
    current, v, left = inputs((1, 1, 1, 50, 50))
    cell = CELL | {"noise": 0.3, "refractory_mean": 0.02}
    left = 0 * left
    given = current.requires_grad_()
    counts, _ = noisy_lif(given, (v, left), **cell)
    [slope] = torch.autograd.grad(counts.sum(), [given])
    # a membrane, and so a noise, far below the threshold of the same cell shows where that one was
    _, (low, _) = noisy_lif(current.detach(), (v - 50, left), **cell)
    free = low + 50 * math.exp(-0.05)
    wanted = -math.expm1(-0.05) / 50 / (1 + BETA * (free - 1).abs()) ** 2
    fired = counts[:, :, 0] > 0
    assert 20 < int(fired.sum()) < 2480
    assert (fired & (free < 1)).any()  # those that crossed the threshold within the step
    assert_near(slope[:, :, 0], wanted)


def test_none_cuts_the_graph():
    current, v, left = inputs()
    counts, state = noisy_lif(current.requires_grad_(), (v.requires_grad_(), left), **CELL, surrogate=None)
    assert counts.dtype == torch.uint8
    assert not counts.requires_grad
    assert not any(part.requires_grad for part in state)


def test_another_name_is_refused():
    current, v, left = inputs()
    with pytest.raises(ValueError, match="surrogate: wanted 'superspike' or None, got 'sigmoid'"):
        noisy_lif(current, (v, left), **CELL, surrogate="sigmoid")


@pytest.mark.parametrize("change", [{}, {"noise": 0.1, "dt": 0.004}], ids=str)
def test_no_sample_hands_the_gradient_of_the_membrane_on(change):
    current, v, left = inputs()
    counts, (end, _) = noisy_lif(current[:, :, :0].requires_grad_(), (v.requires_grad_(), left), **(CELL | change))
    assert counts.shape == (2, 2, 0, 3, 5)
    [grad] = torch.autograd.grad(end.sum(), [v])
    assert torch.equal(grad, torch.ones_like(v))


def test_not_a_number_stays_in_its_cell():
    current, v, left = inputs(dtype=torch.float32)
    current[0, 1, 5, 1, 2] = math.nan
    left.zero_()
    counts, _ = noisy_lif(current.requires_grad_(), (v, left), **(CELL | {"refractory_mean": 0.0}))
    [grad] = torch.autograd.grad(counts.sum(), [current])
    found = grad.isnan().any(2)
    assert found[0, 1, 1, 2]
    assert int(found.sum()) == 1


def test_threads_do_not_change_a_bit():
    current, v, left = inputs(dtype=torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            counts, _ = noisy_lif(current.requires_grad_(), (v, left), **(CELL | {"noise": 0.1}))
            found.append(torch.autograd.grad(counts.sum(), [current])[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_fit_recovers_the_gain_of_a_current():
    """From counts alone, of cells that share one unknown gain, and whose noise is another."""
    generator = torch.Generator().manual_seed(6)
    shape = (1, 1, 100, 12, 12)
    drive = 1 + 0.5 * torch.randn(shape, generator=generator).cumsum(2) / 10
    start = torch.zeros(1, 1, 12, 12)
    cell = CELL | {"noise": 0.1}
    target, _ = noisy_lif(60 * drive, (start, start), **cell)
    target = target.float().mean((0, 1, 3, 4)).view(5, 20).sum(1)
    gain = torch.tensor(40.0, requires_grad=True)
    optimizer = torch.optim.Adam([gain], lr=2.0)
    for k in range(60):
        optimizer.param_groups[0]["lr"] = 2.0 * 0.95**k
        optimizer.zero_grad()
        counts, _ = noisy_lif(gain * drive, (start, start), **(cell | {"key": (3, k)}))
        loss = ((counts.mean((0, 1, 3, 4)).view(5, 20).sum(1) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert abs(float(gain.detach()) - 60) < 2
