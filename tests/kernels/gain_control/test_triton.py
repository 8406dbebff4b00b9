"""Contrast gain control in Triton: its three ways agree with the reference, and cuts change no bit."""

from __future__ import annotations

import math

import pytest
import torch

from convis_xr.kernels import dispatch
from convis_xr.kernels.gain_control import gain_control
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.gain_control.test_gain_control import CAT, CHANGES
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton

#: a frame that one program follows, one that is too large for that, and pixels that nothing couples
WAYS = {"movies": ((5, 9), {}), "steps": ((3, 131), {"sigma_px": (0.3, 0.4)}), "pixels": ((17, 19), {"gain": 0.0})}


def movie(shape=(1, 2, 4, 5, 9), dtype=torch.float32):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(1)).to(DEVICE)


def started(x):
    return x[:, :, 0].clone(), x[:, :, -1] ** 2 * 20


def follow(route, x, state, **changes):
    with dispatch.force(route):
        return gain_control(x, state, **(CAT | changes), dt=0.002)


def assert_agrees(x, **changes):
    v, a, end = follow("reference", x, started(x), **changes)
    actual, adaptation, new = follow("triton", x, started(x), **changes)
    for one, other in zip((actual, adaptation, *new), (v, a, *end), strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_it_agrees_with_the_reference(dtype, change):
    assert_agrees(movie(dtype=dtype), **change)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("change", [{"sigma_px": (0.5, 2.5)}, {"sigma_px": (0.0, 1.0), "tau": 0.0}], ids=str)
def test_frames_too_large_for_one_program_agree_with_the_reference(dtype, change):
    assert_agrees(movie((1, 2, 2, 3, 131), dtype), **change)


@pytest.mark.parametrize("gain", [0.0, 100.0])
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1, 1, 1), (1, 3, 2, 1, 40), (3, 1, 2, 33, 17), (1, 1, 2, 16, 64), (1, 1, 2, 97, 128), (1, 1, 2, 257, 1)],
)
def test_it_serves_every_size(shape, gain):
    assert_agrees(movie(shape), gain=gain)


def test_the_ways_agree_where_both_can_serve(monkeypatch):
    from convis_xr.kernels.gain_control import triton_loops

    x = movie()
    alone = follow("triton", x, started(x))
    monkeypatch.setattr(triton_loops, "ON_CHIP", {torch.float32: 0})
    for one, other in zip(follow("triton", x, started(x))[:2], alone[:2], strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("way", WAYS)
def test_any_cut_gives_the_same_bits(way):
    frame, change = WAYS[way]
    cuts = (1, 3)
    x = movie((2, 2, 4, *frame))
    whole, adaptation, end = follow("triton", x, started(x), **change)
    for batch, channel in ((0, 0), (1, 1)):
        one = (slice(batch, batch + 1), slice(channel, channel + 1))
        state, parts = tuple(part[one] for part in started(x)), []
        for start, stop in zip([0, *cuts], [*cuts, 4], strict=True):
            *part, state = follow("triton", x[one][:, :, start:stop], state, **change)
            parts.append(part)
        assert torch.equal(torch.cat([part[0] for part in parts], 2), whole[one])
        assert torch.equal(torch.cat([part[1] for part in parts], 2), adaptation[one])
        for new, last in zip(state, end, strict=True):
            assert torch.equal(new, last[one])


@pytest.mark.parametrize("way", WAYS)
def test_order_in_memory_and_what_is_wanted_do_not_matter(way):
    frame, change = WAYS[way]
    x = movie((2, 1, 2, *frame))
    state = started(x)
    v, a, end = follow("triton", x, state, **change)
    kept = [part.clone() for part in (x, *state)]
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (x, *state)]
    with dispatch.force("triton"):
        w, nothing, other = gain_control(
            turned[0], (turned[1], turned[2]), **(CAT | change), dt=0.002, with_adaptation=False
        )
    assert nothing is None
    assert torch.equal(w, v)
    assert torch.equal(a[:, :, -1], other[1])
    assert all(torch.equal(one, two) for one, two in zip(other, end, strict=True))
    assert all(torch.equal(one, two) for one, two in zip((x, *state), kept, strict=True))


def test_no_sample_leaves_the_state_alone():
    x = movie()
    v, a, end = follow("triton", x[:, :, :0], started(x))
    assert v.shape == a.shape == (1, 2, 0, 5, 9)
    assert all(torch.equal(one, two) for one, two in zip(started(x), end, strict=True))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_a_number_is_not_hidden_and_stays_in_its_movie(way, value):
    frame, change = WAYS[way]
    x = movie((2, 1, 4, *frame))
    x[0, 0, 1, 2, 2] = value
    state = tuple(torch.zeros_like(part) for part in started(x))
    v, _, _ = follow("triton", x, state, **change)
    assert not v[0, 0, 1:, 2, 2].isfinite().any()
    assert v[0, 0, 0].isfinite().all()
    assert v[1].isfinite().all()
