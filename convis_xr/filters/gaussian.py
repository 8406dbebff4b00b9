"""Gaussian blur in space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.kernels.gaussian import gaussian_blur, gaussian_radius
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling

#: pixels; what is wider has no use, and more likely a wrong unit
WIDEST = 10_000


class Gaussian(Layer):
    r"""Gaussian blur :math:`G_\sigma` in visual angle.

    The discrete Gaussian :math:`e^{-t} I_n(t)`, :math:`t = (\sigma/\mathrm{pixel})^2` (Lindeberg 1990, IEEE PAMI
    12:234), whose variance is exact at any scale; truncated
    where less than 1e-6 is left and renormalised, so that a constant frame is reproduced. Outside the frame the
    nearest edge pixel is repeated.

    Parameters
    ----------
    sigma : quantity [visual angle]
        Standard deviation; 0 deg is the identity.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> spot = cx.as_stimulus(np.eye(9)[None, 4] * np.eye(9)[4][:, None], dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> blurred = cx.filters.Gaussian(sigma="0.1 deg")(spot)
    >>> round(float(blurred.max()), 3), round(float(blurred.sum()), 3)
    (0.217, 1.0)
    """

    units_out = None

    def __init__(self, sigma: Any = "0.05 deg") -> None:
        super().__init__()
        self.sigma = Parameter(sigma, "angle", bounds=("0 deg", None), doc="standard deviation", label="sigma")

    def forward(self, x: Tensor) -> Tensor:
        """Blur (batch, channel, time, y, x)."""
        return gaussian_blur(x, in_pixels(self.sigma, self.sampling, "Gaussian"))

    def footprint(self, sampling: Sampling) -> Footprint:
        """Reach of the truncated kernel; no memory."""
        return Footprint(radius=radius(self.sigma, sampling, "Gaussian"))


def in_pixels(sigma: Tensor, sampling: Sampling, who: str) -> tuple[Tensor, Tensor]:
    """A width in degree as a pair (y, x) in pixels; a width of 0 needs no pixel size."""
    if switched_off(sigma):
        return sigma, sigma
    y, x = sampling.need_pixel(who)
    if not 0 <= float(sigma.detach()) <= WIDEST * min(y, x):  # an optimizer may have taken it anywhere
        wanted, got = f"a width from 0 to {WIDEST} pixels of {min(y, x):g} deg", f"{float(sigma.detach()):g} deg"
        raise ParameterError(explain(f"sigma of {who}", wanted=wanted, got=got, cure="a smaller one"))
    return sigma / y, sigma / x


def switched_off(value: Tensor) -> bool:
    """Whether a parameter is 0 and stays so: no gradient is wanted that could move it."""
    return float(value.detach()) == 0 and not (value.requires_grad and torch.is_grad_enabled())


def radius(sigma: Tensor, sampling: Sampling, who: str) -> int:
    """Reach in pixels of a blur, the larger of y and x."""
    return max(gaussian_radius(float(part)) for part in in_pixels(sigma.detach(), sampling, who))
