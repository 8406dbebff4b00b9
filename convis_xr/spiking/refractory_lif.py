"""The leaky integrate-and-fire cell with a refractory period."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.parameters import Parameter, State
from convis_xr.spiking.lif import LIF


class RefractoryLIF(LIF):
    r"""Leaky integrate-and-fire cells with a refractory period (Wohrer & Kornprobst 2009, eq. 16).

    As `LIF`; after a spike the membrane is held at 0 for :math:`\max(\mu + s\,n, 0)` of real time, which goes on across
    time steps, so without noise the rate is :math:`1/(\mu + \log\frac{I/g_L}{I/g_L - 1}/g_L)` at any time step.

    Parameters
    ----------
    g_leak : quantity [rate]
        Leak.
    noise : float
        Standard deviation of the membrane without threshold, in units of the threshold; 0: no noise.
    refractory_mean, refractory_sd : quantity [time]
        Refractory period.
    random_init : bool
        Whether membranes start uniformly in (0, 1) instead of at 0.
    seed : int
        Which random numbers; `run(seed=)` overrides it.
    surrogate : "superspike" or None
        What stands in for the gradient of counts where one is wanted; None: there is none.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) of currents in Hz, or DataArray in any unit of rate (without a unit: Hz).
    Output: spikes per step, uint8 (floats where autograd follows), count.
    More than 255 in a step raises OverflowError.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 100.0), dt="1 ms", units="Hz")
    >>> int(cx.spiking.RefractoryLIF(g_leak="50 Hz", refractory_mean="3 ms")(current).sum())
    59
    """

    refractory: Any

    def __init__(
        self,
        g_leak: Any = "50 Hz",
        noise: Any = 0.0,
        refractory_mean: Any = "3 ms",
        refractory_sd: Any = "0 ms",
        random_init: bool = False,
        seed: int = 0,
        surrogate: str | None = "superspike",
    ) -> None:
        super().__init__(g_leak, noise, random_init, seed, surrogate)
        self.refractory_mean = Parameter(
            refractory_mean, "time", bounds=("0 s", None), doc="mean refractory period", label="refractory_mean"
        )
        self.refractory_sd = Parameter(
            refractory_sd, "time", bounds=("0 s", None), doc="its standard deviation", label="refractory_sd"
        )
        self.refractory = State(units="s", doc="what is left of the refractory period", primed=False)

    @property
    def constants(self) -> dict[str, Any]:
        """Parameters by the names of the kernel."""
        names = ("g_leak", "noise", "refractory_mean", "refractory_sd", "surrogate")
        return {name: getattr(self, name) for name in names}

    def begun(self, x: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Membrane and refractory time (batch, channel, y, x) before the first sample of ``x``."""
        potential, refractory = super().begun(x, cells)
        return potential, refractory if self.refractory is None else self.refractory

    def keep(self, state: tuple[Tensor, Tensor], x: Tensor) -> None:
        """Go on by the time steps of ``x``, with this state."""
        super().keep(state, x)
        self.refractory = state[1]
