"""Gradients through spikes, from the layers down: what they are called, and where they arrive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.models.retina import GanglionConfig
from convis_xr.models.retina.ganglion import Ganglion

CELLS: list[Callable[..., cx.Layer]] = [
    cx.spiking.LIF,
    cx.spiking.RefractoryLIF,
    cx.spiking.NoisyLIF,
    cx.spiking.Poisson,
    lambda **named: cx.spiking.Poisson("bernoulli", **named),
]


def knowing(layer: cx.Layer, units: str = "Hz") -> cx.Layer:
    """A layer that knows time step and pixel."""
    layer(cx.as_stimulus(np.zeros((1, 3, 4)), dt="1 ms", pixel_size="0.1 deg", units=units))
    layer.clear_state()
    return layer


@pytest.mark.parametrize("make", CELLS)
def test_counts_are_floats_of_the_same_numbers_where_autograd_follows(make: Callable[..., cx.Layer]) -> None:
    current = 80 + 40 * torch.randn(1, 1, 100, 3, 4, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    layer = knowing(make())
    with torch.no_grad():
        plain = layer(current)
    layer.clear_state()
    gain = torch.tensor(1.0, requires_grad=True)
    counts = layer(gain * current)
    assert plain.dtype == torch.uint8
    assert plain.any()
    assert counts.dtype == torch.float32
    assert torch.equal(counts, plain.float())
    counts.sum().backward()
    assert gain.grad is not None
    assert gain.grad > 0


@pytest.mark.parametrize("make", CELLS)
def test_none_gives_none(make: Callable[..., cx.Layer]) -> None:
    counts = knowing(make(surrogate=None))(torch.full((1, 1, 50, 3, 4), 90.0, requires_grad=True))
    assert counts.dtype == torch.uint8
    assert not counts.requires_grad


@pytest.mark.parametrize("make", CELLS)
def test_another_name_is_refused(make: Callable[..., cx.Layer]) -> None:
    with pytest.raises(cx.ParameterError, match="surrogate: wanted"):
        make(surrogate="boxcar")


@pytest.mark.parametrize("pooling", ["0 deg", "0.1 deg"])
def test_gradients_reach_the_parameters_of_ganglion_cells(pooling: str) -> None:
    """In one pass over memory or stage by stage: more slope, more spikes."""
    layer = knowing(Ganglion(GanglionConfig("on", pooling_sigma=pooling)), "1")
    x = 0.5 * torch.randn(1, 1, 300, 3, 4, generator=torch.Generator().manual_seed(2)).cumsum(2)
    with torch.no_grad():
        plain = layer(x)
    layer.clear_state()
    counts = layer(x)
    assert torch.equal(counts, plain.float())
    counts.sum().backward()
    gradients = {name: value.grad for name, value in layer.named_parameters() if value.grad is not None}
    assert gradients["slope"] > 0
    assert gradients["baseline"] > 0
    assert gradients["threshold"] < 0


def test_gradients_reach_the_gain_control_of_a_retina() -> None:
    """Through spikes, by all that comes before them: where the input is amplified more, cells fire more."""
    retina = cx.models.Retina("cat_x")
    film = np.random.default_rng(0).random((60, 6, 7))
    stimulus = cx.as_stimulus(film, dt="1 ms", pixel_size="0.5 deg", units="1", valid_range=(0, 1))
    retina(stimulus)
    retina.clear_state()
    sum(value.sum() for value in retina(stimulus.convis.to_tensor(dtype=torch.float32)).values()).backward()
    gradients = {name: value.grad for name, value in retina.named_parameters() if value.grad is not None}
    assert gradients["bipolar.input_amplification"].isfinite()
    assert gradients["bipolar.input_amplification"] != 0
    assert gradients["bipolar.adaptation_gain"] != 0
