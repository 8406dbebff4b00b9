"""A receptive field and a nonlinearity."""

from __future__ import annotations

from typing import Any

from convis_xr.models.ln import LN


class RFN(LN):
    r"""Receptive field and nonlinearity: :math:`y(t) = N(b + \sum_{k, \vec r} w(k, \vec r)\, x(t-k, \vec r))`.

    One cell by default (Chichilnisky 2001, Network 12:199); ``weight[lag, y, x]`` is not mirrored, so that a
    spike-triggered average can be assigned to ``conv``.

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the field; plain ints are samples. A smaller one lies in the middle of the frame.
    population : bool
        False: one cell that sees the frame (`RF`); True: one at every pixel (`Conv3d`), as `LN`.
    nonlinearity : str or callable
        As in `LN`.
    in_channels, out_channels : int
        Channels of input and output.
    bias : bool
        Whether a constant is added before the nonlinearity; it starts at 0.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: as of `LN`, one value per step.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> cell = cx.models.RFN((1, 3, 3))
    >>> cell.conv.set_weight(np.ones((1, 3, 3)))
    >>> film = cx.as_stimulus(np.ones((2, 5, 5)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell(film).values.ravel()
    array([9., 9.])
    """

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        population: bool = False,
        nonlinearity: Any = "relu",
        in_channels: int = 1,
        out_channels: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(kernel_size, population, nonlinearity, in_channels, out_channels, bias)
