"""The ganglion cells' Triton kernel: to the bit what its three parts give."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import partial_high_pass
from tests.kernels.card import DEVICE, needs_triton
from tests.kernels.tolerance import assert_near

pytestmark = needs_triton

PARAMETERS = {
    "sign": -1, "transient_tau": 0.02, "transient_weight": 0.7, "threshold": 0.1, "baseline": 37.0, "slope": 900.0,
    "g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.0004, "refractory_sd": 0.0004, "dt": 0.00125, "key": (5, 2**31),
}  # fmt: skip
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def example(shape=(1, 2, 3, 1, 20), dtype=torch.float32):
    source = torch.Generator().manual_seed(2)
    x, start = torch.randn(shape, generator=source), torch.rand(3, *shape[:2], *shape[3:], generator=source)
    start[2] = (0.004 * (start[2] - 0.5)).clamp(min=0)
    return x.to(DEVICE, dtype), tuple(start.to(DEVICE, dtype))


def assert_same(got, wanted):
    (counts, end), (wanted_counts, wanted_end) = got, wanted
    assert torch.equal(counts.cpu(), wanted_counts.cpu())
    assert all(torch.equal(one.cpu(), other.cpu()) for one, other in zip(end, wanted_end, strict=True))


@pytest.mark.parametrize(
    ("dtype", "change"),
    [
        (torch.float32, {}),
        (torch.float64, {}),
        (torch.float32, {"transient_tau": 0.0}),
        (torch.float64, {"baseline": 0.0, "noise": 0.0}),
    ],
    ids=str,
)
def test_it_has_the_bits_of_its_parts(dtype, change):
    x, state = example(dtype=dtype)
    p = PARAMETERS | change
    spikes = {name: p[name] for name in ("g_leak", "noise", "refractory_mean", "refractory_sd", "dt", "key")}
    with force("triton"):
        got = ganglion_spikes(x, state, **p)
        high, low = partial_high_pass(x, state[0], p["transient_tau"], p["transient_weight"], p["dt"])
        current = ganglion_nonlinearity(p["sign"] * high, p["threshold"], p["baseline"], p["slope"])
        counts, end = noisy_lif(current, state[1:], **spikes)
    assert counts.any()
    assert_same(got, (counts, (low, *end)))


@DTYPES
def test_it_fires_as_the_definition_says(dtype):
    x, state = example(dtype=dtype)
    with force("triton"):
        counts, end = ganglion_spikes(x, state, **PARAMETERS)
    with force("reference"):
        wanted, wanted_end = ganglion_spikes(x, state, **PARAMETERS)
    assert counts.max() > 1
    assert torch.equal(counts, wanted)  # of float32, see tests/kernels/lif/test_triton.py
    for one, other in zip(end, wanted_end, strict=True):
        assert_near(one, other)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1, 1), (2, 1, 1, 3, 11), (1, 1, 0, 2, 2), (1, 1, 2, 0, 2), (0, 1, 1, 1, 1)], ids=str
)
def test_in_float32_it_has_the_bits_of_the_compiled_loops(shape):
    x, state = example(shape)
    with force("triton"):
        got = ganglion_spikes(x, state, **PARAMETERS)
    with force("compiled"):
        assert_same(got, ganglion_spikes(x.cpu(), tuple(part.cpu() for part in state), **PARAMETERS))


def test_any_cut_of_time_and_order_in_memory_gives_the_same_bits():
    x, state = example((1, 1, 4, 4, 5))
    with force("triton"):
        whole = ganglion_spikes(x, state, **PARAMETERS)
        turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (x, *state)]
        first, middle = ganglion_spikes(turned[0][:, :, :1], tuple(turned[1:]), **PARAMETERS)
        rest, end = ganglion_spikes(x[:, :, 1:], middle, **PARAMETERS, step=1)
    assert_same((torch.cat([first, rest], 2), end), whole)


def test_too_many_spikes_raise_and_tell_the_current():
    x, state = example((1, 2, 2, 1, 2))
    x[0, 1, 1, 0, 1] = -1e4
    change = {"noise": 0.0, "g_leak": 0.0, "refractory_mean": 0.0, "refractory_sd": 0.0}
    with force("compiled"), pytest.raises(OverflowError) as wanted:
        ganglion_spikes(x.cpu(), tuple(part.cpu() for part in state), **(PARAMETERS | change), step=5)
    with force("triton"), pytest.raises(OverflowError) as got:
        ganglion_spikes(x, state, **(PARAMETERS | change), step=5)
    assert "(0, 1, 0, 1) fires more than 255 times in step 6" in str(got.value)
    assert str(got.value) == str(wanted.value)
