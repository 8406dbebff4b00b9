"""A receptive field: one cell that weighs the whole frame."""

from __future__ import annotations

import math
from typing import Any, Literal

from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters.convolution import Conv3d, check_channels
from convis_xr.footprint import Footprint
from convis_xr.kernels.convolution import receptive_field
from convis_xr.sampling import Sampling

Placement = Literal["center", "corner"]


class RF(Conv3d):
    r"""One receptive field for each output channel.

    :math:`y_o(t) = b_o + \sum_{i, k, \vec r} w_{oi}(k, \vec r)\, x_i(t-k, \vec r)`: ``weight[lag, y, x]``
    multiplies the pixel at (y, x) ``lag`` steps ago (0: the
    same step), not mirrored; what a spike-triggered average gives can be assigned to it.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, bias
        As in `Conv3d`; the weight may be smaller than the frame.
    placement : "center" or "corner"
        Where a smaller weight lies: in the middle of the frame, or at its first row and column.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in any unit, which is kept. Output: Tensor (batch,
    channel, time, 1, 1).

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> cell = cx.filters.RF(1, (2, 3, 3))
    >>> cell.set_weight(1.0)
    >>> film = cx.as_stimulus(np.ones((4, 3, 3)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell(film).values.ravel()
    array([ 9., 18., 18., 18.])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: Any = 1,
        kernel_size: Any = None,
        bias: bool = True,
        placement: Placement = "center",
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias)
        if placement not in ("center", "corner"):
            wanted = '"center" or "corner"'
            raise ParameterError(explain("placement", wanted=wanted, got=repr(placement), cure='placement="center"'))
        self.placement = placement

    def forward(self, x: Tensor) -> Tensor:
        """Weigh (batch, channel, time, y, x): (batch, out, time, 1, 1)."""
        check_channels(x, self.weight)
        history = self.start_history(x) if self.history is None else self.history
        y, self.history = receptive_field(x, history, self.weight.to(x.dtype), self._origin(x))
        return y if self.bias is None else y + self.bias.to(x.dtype).view(1, -1, 1, 1, 1)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Remembers the weight's length, sees the whole frame."""
        return Footprint(memory=self.weight.shape[2] - 1, radius=math.inf, mixes_channels=True)

    def _origin(self, x: Tensor) -> tuple[int, int]:
        rest = [frame - own for frame, own in zip(x.shape[3:], self.weight.shape[3:], strict=True)]
        if min(rest) < 0:
            got = f"{tuple(self.weight.shape[3:])} px for a frame of {tuple(x.shape[3:])}"
            cure = "a smaller kernel_size"
            raise ContractError(explain("weight", wanted="a field inside the frame", got=got, cure=cure))
        return (0, 0) if self.placement == "corner" else (rest[0] // 2, rest[1] // 2)
