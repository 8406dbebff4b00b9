"""`Case`: how the conformance suite makes a layer, and what it shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

import convis_xr as cx

STEPS, HEIGHT, WIDTH = 24, 5, 6


@dataclass(frozen=True)
class Case:
    """One layer in one form.

    Parameters
    ----------
    name : str
        Unique.
    make : callable
        Makes the layer; torch's generator is seeded before.
    units : str
        Unit of the input.
    most : float
        Input is uniform in (least, most).
    least : float
        As above.
    channels : int
        Channels of the input.
    inputs : int
        How many inputs ``forward`` takes.
    rounding : bool
        Outputs agree to 1e-6 instead of to the bit where sums are cut differently: convolutions and matrix products.
    spreads : bool
        The future touches the past by rounding: Fourier transforms.
    smooth : bool
        Has gradients with respect to input and parameters, at the points that are shown.
    close : bool
        Single precision stays close to double precision: not where thresholds make whole numbers of it.
    part : type, optional
        The public layer that this model shows, where it can only be a part of one.
    noiseless : bool
        Nothing is drawn, though it could be.
    counts : bool
        Has bare numbers in it that count in whatever unit the input has.
    """

    name: str
    make: Callable[[], cx.Layer]
    units: str = "1"
    most: float = 1.0
    least: float = 0.0
    channels: int = 2
    inputs: int = 1
    rounding: bool = False
    spreads: bool = False
    smooth: bool = True
    close: bool = True
    part: type | None = None
    noiseless: bool = False
    counts: bool = False

    def __str__(self) -> str:
        return self.name

    def layer(self) -> cx.Layer:
        """A new one; all of them are equal."""
        torch.manual_seed(1)
        return self.make()

    def film(
        self, batch: int = 2, dtype: str = "float32", channels: int | None = None, steps: int = STEPS
    ) -> xr.DataArray:
        """Films that make the layer do something."""
        shape = (batch, self.channels if channels is None else channels, steps, HEIGHT, WIDTH)
        values = (np.random.default_rng(5).random(shape) * (self.most - self.least) + self.least).astype(dtype)
        scale = {"units": self.units, "valid_range": (self.least, self.most)}
        return cx.as_stimulus(values, dt="2 ms", pixel_size="0.1 deg", **scale)

    def inputs_of(self, film: xr.DataArray) -> list[xr.DataArray]:
        """As many inputs as the layer takes; the further ones follow from the first, sample by sample."""
        return [film, *(film * (0.5 / k) + 0.1 * self.most for k in range(1, self.inputs))]

    def respond(self, layer: cx.Layer, film: xr.DataArray) -> dict[str, np.ndarray]:
        """Outputs by name."""
        return arrays_of(layer(*self.inputs_of(film)))


def arrays_of(result: xr.DataArray | xr.Dataset) -> dict[str, np.ndarray]:
    """Values by name."""
    arrays = {"response": result} if isinstance(result, xr.DataArray) else result.data_vars
    return {str(name): array.values for name, array in arrays.items()}
