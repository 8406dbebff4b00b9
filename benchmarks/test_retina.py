"""Speed of the whole retina: 100x100 px, 1000 steps of 1 ms, gain control on, two types with noise, two threads.

No speed is reported of a retina whose pieces do not give the whole first. End to end: `test_engine.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convis_xr as cx
from benchmarks.conftest import Speed
from convis_xr.context import InputInfo

INFO = InputInfo(cx.Sampling("1 ms", "0.05 deg"), "1", (0, 255))


@pytest.fixture(scope="module")
def retina() -> cx.models.Retina:
    model = cx.models.Retina("human_parvo")
    model.bipolar.adaptation_gain = "100 Hz"
    return model


def frames(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1000, size, size), dtype=np.uint8)


def in_memory(retina: cx.models.Retina, x: torch.Tensor, chunk: int = 1000) -> torch.Tensor:
    with torch.no_grad():
        context = retina.new_context(INFO)
        parts = [retina.advance(context, part)["parvo_on"] for part in x.split(chunk, dim=2)]
    return torch.cat(parts, dim=2)


@pytest.mark.parametrize(("size", "wanted"), [(100, 60), (256, 50)])
def test_in_memory(speed: Speed, retina: cx.models.Retina, size: int, wanted: float) -> None:
    x = torch.from_numpy(frames(size)).float()[None, None]
    part = x[:, :, :60, :20, :20]
    assert torch.equal(in_memory(retina, part), in_memory(retina, part, chunk=7))
    speed(f"whole retina, {size}x{size}", lambda: in_memory(retina, x), x.numel(), wanted=wanted)
