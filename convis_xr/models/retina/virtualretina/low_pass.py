"""VirtualRetina's low-pass in time and space."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.filters import GammaLowPass, SpaceTimeLowPass
from convis_xr.filters.gaussian import in_pixels, switched_off
from convis_xr.footprint import Footprint
from convis_xr.kernels.deriche import deriche_blur
from convis_xr.kernels.recursion import gamma_low_pass, rest
from convis_xr.kernels.scalars import number
from convis_xr.kernels.virtualretina import leaky_low_pass, leaky_rest
from convis_xr.sampling import Sampling


class LeakyLowPass(SpaceTimeLowPass):
    r"""A low-pass that blurs what it holds at every step, as VirtualRetina's ``leaky-heat-equation`` has it.

    :math:`y_k = D_s (c\, y_{k-1} + (1-c)\, x_k)`, :math:`c = e^{-dt/\tau}`, where :math:`D_s` is Deriche's blur of
    width :math:`s = \sigma \sqrt{dt/\tau}`. So the result depends on the time step, and on the pixel size.

    Parameters
    ----------
    sigma, tau
        As of `SpaceTimeLowPass`. With ``tau`` 0 s there is nothing to hold, and the separable form is taken.
    n : int
        Order of the cascade, only for the separable form.
    leaky : bool
        False for the separable form: a gamma cascade in time, and one blur of width sigma.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((3, 8, 8)), dt="10 ms", pixel_size="0.1 deg", units="1")
    >>> LeakyLowPass("0.2 deg", "10 ms")(film).values[:, 4, 4].round(3)
    array([0.632, 0.865, 0.95 ])
    """

    def __init__(self, sigma: Any, tau: Any, n: int = 0, leaky: bool = True) -> None:
        super().__init__(sigma, tau, n)
        self.leaky = leaky

    def forward(self, x: Tensor) -> Tensor:
        """Smooth (batch, channel, time, y, x)."""
        if self.cascade is None:
            self.rest_under(self.start_frame(x).double())
        return self.follow(x.double()).to(x.dtype)

    def rest_under(self, frame: Tensor) -> Tensor:
        """Begin where one frame, float64, has always been shown; return what comes out under it."""
        if self._blurs_what_it_holds:
            held = leaky_rest(frame, self.tau, self._sigma(), self.dt)
            self.cascade = held.unsqueeze(0)
            return held
        self.cascade = rest(frame, int(self.n))
        return deriche_blur(frame, self._sigma())

    def follow(self, x: Tensor) -> Tensor:
        """Go on from what is held; float64."""
        if self._blurs_what_it_holds:
            y, held = leaky_low_pass(x, self.cascade[0], self.tau, self._sigma(), self.dt)
            self.cascade = held.unsqueeze(0)
            return y
        y, self.cascade = gamma_low_pass(x, self.cascade, self.tau, int(self.n), self.dt)
        return deriche_blur(y, self._sigma())

    def footprint(self, sampling: Sampling) -> Footprint:
        """Deriche's kernel has no end."""
        reach = 0 if switched_off(self.sigma) else float("inf")
        return GammaLowPass.footprint(self, sampling).then(Footprint(radius=reach))

    @property
    def _blurs_what_it_holds(self) -> bool:
        return self.leaky and number(self.tau) > 0

    def _sigma(self) -> tuple[Tensor, Tensor]:
        return in_pixels(self.sigma, self.sampling, "LeakyLowPass")
