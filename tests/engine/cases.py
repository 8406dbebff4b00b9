"""Models and films that the tests of the engine share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.footprint import Footprint


class Cells(cx.Layer):
    """Two outputs, noise, and a plain torch module in between."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.low = cx.filters.LowPass(tau="20 ms")
        self.blur = cx.filters.Gaussian(sigma="0.15 deg")
        self.rectify = torch.nn.ReLU()
        self.cell = cx.spiking.NoisyLIF(seed=seed)

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("spikes", "current")

    def output_units(self, name: str, input_units: str) -> str:
        return "count" if name == "spikes" else "Hz"

    def footprint(self, sampling: cx.Sampling) -> Footprint:
        near = self.low.footprint(sampling).then(self.blur.footprint(sampling))
        return near.then(self.cell.footprint(sampling))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        current = 400 * self.rectify(self.blur(self.low(x)) - 0.1)
        made = {"current": lambda: current, "spikes": lambda: self.cell(current)}
        return {name: made[name]() for name in self.wanted_outputs}


def film(steps: int = 60, height: int = 5, width: int = 6, dtype: Any = "float32", seed: int = 0) -> xr.DataArray:
    """Noise with scales."""
    values = np.random.default_rng(seed).random((steps, height, width))
    made = cx.as_stimulus(values.astype(dtype), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    return made.rename("film")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
