"""The noisy leaky integrate-and-fire cell."""

from __future__ import annotations

from typing import Any

from convis_xr.spiking.refractory_lif import RefractoryLIF


class NoisyLIF(RefractoryLIF):
    r"""Noisy leaky integrate-and-fire cells (Wohrer & Kornprobst 2009, eq. 16).

    :math:`\dot V = I + \mathrm{noise} - g_L V`; at threshold 1 a spike, reset to 0, then refractory for
    :math:`\max(\mu + s\,n, 0)` of real time. Every span of constant current is integrated exactly, and paths that
    cross the threshold between its ends are
    counted, so the rate does not depend on the time step. Random numbers are Philox4x32-10 of (seed, layer path,
    time step, cell): the same seed gives the same spikes
    for every chunk length and number of threads. `RefractoryLIF` is the same cell, whose noise is off by default.

    Parameters
    ----------
    g_leak : quantity [rate]
        Leak.
    noise : float
        Standard deviation of the membrane without threshold, in units of the threshold.
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
    Output: spikes per step, uint8 (floats where autograd follows), count; ``outputs=["times"]`` of a run gives the
    exact time of each [s]. More than 255 in a step raises OverflowError.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 100.0), dt="1 ms", units="Hz")
    >>> cell = cx.spiking.NoisyLIF(g_leak="50 Hz", noise=0.0, refractory_mean="3 ms")
    >>> int(cell(current).sum())
    59
    """

    def __init__(
        self,
        g_leak: Any = "50 Hz",
        noise: Any = 0.1,
        refractory_mean: Any = "3 ms",
        refractory_sd: Any = "0 ms",
        random_init: bool = False,
        seed: int = 0,
        surrogate: str | None = "superspike",
    ) -> None:
        super().__init__(g_leak, noise, refractory_mean, refractory_sd, random_init, seed, surrogate)
