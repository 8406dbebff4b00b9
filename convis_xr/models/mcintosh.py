"""The convolutional network of McIntosh et al. 2016."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters import RF, Conv3d
from convis_xr.filters.weighted import Weighted
from convis_xr.footprint import Footprint
from convis_xr.kernels.philox import normal
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.random_layer import RandomLayer
from convis_xr.sampling import Sampling

Readout = Literal["pixel", "all"]


class McIntosh(Layer):
    r"""Convolutional network of the retina (McIntosh et al. 2016, NIPS 29:1369).

    :math:`h_1 = [w_1 * x + b_1 + \sigma n_1]_+`, :math:`h_2 = [w_2 * h_1 + b_2 + \sigma n_2]_+`,
    :math:`y = \log(1 + e^{w_3 \cdot h_2 + b_3})`.

    It differs from the paper in one thing: convolutions are causal and repeat the nearest edge pixel, so that the
    output is as large and as long as the input, where the paper's lose the edges of the frame and the first frames.
    Inside they are the same numbers. Weights are impulse responses: ``set_weight(w, flip=True)`` takes those of a
    network that correlates.

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the kernels of the first layer; plain ints are samples. (The paper shows 40 frames of 10 ms.)
    kernel_size_2 : (time, y, x)
        Lengths of the kernels of the second layer.
    layer1_channels, layer2_channels : int
        Kinds of cells in the layers; those of the paper by default.
    in_channels, out_channels : int
        Channels of the input, and cells that are read out.
    readout : "pixel" or "all"
        Whether a cell at each pixel reads the channels of the second layer there, or each cell reads all of the frame,
        as in the paper.
    frame : (y, x), optional
        Size of the frame in pixels, for ``readout="all"``.
    noise : float
        Standard deviation :math:`\sigma` of the Gaussian noise before each rectification; 0: none.
    seed : int
        Which noise; `run(seed=)` overrides it.

    Raises
    ------
    ContractError
        The frame has not the size that the readout is made for.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: dimensionless (a rate in whatever unit it is
    fitted to), of the same frame, or one value per step for ``readout="all"``; a channel for each cell. The parts are
    ``layer1``, ``layer2`` and ``readout``, each with its ``set_weight``.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((6, 8, 8)), dt="10 ms", pixel_size="0.1 deg", units="1")
    >>> cx.models.McIntosh((5, 3, 3), out_channels=2)(film).shape
    (2, 6, 8, 8)
    >>> cx.models.McIntosh((5, 3, 3), out_channels=2, readout="all", frame=(8, 8))(film).shape
    (2, 6, 1, 1)
    """

    def __init__(
        self,
        kernel_size: Any = (10, 5, 5),
        kernel_size_2: Any = (1, 1, 1),
        layer1_channels: int = 8,
        layer2_channels: int = 16,
        in_channels: int = 1,
        out_channels: int = 1,
        readout: Readout = "pixel",
        frame: tuple[int, int] | None = None,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.readout: Weighted
        self.layer1 = Conv3d(in_channels, layer1_channels, kernel_size)
        self.layer2 = Conv3d(layer1_channels, layer2_channels, kernel_size_2)
        if readout == "pixel" and frame is None:
            self.readout = Conv3d(layer2_channels, out_channels, (1, 1, 1))
        elif readout == "all" and isinstance(frame, tuple | list) and len(frame) == 2:
            self.readout = RF(layer2_channels, out_channels, (1, *frame))
        else:
            wanted, cure = '"pixel", or "all" with the size of the frame', 'readout="all", frame=(50, 50)'
            got = f"{readout!r}, frame={frame!r}"
            raise ParameterError(explain("readout", wanted=wanted, got=got, cure=cure))
        self.noise1, self.noise2 = (_Noise(noise, seed) if noise else None for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Response to (batch, channel, time, y, x)."""
        self._check_frame(x)
        for layer, noise in ((self.layer1, self.noise1), (self.layer2, self.noise2)):
            x = layer(x)
            x = torch.relu(x if noise is None else noise(x))
        return torch.nn.functional.softplus(self.readout(x))

    def footprint(self, sampling: Sampling) -> Footprint:
        """Layer after layer."""
        whole = self.layer1.footprint(sampling).then(self.layer2.footprint(sampling))
        return whole.then(self.readout.footprint(sampling))

    def _check_frame(self, x: Tensor) -> None:
        made_for = tuple(self.readout.weight.shape[3:])
        if isinstance(self.readout, RF) and made_for != tuple(x.shape[3:]):
            wanted, got = f"frames of {made_for} px, as the readout is made for", f"{tuple(x.shape[3:])}"
            raise ContractError(explain("x", wanted=wanted, got=got, cure=f"frame={tuple(x.shape[3:])}"))


class _Noise(RandomLayer):
    """Gaussian noise that is added to every value, the same however a run is cut."""

    units_out = None

    def __init__(self, sd: float, seed: int) -> None:
        super().__init__(seed)
        self.sd = Parameter(sd, "dimensionless", bounds=(0, None), doc="standard deviation", label="noise")

    def forward(self, x: Tensor) -> Tensor:
        draws = [normal(stream=0, dtype=x.dtype, **source) for source in self.sources(x)]
        self.count(x)
        return x + self.sd.to(x.dtype) * torch.stack(draws, dim=2)

    def footprint(self, sampling: Sampling) -> Footprint:
        return Footprint()
