"""Noise that is a current held for a step: against a plain loop, its statistics, exact times, cuts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from convis_xr.kernels import philox
from convis_xr.kernels.held_noise import held_noise_lif, held_noise_lif_times
from convis_xr.kernels.lif.membrane import NOISE
from convis_xr.kernels.virtualretina import late
from convis_xr.kernels.virtualretina.whole import spike_times

CELL = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.0, "dt": 0.001, "key": (3, 4)}


def start(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    zeros = torch.zeros(shape[0], shape[1], *shape[3:], dtype=torch.float64)
    return zeros, zeros


def test_without_noise_times_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(2)
    current = torch.from_numpy(np.repeat(rng.random((1, 1, 40, 1, 8)) * 400, 5, axis=2))
    drive, _ = late(current, torch.zeros_like(current[:, :, 0]))
    _, _, events = held_noise_lif_times(drive, start(current.shape), **(CELL | {"noise": 0.0}))
    times = events.step.double() * CELL["dt"] + events.offset
    for cell in range(8):
        wanted = spike_times(current[0, 0, :, 0, cell].numpy(), 0.001, 50.0, 0.003)
        np.testing.assert_allclose(np.sort(times[events.cell == cell].numpy()), wanted, rtol=0, atol=1e-12)
        assert len(wanted) > 5


def test_with_noise_they_are_those_of_the_noisy_current() -> None:
    current = torch.full((1, 1, 300, 1, 6), 60.0, dtype=torch.float64)
    draws = [
        philox.normal(torch.arange(6), key=(3, 4), step=7 + k, stream=NOISE, dtype=torch.float64) for k in range(300)
    ]
    noisy = 60.0 + 0.1 * math.sqrt(2 * 50.0 / 0.001) * torch.stack(draws)
    counts, _, events = held_noise_lif_times(current, start(current.shape), **CELL, step=7)
    assert int(counts.sum()) == len(events.step)
    times = (events.step - 7).double() * 0.001 + events.offset
    for cell in range(6):
        shifted = np.append(noisy[1:, cell].numpy(), 0)
        # the definition drives step 0 by 0: begin one step early
        wanted = np.array(spike_times(np.append(noisy[0, cell], shifted), 0.001, 50.0, 0.003)) - 0.001
        wanted = wanted[wanted < 0.3]
        np.testing.assert_allclose(np.sort(times[events.cell == cell].numpy()), wanted, rtol=0, atol=1e-9)
        assert len(wanted) > 1


def test_the_membrane_s_deviation_is_the_noise() -> None:
    """For steps that are short beside 1/g_leak; no cell comes near the threshold."""
    current = torch.zeros(1, 1, 2000, 1, 400, dtype=torch.float64)
    cell = CELL | {"dt": 0.0001, "noise": 0.05}
    counts, (v, _) = held_noise_lif(current, start(current.shape), **cell)
    assert int(counts.sum()) == 0
    assert float(v.std()) == pytest.approx(0.05, rel=0.1)


def test_any_cut_gives_the_same_spikes() -> None:
    current = torch.full((2, 1, 60, 2, 5), 80.0, dtype=torch.float64)
    whole, end = held_noise_lif(current, start(current.shape), **CELL)
    state, parts, done = start(current.shape), [], 0
    for part in current.split([1, 20, 39], 2):
        counts, state = held_noise_lif(part, state, **CELL, step=done)
        parts.append(counts)
        done += part.shape[2]
    assert torch.equal(torch.cat(parts, 2), whole)
    assert all(torch.equal(one, other) for one, other in zip(state, end, strict=True))
    assert torch.equal(whole[0], whole[1])
    other, _ = held_noise_lif(current, start(current.shape), **CELL, repeat=1)
    assert not torch.equal(other, whole)


@pytest.mark.parametrize("bad", [-0.1, float("nan")])
def test_bad_noise_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="noise: wanted a finite number of 0 or more"):
        held_noise_lif(torch.zeros(1, 1, 3, 1, 1), start((1, 1, 3, 1, 1)), **(CELL | {"noise": bad}))


def test_a_bad_current_is_refused_by_the_cell() -> None:
    with pytest.raises(ValueError, match="current: wanted a floating point tensor"):
        held_noise_lif(torch.zeros(3), start((1, 1, 3, 1, 1)), **CELL)
