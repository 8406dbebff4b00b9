"""The linear-nonlinear model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.filters import RF, Conv3d
from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling

Nonlinearity = Callable[[Tensor], Tensor]

#: nonlinearities that can be asked for by name
NONLINEARITIES: dict[str, Nonlinearity] = {
    "relu": torch.relu,
    "softplus": torch.nn.functional.softplus,
    "exp": torch.exp,
    "square": torch.square,
    "sigmoid": torch.sigmoid,
}


class LN(Layer):
    r"""Linear-nonlinear model: :math:`y = N(w * x + b)` (Chichilnisky 2001, Network 12:199).

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the linear filter; plain ints are samples.
    population : bool
        True: one cell at every pixel, which share a filter (`Conv3d`); False: one cell that sees the frame (`RF`).
    nonlinearity : str or callable
        ``"relu"``, ``"softplus"``, ``"exp"``, ``"square"``, ``"sigmoid"``, or any function of a tensor.
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added before the nonlinearity; it starts at 0.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless, of the same frame (population)
    or one value per step.

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
        nonlinearity: str | Nonlinearity = "relu",
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
        return self.nonlinearity(self.conv(x))

    def footprint(self, sampling: Sampling) -> Footprint:
        """That of the filter."""
        return self.conv.footprint(sampling)


def nonlinearity_of(given: str | Nonlinearity) -> Nonlinearity:
    """A nonlinearity by name, or the function itself."""
    if callable(given):
        return given
    if given not in NONLINEARITIES:
        wanted = f"a function or one of {', '.join(NONLINEARITIES)}"
        raise ParameterError(explain("nonlinearity", wanted=wanted, got=repr(given), cure='nonlinearity="relu"'))
    return NONLINEARITIES[given]
