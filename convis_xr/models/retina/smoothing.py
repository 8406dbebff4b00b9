"""The filters of the outer plexiform layer, with a choice of how they are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.filters import GammaLowPass, PartialHighPass, SpaceTimeLowPass
from convis_xr.filters.gaussian import in_pixels, switched_off
from convis_xr.footprint import Footprint
from convis_xr.kernels.deriche import deriche_blur
from convis_xr.kernels.finite import finite_low_pass, finite_weights
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.sampling import Sampling

Blur = Callable[[Tensor, tuple[Tensor, Tensor]], Tensor]

#: How a blur in space is computed.
SPATIAL: dict[str, Blur] = {"gaussian": gaussian_blur, "deriche": deriche_blur}

#: How a low-pass in time is computed.
TEMPORAL = ("recursive", "fir")


class Smoothing(SpaceTimeLowPass):
    """A low-pass in time and space (Wohrer & Kornprobst 2009, eq. 3), in a choice of implementations.

    Parameters
    ----------
    sigma, tau, n
        As of `SpaceTimeLowPass`.
    spatial : "gaussian" or "deriche"
    temporal : "recursive" or "fir"
        A finite response is cut where less than 1e-6 is left, and made to sum to 1 again.

    Raises
    ------
    ParameterError
        There is no such choice.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((5, 8, 8)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> layer = Smoothing("0.2 deg", "5 ms", 0, "deriche", "fir")
    >>> layer.initial = "first_frame"
    >>> bool(np.allclose(layer(film), 1.0))
    True
    """

    history: Any

    def __init__(self, sigma: Any, tau: Any, n: int, spatial: str, temporal: str) -> None:
        super().__init__(sigma, tau, n)
        check_choices(spatial, temporal)
        self.spatial, self.temporal = spatial, temporal
        if temporal == "fir":
            self.register_state("history", doc="frames that the response still reaches")

    def forward(self, x: Tensor) -> Tensor:
        """Smooth (batch, channel, time, y, x)."""
        if self.temporal == "recursive":
            y = GammaLowPass.forward(self, x)
        else:
            y, self.history = _finite(self, self.tau, int(self.n), x)
        return SPATIAL[self.spatial](y, in_pixels(self.sigma, self.sampling, "OPL"))

    def footprint(self, sampling: Sampling) -> Footprint:
        """Deriche's kernel has no end; a finite response has one."""
        own = super().footprint(sampling) if self.spatial == "gaussian" else GammaLowPass.footprint(self, sampling)
        radius = own.radius if self.spatial == "gaussian" or switched_off(self.sigma) else float("inf")
        if self.temporal == "recursive":
            return Footprint(own.memory, own.tolerance, radius)
        return Footprint(len(finite_weights(self.tau.detach(), int(self.n), sampling.need_dt("OPL"))) - 1, 0.0, radius)


class FiniteHighPass(PartialHighPass):
    """A partial high-pass whose low-pass has a finite impulse response.

    Parameters
    ----------
    tau, weight
        As of `PartialHighPass`.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> step = cx.as_stimulus(np.ones(3), dt="10 ms", units="1")
    >>> FiniteHighPass(tau="10 ms", weight=1.0)(step).values.round(3)
    array([0.368, 0.135, 0.05 ])
    """

    history: Any

    def __init__(self, tau: Any, weight: Any) -> None:
        super().__init__(tau, weight)
        self.register_state("history", doc="frames that the response still reaches")

    def forward(self, x: Tensor) -> Tensor:
        """Filter (batch, channel, time, y, x)."""
        low, self.history = _finite(self, self.tau, 0, x)
        return x - self.weight.to(x) * low

    def footprint(self, sampling: Sampling) -> Footprint:
        """Exactly what the response reaches."""
        return Footprint(len(finite_weights(self.tau.detach(), 0, sampling.need_dt("OPL"))) - 1)


def check_choices(spatial: str, temporal: str) -> None:
    """Raise where there is no such way to compute a filter."""
    for name, got, known in (("spatial", spatial, tuple(SPATIAL)), ("temporal", temporal, TEMPORAL)):
        if got not in known:
            wanted, cure = " or ".join(f'"{choice}"' for choice in known), f'{name}="{known[0]}"'
            raise ParameterError(explain(name, wanted=wanted, got=repr(got), cure=cure))


def _finite(layer: Smoothing | FiniteHighPass, tau: Tensor, n: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a finite low-pass gives, and the frames that the next chunk still needs."""
    weights = finite_weights(tau, n, layer.dt)
    past = layer.history
    if past is None:
        past = layer.start_frame(x).unsqueeze(2).expand(-1, -1, len(weights) - 1, -1, -1)
    return finite_low_pass(x, past, weights)
