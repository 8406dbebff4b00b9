"""Speed of noise, spikes, gain control and nonlinearity: 100x100 px, 1000 steps of 1 ms, float32, two threads.

No speed is reported of a kernel that does not agree with its reference first.
"""

from __future__ import annotations

import pytest
import torch

from convis_xr.kernels import dispatch
from convis_xr.kernels.gain_control import gain_control
from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity

SPIKES = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.001, "dt": 0.001, "key": (1, 2)}
TRANSIENT = {"sign": 1, "transient_tau": 0.03, "transient_weight": 0.7}
STATIC = {"threshold": 0.0, "baseline": 37.0, "slope": 100.0}
CAT = {"input_amplification": 150.0, "g_leak": 5.0, "tau": 0.01, "gain": 100.0, "dt": 0.001, "with_adaptation": False}


def zeros(x, n):
    return (torch.zeros_like(x[:, :, 0]),) * n


def adapt(x, sigma, **change):
    return gain_control(x, zeros(x, 2), sigma_px=(sigma, sigma), **(CAT | change))[0]


#: What is timed, and the mean and spread of its input.
OPERATIONS = {
    "spikes": (lambda x: noisy_lif(x, zeros(x, 2), **SPIKES)[0], 37.0, 10.0),
    "spikes without noise": (lambda x: noisy_lif(x, zeros(x, 2), **(SPIKES | {"noise": 0.0}))[0], 60.0, 10.0),
    "ganglion cells": (lambda x: ganglion_spikes(x, zeros(x, 3), **TRANSIENT, **STATIC, **SPIKES)[0], 0.0, 0.1),
    "nonlinearity": (lambda x: ganglion_nonlinearity(x, **STATIC), 0.0, 1.0),
    "gain control without gain": (lambda x: adapt(x, 2.0, gain=0.0), 0.0, 1.0),
    "gain control over 2 px": (lambda x: adapt(x, 2.0), 0.0, 1.0),
    "gain control over 5 px": (lambda x: adapt(x, 5.0), 0.0, 1.0),
    "gain control over 5 px, two movies": (lambda x: adapt(x.view(2, 1, -1, *x.shape[3:]), 5.0), 0.0, 1.0),
}


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_speed(benchmark, name):
    operation, mean, spread = OPERATIONS[name]
    generator = torch.Generator().manual_seed(0)
    small = mean + spread * torch.randn(1, 1, 20, 6, 7, generator=generator)
    with dispatch.force("reference"):
        expected = operation(small)
    torch.testing.assert_close(operation(small), expected, rtol=2e-5, atol=2e-6)
    x = mean + spread * torch.randn(1, 1, 1000, 100, 100, generator=generator)
    benchmark.pedantic(operation, (x,), rounds=5, warmup_rounds=1)
    benchmark.extra_info["Mpx/s"] = round(x.numel() / benchmark.stats.stats.min / 1e6)
