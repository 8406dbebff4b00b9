"""VirtualRetina's spiking cell."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from convis_xr.kernels.held_noise import held_noise_lif, held_noise_lif_times
from convis_xr.kernels.virtualretina import late
from convis_xr.parameters import State
from convis_xr.spiking import NoisyLIF


class LateLIF(NoisyLIF):
    r"""Integrate-and-fire cells of VirtualRetina 2.2.3: a step is driven by the current of one step before.

    As `NoisyLIF`, but the noise is a current :math:`\sigma_V \sqrt{2 g_L / dt}\, n`, drawn once for each step; under it
    the cell moves and fires exactly. So its rate depends on the time step. The first step is driven by 0.

    Parameters
    ----------
    g_leak, noise, refractory_mean, refractory_sd, random_init, seed, surrogate
        As of `NoisyLIF`.

    Notes
    -----
    Input and output as of `NoisyLIF`; computed in double precision.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 100.0), dt="1 ms", units="Hz")
    >>> int(LateLIF(g_leak="50 Hz", noise=0.0, refractory_mean="3 ms")(current).sum())
    59
    """

    kernel: ClassVar[Any] = staticmethod(held_noise_lif)
    kernel_of_times: ClassVar[Any] = staticmethod(held_noise_lif_times)
    current_before: Any

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
        self.current_before = State(units="Hz", doc="current of the last step", primed=False)

    def drive(self, x: Tensor) -> Tensor:
        """The currents of one step before, in double precision."""
        current = x.double()
        before = torch.zeros_like(current[:, :, 0]) if self.current_before is None else self.current_before
        made, self.current_before = late(current, before)
        return made
