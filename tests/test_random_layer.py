"""Draws depend on seed, trial, path, step and cell, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.context import InputInfo, Window
from convis_xr.kernels.philox import uniform
from convis_xr.random_layer import RandomLayer


class Noise(RandomLayer):
    """Uniform noise of the shape of the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = [uniform(stream=0, dtype=x.dtype, **source) for source in self.sources(x)]
        self.count(x)
        return torch.stack(frames, 2)


def drawn(layer: Noise, shape: tuple[int, ...], **changes: object) -> np.ndarray:
    context = layer.new_context(InputInfo(), seed=3)
    for name, value in changes.items():
        setattr(context, name, value)
    return layer.advance(context, torch.zeros(shape))["response"].numpy()


def test_a_part_of_the_frame_draws_what_the_whole_frame_draws_there() -> None:
    whole = drawn(Noise(), (2, 2, 3, 9, 11))
    part = drawn(Noise(), (2, 2, 3, 4, 5), window=Window(top=3, left=5, full=(9, 11)))
    np.testing.assert_array_equal(part, whole[..., 3:7, 5:10])


def test_trials_differ_and_repeat_themselves() -> None:
    one, same, other = (drawn(Noise(), (1, 1, 4, 5, 5), repeat=repeat) for repeat in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.99


def test_steps_and_seeds_differ() -> None:
    values = drawn(Noise(), (1, 1, 50, 4, 4))
    assert len(np.unique(values)) > 0.999 * values.size
    film = cx.as_stimulus(np.zeros((5, 4, 4)), dt="1 ms", pixel_size="0.1 deg", units="1")
    by_argument = cx.run(Noise(), film, seed=3, progress=False).response
    np.testing.assert_array_equal(by_argument, values[0, 0, :5])
    np.testing.assert_array_equal(cx.run(Noise(seed=3), film, progress=False).response, by_argument)
    assert not np.array_equal(Noise(seed=4)(film), by_argument)


@pytest.mark.parametrize("seed", ["a", 1.5, None, True])
def test_a_seed_that_is_no_whole_number_is_refused_at_once(seed: object) -> None:
    for kind in (Noise, cx.spiking.Poisson, cx.spiking.NoisyLIF):
        with pytest.raises(cx.ParameterError, match="seed: wanted a whole number"):
            kind(seed=seed)
    with pytest.raises(cx.ParameterError, match="seed: wanted a whole number"):
        cx.models.Retina(seed=seed)
