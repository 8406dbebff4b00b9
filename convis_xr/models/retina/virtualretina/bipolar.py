"""VirtualRetina's bipolar cells."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.kernels.virtualretina import late_gain_control
from convis_xr.models.retina.bipolar import Bipolar
from convis_xr.models.retina.config import BipolarConfig
from convis_xr.parameters import State
from convis_xr.sampling import Sampling


class LateBipolar(Bipolar):
    r"""Bipolar cells of VirtualRetina 2.2.3, whose leak adapts to the contrast of one step before.

    As `Bipolar`, but the adaptation at step k uses the potential at k-1; :math:`\lambda_A V^2` has a soft ceiling of
    500 kHz, and is blurred by Deriche's kernel. Potential and adaptation start at 0.

    Parameters
    ----------
    config : BipolarConfig
        Its parameters.

    Notes
    -----
    Input and output as of `Bipolar`; computed in double precision. In the retina its input is the current of one step
    before.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.ones((2, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell = LateBipolar(BipolarConfig(input_amplification="50 Hz", g_leak="50 Hz", adaptation_gain="0 Hz"))
    >>> cell(current)[:, 0, 0].values.round(4)
    array([0.0488, 0.0952])
    """

    def __init__(self, config: BipolarConfig | None = None) -> None:
        super().__init__(config)
        self.potential = State(doc="potential V", primed=False)
        self.adaptation = State(units="Hz", doc="adapting part of the leak", primed=False)

    def forward(self, x: Tensor) -> Tensor:
        """Potential for currents (batch, channel, time, y, x)."""
        return super().forward(x).to(x.dtype)

    def follow(self, x: Tensor, with_adaptation: bool) -> tuple[Tensor, Tensor | None]:
        """As of `Bipolar`, in double precision."""
        current = x.double()
        rest = torch.zeros_like(current[:, :, 0])
        state: tuple[Any, Any] = (rest, rest) if self.potential is None else (self.potential, self.adaptation)
        v, adaptation, (self.potential, self.adaptation) = late_gain_control(
            current,
            state,
            input_amplification=self.input_amplification,
            g_leak=self.g_leak,
            sigma_px=self._sigma(),
            tau=self.adaptation_tau,
            gain=self.adaptation_gain,
            dt=self.dt,
            with_adaptation=with_adaptation,
        )
        return v, adaptation

    def footprint(self, sampling: Sampling) -> Footprint:
        """The adaptation reads the potential of one step before."""
        return super().footprint(sampling).then(Footprint(memory=1))
