"""One operation gives, to the bit, what its three parts give one after the other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.kernels import dispatch
from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import partial_high_pass

TRANSIENT = {"transient_tau": 0.02, "transient_weight": 0.7}
STATIC = {"threshold": 0.1, "baseline": 37.0, "slope": 300.0}
SPIKES = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.001, "key": (5, 6), "dt": 0.004}
ROUTES = ["reference", "torch", "compiled"]


def movie(shape=(2, 2, 9, 3, 100), dtype=torch.float32):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(2))


def start(x):
    return (x[:, :, 0] / 2, torch.zeros_like(x[:, :, 0]), torch.zeros_like(x[:, :, 0]))


def one_by_one(x, state, sign, transient, static, spikes):
    high, low = partial_high_pass(x, state[0], transient["transient_tau"], transient["transient_weight"], spikes["dt"])
    counts, end = noisy_lif(ganglion_nonlinearity(sign * high, **static), state[1:], **spikes)
    return counts, (low, *end)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "change", [{}, {"transient_tau": 0.0}, {"transient_weight": 0.0}, {"baseline": 0.0}, {"noise": 0.0}]
)
def test_it_has_the_bits_of_its_parts(dtype, sign, change):
    x = movie(dtype=dtype)
    groups = [group | {k: v for k, v in change.items() if k in group} for group in (TRANSIENT, STATIC, SPIKES)]
    with dispatch.force("compiled"):
        expected, end = one_by_one(x, start(x), sign, *groups)
        counts, state = ganglion_spikes(x, start(x), sign=sign, **groups[0], **groups[1], **groups[2])
    assert counts.any()
    assert torch.equal(counts, expected)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_serves(route):
    x = movie((1, 2, 5, 2, 3), torch.float64)
    parameters = {"sign": 1, **TRANSIENT, **STATIC, **SPIKES}
    with dispatch.force("reference"):
        expected, end = ganglion_spikes(x, start(x), **parameters)
    with dispatch.force(route):
        counts, state = ganglion_spikes(x, start(x), **parameters)
    assert torch.equal(counts, expected)
    for one, other in zip(state, end, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@given(cuts=st.sets(st.integers(1, 8)))
def test_any_cut_of_time_gives_the_same_bits(cuts):
    x = movie()
    parameters = {"sign": -1, **TRANSIENT, **STATIC, **SPIKES}
    whole, end = ganglion_spikes(x, start(x), **parameters)
    state, parts = start(x), []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        part, state = ganglion_spikes(x[:, :, first:last], state, **parameters, step=first)
        parts.append(part)
    assert torch.equal(torch.cat(parts, 2), whole)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))


def test_cells_out_of_a_larger_frame_fire_as_they_do_there():
    x = movie((1, 1, 6, 20, 30))
    parameters = {"sign": 1, **TRANSIENT, **STATIC, **SPIKES}
    whole, _ = ganglion_spikes(x, start(x), **parameters)
    piece, cells = x[..., 3:9, 5:25], torch.arange(600).view(1, 1, 20, 30)[..., 3:9, 5:25]
    counts, _ = ganglion_spikes(piece, start(piece), **parameters, cells=cells)
    assert torch.equal(counts, whole[..., 3:9, 5:25])


@pytest.mark.parametrize("surrogate", ["superspike", None])
def test_neither_input_nor_state_is_written_to(surrogate):
    x = movie().requires_grad_()
    state = start(x.detach())
    before = [part.clone() for part in state]
    counts, new = ganglion_spikes(x, state, sign=1, **TRANSIENT, **STATIC, **SPIKES, surrogate=surrogate)
    assert all(torch.equal(one, other) for one, other in zip(state, before, strict=True))
    followed = [part.requires_grad for part in (counts, *new)]
    assert followed == ([True, True, True, False] if surrogate else [False] * 4)


def test_the_order_in_memory_does_not_matter():
    x = movie()
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (x, *start(x))]
    parameters = {"sign": 1, **TRANSIENT, **STATIC, **SPIKES}
    counts, end = ganglion_spikes(x, start(x), **parameters)
    other, new = ganglion_spikes(turned[0], tuple(turned[1:]), **parameters)
    assert torch.equal(counts, other)
    assert all(torch.equal(one, two) for one, two in zip(end, new, strict=True))


def test_too_many_spikes_raise():
    x = movie() * 1e6
    with pytest.raises(OverflowError, match="fires more than 255 times"):
        ganglion_spikes(
            x, start(x), sign=1, **TRANSIENT, **STATIC, **(SPIKES | {"refractory_mean": 0.0, "refractory_sd": 0.0})
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transient_tau": -1.0}, "partial_high_pass: tau"),
        ({"slope": -1.0}, "ganglion_nonlinearity: slope"),
        ({"noise": -1.0}, "noisy_lif: noise"),
        ({"step": -1}, "step: wanted an integer"),
        ({"cells": torch.zeros(3, dtype=torch.int64)}, "noisy_lif: cells"),
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_what_does_not_fit_is_refused(route, change, message):
    x = movie((1, 1, 2, 2, 2))
    with dispatch.force(route), pytest.raises(ValueError, match=message):
        ganglion_spikes(x, start(x), **({"sign": 1, **TRANSIENT, **STATIC, **SPIKES} | change))
