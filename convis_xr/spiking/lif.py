"""The leaky integrate-and-fire cell without a refractory period."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from convis_xr.events import Events
from convis_xr.footprint import Footprint
from convis_xr.kernels.lif import noisy_lif, noisy_lif_times, random_potential
from convis_xr.kernels.memory import zeros_like
from convis_xr.parameters import Parameter, State
from convis_xr.random_layer import RandomLayer
from convis_xr.sampling import Sampling


class LIF(RandomLayer):
    r"""Leaky integrate-and-fire cells (Wohrer & Kornprobst 2009, eq. 16, without refractory period).

    :math:`\dot V = I + \mathrm{noise} - g_L V`; at threshold 1 a spike and a reset to 0. Every span of constant current
    is integrated exactly: without noise the crossing time is
    :math:`\log\frac{I/g_L - V}{I/g_L - 1}/g_L`, and the rheobase is :math:`I = g_L`. With noise, paths that cross the
    threshold between two ends of a span are counted. So the rate does not depend on the time step.

    Parameters
    ----------
    g_leak : quantity [rate]
        Leak; at 0 Hz the cell integrates perfectly.
    noise : float
        Standard deviation of the membrane without threshold, in units of the threshold; 0: no noise.
    random_init : bool
        Whether membranes start uniformly in (0, 1) instead of at 0.
    seed : int
        Which random numbers; `run(seed=)` overrides it.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) of currents in Hz, or DataArray in any unit of rate (without a unit: Hz).
    Output: spikes per step, uint8, count; ``outputs=["times"]`` of a run gives the exact time of each [s].
    More than 255 in a step raises OverflowError.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 100.0), dt="1 ms", units="Hz")
    >>> int(cx.spiking.LIF(g_leak="50 Hz")(current).sum())  # one every log(2)/50 Hz = 13.9 ms
    72
    """

    units_in = "Hz"
    bare_in = True
    units_out = "count"
    selects = True
    #: what fires: counts, and counts with times
    kernel: ClassVar[Any] = staticmethod(noisy_lif)
    kernel_of_times: ClassVar[Any] = staticmethod(noisy_lif_times)
    potential: Any

    def __init__(self, g_leak: Any = "50 Hz", noise: Any = 0.0, random_init: bool = False, seed: int = 0) -> None:
        super().__init__(seed)
        self.g_leak = Parameter(g_leak, "rate", bounds=("0 Hz", None), doc="leak", label="g_leak")
        self.noise = Parameter(
            noise, "dimensionless", bounds=(0, None), doc="standard deviation of the membrane", label="noise"
        )
        self.random_init = random_init
        self.potential = State(doc="membrane, threshold 1", primed=False)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Every output that can be asked for."""
        return ("response", "times")

    def output_units(self, name: str, input_units: str) -> str:
        """Counts, and times in seconds."""
        return "s" if name == "times" else "count"

    def forward(self, x: Tensor, cells: Tensor | None = None) -> Tensor | dict[str, Tensor | Events]:
        """Spikes (batch, channel, time, y, x), uint8, of currents in Hz; a dict where `times` are wanted.

        ``cells`` (batch, channel, y, x) are indices in the full frame, where they are not those of the frame of ``x``.
        """
        if self.selection is not None:
            cells = self.selection.take(self.cells(x) if cells is None else cells)
            x = self.selection.take(x)
        if self.wanted_outputs == ("response",):
            return self.counts(x, cells)
        counts, events = self.fire(x, cells)
        return {name: events if name == "times" else counts for name in self.wanted_outputs}

    def counts(self, x: Tensor, cells: Tensor | None = None) -> Tensor:
        """Spikes per step (batch, channel, time, y, x), uint8, of currents in Hz, all of them."""
        current = self.drive(x)
        source = self.source(current, cells)
        state = self.begun(current, source["cells"])
        counts, state = self.kernel(current, state, dt=self.dt, **source, **self.constants)
        self.keep(state, current)
        made: Tensor = counts
        return made

    def fire(self, x: Tensor, cells: Tensor | None = None) -> tuple[Tensor, Events]:
        """What `counts` gives, and the spikes one by one."""
        current = self.drive(x)
        source = self.source(current, cells)
        state = self.begun(current, source["cells"])
        counts, state, found = self.kernel_of_times(current, state, dt=self.dt, **source, **self.constants)
        shape = (x.shape[0], x.shape[1], x.shape[3], x.shape[4])
        events = Events(found.step - self.next_step, found.offset, found.cell, shape)
        self.keep(state, current)
        return counts, events

    def drive(self, x: Tensor) -> Tensor:
        """The currents that cells get, for those that come."""
        return x

    @property
    def constants(self) -> dict[str, Any]:
        """Parameters by the names of the kernel."""
        return {"g_leak": self.g_leak, "noise": self.noise, "refractory_mean": 0.0, "refractory_sd": 0.0}

    def begun(self, x: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Membrane and refractory time (batch, channel, y, x) before the first sample of ``x``."""
        rest = zeros_like(x[:, :, 0])
        if self.potential is not None:
            return self.potential, rest
        if not self.random_init:
            return rest, zeros_like(rest)
        return random_potential(cells, key=self.key, repeat=self.repeat, dtype=x.dtype), rest

    def keep(self, state: tuple[Tensor, Tensor], x: Tensor) -> None:
        """Go on by the time steps of ``x``, with this state."""
        self.count(x)
        self.potential = state[0]

    def footprint(self, sampling: Sampling) -> Footprint:
        """A membrane never surely forgets, since spikes are discrete; no reach in space."""
        return Footprint(memory=float("inf"))
