"""Smoothing in space and time at once: a Gaussian of a gamma cascade."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.filters.gaussian import in_pixels, radius
from convis_xr.filters.low_pass import GammaLowPass
from convis_xr.footprint import Footprint
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling


class SpaceTimeLowPass(GammaLowPass):
    r"""Separable smoothing :math:`G_\sigma * E_{n,\tau}` (Wohrer & Kornprobst 2009, eq. 3).

    Parameters
    ----------
    sigma : quantity [visual angle]
        Standard deviation of the Gaussian (see `Gaussian`); 0 deg leaves space alone.
    tau : quantity [time]
        Time to peak of the cascade (see `GammaLowPass`); 0 s leaves time alone.
    n : int
        Order of the cascade.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((5, 8, 8)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> layer = cx.filters.SpaceTimeLowPass(sigma="0.2 deg", tau="5 ms")
    >>> layer.initial = "first_frame"
    >>> bool(np.allclose(layer(film), 1.0))
    True
    """

    def __init__(self, sigma: Any = "0.05 deg", tau: Any = "10 ms", n: int = 0) -> None:
        super().__init__(tau, n)
        self.sigma = Parameter(sigma, "angle", bounds=("0 deg", None), doc="standard deviation", label="sigma")

    def forward(self, x: Tensor) -> Tensor:
        """Smooth (batch, channel, time, y, x)."""
        return gaussian_blur(super().forward(x), in_pixels(self.sigma, self.sampling, "SpaceTimeLowPass"))

    def footprint(self, sampling: Sampling) -> Footprint:
        """Reach of the blur, memory of the cascade."""
        return super().footprint(sampling).then(Footprint(radius=radius(self.sigma, sampling, "SpaceTimeLowPass")))
