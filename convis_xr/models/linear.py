"""The linear model."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.filters import RF, Conv3d
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling


class L(Layer):
    r"""Linear model: :math:`y = w * x + b` (Chichilnisky 2001, Network 12:199).

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the linear filter; plain ints are samples.
    population : bool
        True: one cell at every pixel, which share a filter (`Conv3d`); False: one cell that sees the frame (`RF`).
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added; it starts at 0.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Output: of the same frame
    (population) or one value per step. ``conv.set_weight`` gives the filter.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> model = cx.models.L((3, 1, 1), bias=False)
    >>> model.conv.set_weight(np.array([0.5, 0.25, 0.25]))
    >>> step = cx.as_stimulus(np.ones(4), dt="1 ms", units="1")
    >>> model(step).values
    array([0.5 , 0.75, 1.  , 1.  ])
    """

    units_out = None

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        population: bool = True,
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        filter_class = Conv3d if population else RF
        self.conv = filter_class(in_channels, out_channels, kernel_size, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        y: Tensor = self.conv(x)
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """That of the filter."""
        return self.conv.footprint(sampling)
