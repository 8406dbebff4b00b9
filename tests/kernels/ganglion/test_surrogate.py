"""Ganglion cells under a gradient: the same spikes, and the gradients of the three operations one after the other."""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import partial_high_pass

SPIKES = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.001, "key": (5, 6), "dt": 0.001}
SHAPE = {"transient_tau": 0.02, "transient_weight": 0.7, "threshold": 0.1, "baseline": 37.0, "slope": 300.0}


def given(dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn((2, 1, 60, 3, 7), dtype=torch.float64, generator=generator).to(dtype)
    state = [part.to(dtype) for part in (x[:, :, 0] / 2, x[:, :, 1].abs().clamp(max=0.9), torch.zeros(2, 1, 3, 7))]
    shape = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in SHAPE.items()}
    return x.requires_grad_(), [*(part.requires_grad_() for part in state[:2]), state[2]], shape


@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_are_those_of_the_three_operations(sign):
    x, state, shape = given()
    leaves = (x, *state[:2], *shape.values())
    weight = torch.randn_like(x)
    counts, _ = ganglion_spikes(x, tuple(state), sign=sign, **shape, **SPIKES)
    actual = torch.autograd.grad((counts * weight).sum(), leaves)
    high, _ = partial_high_pass(x, state[0], shape["transient_tau"], shape["transient_weight"], SPIKES["dt"])
    current = ganglion_nonlinearity(sign * high, *(shape[name] for name in ("threshold", "baseline", "slope")))
    expected, _ = noisy_lif(current, (state[1], state[2]), **SPIKES)
    wanted = torch.autograd.grad((expected * weight).sum(), leaves)
    assert counts.sum() > 20
    assert torch.equal(counts, expected)
    for one, other in zip(actual, wanted, strict=True):
        assert other.any()
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spikes_are_the_same_with_and_without_a_gradient(dtype):
    x, state, shape = given(dtype)
    followed, new = ganglion_spikes(x, tuple(state), sign=1, **shape, **SPIKES)
    with torch.no_grad():
        plain, end = ganglion_spikes(x, tuple(state), sign=1, **shape, **SPIKES)
    assert plain.dtype == torch.uint8
    assert followed.dtype == dtype
    assert torch.equal(followed, plain.to(dtype))
    assert torch.equal(new[2], end[2])


@pytest.mark.parametrize("name", SHAPE)
def test_a_parameter_alone_gets_its_gradient(name):
    x, state, shape = given()
    parts = tuple(part.detach() for part in state)
    shape = {one: value.requires_grad_(one == name) for one, value in shape.items()}
    counts, _ = ganglion_spikes(x.detach(), parts, sign=1, **shape, **SPIKES)
    [grad] = torch.autograd.grad(counts.sum(), [shape[name]])
    assert grad.isfinite()
    assert grad != 0


def test_a_fit_recovers_the_slope_from_counts():
    generator = torch.Generator().manual_seed(7)
    x = torch.randn((1, 1, 200, 10, 10), generator=generator).cumsum(2) / 10
    start = torch.zeros(1, 1, 10, 10)
    fixed = SHAPE | {"slope": 150.0}

    def rates(slope, key):
        parameters = fixed | {"slope": slope}
        counts, _ = ganglion_spikes(x, (start, start, start), sign=1, **parameters, **(SPIKES | {"key": key}))
        return counts.float().mean((0, 1, 2)).flatten().view(10, 10).mean(1)

    target = torch.stack([rates(150.0, (9, k)) for k in range(8)]).mean(0)
    slope = torch.tensor(60.0, requires_grad=True)
    optimizer = torch.optim.Adam([slope], lr=8.0)
    for k in range(50):
        optimizer.param_groups[0]["lr"] = 8.0 * 0.94**k
        optimizer.zero_grad()
        loss = ((rates(slope, (1, k)) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert abs(float(slope.detach()) - 150) < 15
