"""The noisy leaky integrate-and-fire cell."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.kernels.lif import noisy_lif, random_potential
from convis_xr.parameters import Parameter, State
from convis_xr.random_layer import RandomLayer
from convis_xr.sampling import Sampling


class NoisyLIF(RandomLayer):
    r"""Noisy leaky integrate-and-fire cells (Wohrer & Kornprobst 2009, eq. 16).

    :math:`\dot V = I + \mathrm{noise} - g_L V`; at threshold 1 a spike, reset to 0, then refractory for
    :math:`\max(\mu + s\,n, 0)` of real time. Every span of constant current is integrated exactly, and paths that
    cross the threshold between its ends are
    counted, so the rate does not depend on the time step. Random numbers are Philox4x32-10 of (seed, layer path,
    time step, cell): the same seed gives the same spikes
    for every chunk length and number of threads.

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

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) of currents in Hz, or DataArray in any unit of rate (without a unit: Hz).
    Output: spikes per step, uint8, count.
    More than 255 in a step raises OverflowError.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 100.0), dt="1 ms", units="Hz")
    >>> cell = cx.spiking.NoisyLIF(g_leak="50 Hz", noise=0.0, refractory_mean="3 ms")
    >>> int(cell(current).sum())
    59
    """

    units_in = "Hz"
    bare_in = True
    units_out = "count"
    potential: Any
    refractory: Any

    def __init__(
        self,
        g_leak: Any = "50 Hz",
        noise: Any = 0.1,
        refractory_mean: Any = "3 ms",
        refractory_sd: Any = "0 ms",
        random_init: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.g_leak = Parameter(g_leak, "rate", bounds=("0 Hz", None), doc="leak", label="g_leak")
        self.noise = Parameter(
            noise, "dimensionless", bounds=(0, None), doc="standard deviation of the membrane", label="noise"
        )
        self.refractory_mean = Parameter(
            refractory_mean, "time", bounds=("0 s", None), doc="mean refractory period", label="refractory_mean"
        )
        self.refractory_sd = Parameter(
            refractory_sd, "time", bounds=("0 s", None), doc="its standard deviation", label="refractory_sd"
        )
        self.random_init = random_init
        self.potential = State(doc="membrane, threshold 1", primed=False)
        self.refractory = State(units="s", doc="what is left of the refractory period", primed=False)

    def forward(self, x: Tensor, cells: Tensor | None = None) -> Tensor:
        """Spikes (batch, channel, time, y, x), uint8, of currents in Hz.

        ``cells`` (batch, channel, y, x) are indices in the full frame, where they are not those of the frame of ``x``.
        """
        source = self.source(x, cells)
        counts, state = noisy_lif(x, self.begun(x, source["cells"]), dt=self.dt, **source, **self.constants)
        self.keep(state, x)
        return counts

    @property
    def constants(self) -> dict[str, Any]:
        """Parameters by the names of the kernel."""
        names = ("g_leak", "noise", "refractory_mean", "refractory_sd")
        return {name: getattr(self, name) for name in names}

    def source(self, x: Tensor, cells: Tensor | None = None) -> dict[str, Any]:
        """What tells the draws for ``x``, by the names of the kernel."""
        index = self.cells(x) if cells is None else cells
        return {"key": self.key, "step": self.next_step, "repeat": self.repeat, "cells": index}

    def begun(self, x: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Membrane and refractory time (batch, channel, y, x) before the first sample of ``x``."""
        if self.potential is not None:
            return self.potential, self.refractory
        rest = torch.zeros_like(x[:, :, 0])
        if not self.random_init:
            return rest, rest.clone()
        return random_potential(cells, key=self.key, repeat=self.repeat, dtype=x.dtype), rest

    def keep(self, state: tuple[Tensor, Tensor], x: Tensor) -> None:
        """Go on by the time steps of ``x``, with this state."""
        self.count(x)
        self.potential, self.refractory = state

    def footprint(self, sampling: Sampling) -> Footprint:
        """A membrane never surely forgets, since spikes are discrete; no reach in space."""
        return Footprint(memory=float("inf"))
