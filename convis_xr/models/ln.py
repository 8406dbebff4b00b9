"""The linear-nonlinear model."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.filters import RF, Conv3d
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.models.nonlinearity import footprint_of, nonlinearity_of
from convis_xr.models.parts import one_output, unit_of_nonlinearity
from convis_xr.sampling import Sampling


class LN(Layer):
    r"""Linear-nonlinear model: :math:`y = N(w * x + b)` (Chichilnisky 2001, Network 12:199).

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the linear filter; plain ints are samples.
    population : bool
        True: one cell at every pixel, which share a filter (`Conv3d`); False: one cell that sees the frame (`RF`).
    nonlinearity : str or callable
        ``"relu"``, ``"softplus"``, ``"exp"``, ``"square"``, ``"sigmoid"``, ``"tanh"``, ``"identity"``, or any function
        of each value, torch module or Layer.
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added before the nonlinearity; it starts at 0.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless, or in the unit of a
    nonlinearity that is a Layer (counts of a spiking cell); of the same frame (population) or one value per step.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> model = cx.models.LN((5, 3, 3))
    >>> model.conv.set_weight(1.0)
    >>> film = cx.as_stimulus(np.ones((8, 6, 6)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> round(float(model(film).max()), 3)
    45.0
    """

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        population: bool = True,
        nonlinearity: Any = "relu",
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        filter_class = Conv3d if population else RF
        self.conv = filter_class(in_channels, out_channels, kernel_size, bias)
        self.nonlinearity = nonlinearity_of(nonlinearity)

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        return one_output(self.nonlinearity(self.conv(x)), "nonlinearity", x, floating=False)

    def output_units(self, name: str, input_units: str) -> str:
        """Dimensionless, unless the nonlinearity is a layer that gives a unit: counts of a spiking cell."""
        return unit_of_nonlinearity(self.nonlinearity)

    def footprint(self, sampling: Sampling) -> Footprint:
        """That of the filter, and of a nonlinearity that is a layer itself."""
        return self.conv.footprint(sampling).then(footprint_of(self.nonlinearity, sampling, pointwise=True))
