"""The integrate-and-fire cell's Triton kernel: the spikes of the definition.

Counts are compared as integers. In float64 a card's exponential differs from the processor's by a last digit, which
flips a spike with a probability of some 1e-15 per draw; none of these examples is that close. In float32 a membrane's
rounding (1e-7) may flip one with a probability of about 1e-6 per spike against the definition, which is in float64;
against the compiled loops nothing may flip, as both round alike and follow spikes in float64: so there the state is
compared to the bit.
"""

from __future__ import annotations

import math

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.lif import cells_of, noisy_lif, noisy_lif_times
from convis_xr.kernels.philox import key_of
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton

LIVELY = {
    "g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.0004, "refractory_sd": 0.0004, "dt": 0.00125,
    "key": key_of(3, "ganglion.spikes"),
}  # fmt: skip
PERFECT = LIVELY | {"noise": 0.0, "g_leak": 0.0, "refractory_mean": 0.0, "refractory_sd": 0.0}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def example(shape=(1, 2, 2, 1, 20), dtype=torch.float32, scale=2000.0):
    source = torch.Generator().manual_seed(1)
    current = torch.rand(shape, dtype=torch.float64, generator=source) * scale
    v, left = torch.rand(2, *shape[:2], *shape[3:], dtype=torch.float64, generator=source)
    left = (0.004 * (left - 0.5)).clamp(min=0)
    return current.to(DEVICE, dtype), (v.to(DEVICE, dtype), left.to(DEVICE, dtype))


def on(route, current, state, **parameters):
    """What a route gives, on the processor."""
    if route == "compiled":
        current, state = current.cpu(), tuple(part.cpu() for part in state)
    with force(route):
        counts, end = noisy_lif(current, state, **parameters)
    return counts.cpu(), *(part.cpu() for part in end)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"noise": 0.0},
        {"g_leak": 0.0},
        {"refractory_mean": 0.0, "refractory_sd": 0.0},
        {"refractory_mean": -0.001},
        {"step": 2**32 - 2, "repeat": 2**32 - 1, "key": (2**31, 1)},
    ],
    ids=str,
)
@DTYPES
def test_it_fires_as_the_definition_says(dtype, change):
    current, state = example(dtype=dtype)
    counts, *end = on("triton", current, state, **(LIVELY | change))
    wanted, *wanted_end = on("reference", current, state, **(LIVELY | change))
    bits, *bits_end = on("compiled", current, state, **(LIVELY | change))
    assert counts.dtype == torch.uint8
    assert counts.max() > 1
    assert (counts == 0).any()
    assert torch.equal(counts, wanted)
    assert torch.equal(counts, bits)
    for one, other, same in zip(end, wanted_end, bits_end, strict=True):
        assert_near(one, other)
        assert dtype == torch.float64 or torch.equal(one, same)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (1, 1, 1, 1, 31), (1, 1, 1, 4, 8), (2, 2, 1, 3, 11)], ids=str)
def test_any_number_of_cells_will_do(shape):
    current, state = example(shape)
    for one, other in zip(
        on("triton", current, state, **LIVELY), on("compiled", current, state, **LIVELY), strict=True
    ):
        assert torch.equal(one, other)


@DTYPES
def test_any_cut_of_time_gives_the_same_bits(dtype):
    current, state = example((1, 1, 6, 1, 20), dtype)
    whole, *end = on("triton", current, state, **LIVELY, step=7)
    parts, step = [], 7
    for part in current.split([1, 3, 2], 2):
        counts, *state = on("triton", part, tuple(part.to(DEVICE) for part in state), **LIVELY, step=step)
        parts.append(counts)
        step += part.shape[2]
    assert torch.equal(torch.cat(parts, 2), whole)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))


def test_a_batch_fires_as_its_entries_do_alone():
    current, state = example((2, 1, 3, 1, 20))
    together, *_ = on("triton", current, state, **LIVELY)
    alone = [on("triton", current[i : i + 1], tuple(p[i : i + 1] for p in state), **LIVELY)[0] for i in range(2)]
    assert torch.equal(together, torch.cat(alone))


