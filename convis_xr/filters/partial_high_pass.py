"""Partial high-pass: what a low-pass leaves."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.kernels.recursion import partial_high_pass
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling


class PartialHighPass(Layer):
    r"""Partial high-pass :math:`T_{w,\tau} = 1 - w E_\tau` (undershoot, transient; Wohrer & Kornprobst 2009, eq. 6).

    The gain at rest is :math:`1 - w`.

    Parameters
    ----------
    tau : quantity [time]
        Time constant of the low-pass that is taken away.
    weight : float
        How much of it; 1 leaves nothing of a constant input.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> step = cx.as_stimulus(np.ones(3), dt="10 ms", units="1")
    >>> cx.filters.PartialHighPass(tau="10 ms", weight=1.0)(step).values.round(3)
    array([0.368, 0.135, 0.05 ])
    """

    units_out = None
    low_pass: Any

    def __init__(self, tau: Any = "20 ms", weight: Any = 0.7) -> None:
        super().__init__()
        self.tau = Parameter(tau, "time", bounds=("0 s", None), doc="time constant", label="tau")
        self.weight = Parameter(weight, "dimensionless", doc="part of the low-pass that is taken away", label="weight")
        self.register_state("low_pass", doc="last output of the low-pass")

    def forward(self, x: Tensor) -> Tensor:
        """Filter (batch, channel, time, y, x)."""
        state = self.start_frame(x) if self.low_pass is None else self.low_pass
        y, self.low_pass = partial_high_pass(x, state, self.tau, self.weight, self.dt)
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """Forgets exponentially; no reach in space."""
        return Footprint.decay(float(self.tau), sampling.need_dt("PartialHighPass"))
