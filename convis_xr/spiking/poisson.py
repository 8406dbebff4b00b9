"""Poisson spikes at a given rate."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.kernels.poisson import poisson
from convis_xr.kernels.poisson.surrogate import NAMES
from convis_xr.random_layer import RandomLayer
from convis_xr.sampling import Sampling
from convis_xr.spiking.refusals import checked_surrogate, told

Mode = Literal["poisson", "bernoulli"]


class Poisson(RandomLayer):
    r"""Spikes of an inhomogeneous Poisson process (Dayan & Abbott 2001, *Theoretical Neuroscience*, 1.4).

    The count of a step is :math:`N \sim \mathrm{Poisson}(r\,dt)`, drawn by inversion of a random number of 46 bits, so
    it is exact at any rate. Random numbers are Philox4x32-10 of (seed, layer path, time step, cell): the same seed
    gives the same spikes for every chunk length and number of threads.

    Parameters
    ----------
    mode : "poisson" or "bernoulli"
        Bernoulli: at most one spike in a step, with probability :math:`1 - e^{-r\,dt}`; of one seed, there is one where
        the Poisson count is not 0.
    seed : int
        Which random numbers; `run(seed=)` overrides it.
    surrogate : "expectation" or None
        What stands in for the gradient of counts where one is wanted: that of their mean. None: there is none.

    Raises
    ------
    ContractError
        When called: a rate is negative or not finite. What a model gives below 0 needs a rectification, of its
        author's choice.
    OverflowError
        When called: more than 255 spikes in a step.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) of rates in Hz, or DataArray in any unit of rate (without a unit: Hz).
    Output: spikes per step, uint8 (floats where autograd follows), count.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> rate = cx.as_stimulus(np.full((1000, 10, 10), 20.0), dt="1 ms", pixel_size="0.1 deg", units="Hz")
    >>> counts = cx.spiking.Poisson(seed=1)(rate)
    >>> 19 < float(counts.sum("time").mean()) < 21
    True
    """

    units_in = "Hz"
    bare_in = True
    units_out = "count"

    def __init__(self, mode: Mode = "poisson", seed: int = 0, surrogate: str | None = "expectation") -> None:
        super().__init__(seed)
        if mode not in get_args(Mode):
            wanted = " or ".join(f'"{name}"' for name in get_args(Mode))
            raise ParameterError(explain("mode", wanted=wanted, got=repr(mode), cure='mode="poisson"'))
        self.mode = mode
        self.surrogate = checked_surrogate(surrogate, NAMES)

    def forward(self, x: Tensor, cells: Tensor | None = None) -> Tensor:
        """Spikes (batch, channel, time, y, x) at rates in Hz, uint8, or floats as ``x`` where autograd follows.

        ``cells`` (batch, channel, y, x) are indices in the full frame, where they are not those of the frame of ``x``.
        """
        with told():
            counts = poisson(
                x, dt=self.dt, bernoulli=self.mode == "bernoulli", surrogate=self.surrogate, **self.source(x, cells)
            )
        self.count(x)
        return counts

    def footprint(self, sampling: Sampling) -> Footprint:
        """A count depends on the rate of its own step and pixel alone."""
        return Footprint()

    def extra_repr(self) -> str:
        """The mode."""
        return f"mode={self.mode!r}"