def test_scattered_cells_fire_as_they_do_in_the_whole_in_any_order_of_memory():
    current, state = example((1, 1, 3, 10, 30))
    whole, *_ = on("compiled", current, state, **LIVELY)
    part = (..., slice(1, None, 4), slice(2, None, 7))
    cells = cells_of((1, 1, 10, 30), DEVICE)[part]
    counts, *_ = on("triton", current[part], tuple(p[part] for p in state), **LIVELY, cells=cells)
    assert torch.equal(counts, whole[part])


def test_far_cells_have_draws_of_their_own():
    current, state = example()
    for first in (2**32 - 10, 2**34 - 40):
        cells = cells_of((1, 2, 1, 20), DEVICE) + first
        counts, *_ = on("triton", current, state, **LIVELY, cells=cells)
        assert torch.equal(counts, on("compiled", current, state, **LIVELY, cells=cells.cpu())[0])


def test_a_long_step_is_followed_in_several():
    current, state = example((1, 1, 2, 1, 5))
    assert torch.equal(
        on("triton", current, state, **(LIVELY | {"dt": 0.003}))[0],
        on("compiled", current, state, **(LIVELY | {"dt": 0.003}))[0],
    )


def test_what_is_not_finite_is_as_in_the_definition():
    current, state = example((1, 1, 4, 1, 5))
    current[..., 1, 0, 0], current[..., 1], current[..., 2] = math.nan, math.inf, -math.inf
    state = tuple(torch.zeros_like(part) for part in state)
    counts, v, left = on("triton", current, state, **(LIVELY | {"dt": 0.003, "noise": 0.0}))
    wanted, v_wanted, left_wanted = on("reference", current, state, **(LIVELY | {"dt": 0.003, "noise": 0.0}))
    assert torch.equal(counts, wanted)
    torch.testing.assert_close(v, v_wanted, equal_nan=True, rtol=2e-5, atol=2e-6)
    assert_near(left, left_wanted)


def test_255_spikes_are_counted_and_256_raise(monkeypatch):
    from convis_xr.kernels.lif import triton_loops

    kept, whole = [], triton_loops.run
    monkeypatch.setattr(triton_loops, "run", lambda *arguments: kept.append(whole(*arguments)) or kept[0])
    current, state = example((1, 2, 2, 1, 2))
    state = tuple(torch.zeros_like(part) for part in state)
    current.fill_(0)
    current[0, 0, 0, 0, 1], current[0, 1, 0, 0, 0] = 255.5, 256.5
    message = r"\(0, 1, 0, 0\) fires more than 255 times in step 7 of 1\.0 s, driven by 256\.5 Hz"
    with force("triton"), pytest.raises(OverflowError, match=message):
        noisy_lif(current, state, **(PERFECT | {"dt": 1.0}), step=7)
    _, counts, (v, _) = kept[0]
    assert counts[0, 0, 0, 0, 1] == 255
    assert v[0, 0, 0, 1] == pytest.approx(0.5)


def test_no_sample_and_no_cell_are_fine():
    current, state = example((1, 1, 1, 2, 2))
    counts, *end = on("triton", current[:, :, :0], state, **LIVELY)
    assert counts.shape == (1, 1, 0, 2, 2)
    assert all(torch.equal(one, other.cpu()) for one, other in zip(end, state, strict=True))
    current, state = example((1, 1, 3, 0, 2))
    assert on("triton", current, state, **LIVELY)[0].shape == (1, 1, 3, 0, 2)


def test_the_given_state_is_not_touched():
    current, state = example()
    before = [part.clone() for part in state]
    on("triton", current, state, **LIVELY)
    assert all(torch.equal(one, other) for one, other in zip(state, before, strict=True))


def test_times_of_spikes_are_not_to_be_had():
    current, state = example()
    with force("triton"), pytest.raises(RuntimeError, match="noisy_lif: the route 'triton' is forced but cannot serve"):
        noisy_lif_times(current, state, **LIVELY)
