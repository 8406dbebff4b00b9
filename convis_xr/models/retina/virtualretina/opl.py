"""VirtualRetina's outer plexiform layer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from convis_xr.context import running
from convis_xr.footprint import Footprint
from convis_xr.kernels.virtualretina import late, late_high_pass
from convis_xr.models.retina.config import OPLConfig
from convis_xr.models.retina.opl import OPL
from convis_xr.models.retina.virtualretina.low_pass import LeakyLowPass
from convis_xr.parameters import State
from convis_xr.sampling import Sampling


class LateOPL(OPL):
    r"""Outer plexiform layer of VirtualRetina 2.2.3: every link reads the other's value of one step before.

    The undershoot at step k uses the receptors' low-pass at k-1, and the surround the centre at k-1. With an undershoot
    weight of 0 the undershoot vanishes, with its delay. Before the first frame a uniform screen of ``range/2`` was
    shown; where the range is that of a ``valid_range``, its middle.

    Parameters
    ----------
    config, input_range
        As of `OPL`; ``leaky_heat_equation`` chooses the low-passes, see `LeakyLowPass`.

    Notes
    -----
    Input and output as of `OPL`; computed in double precision.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> grey = cx.as_stimulus(np.full((5, 8, 8), 0.5), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> opl = LateOPL(OPLConfig(undershoot_weight=0.0, surround_weight=0.9))
    >>> round(float(opl(grey)[-1, 4, 4]), 3)  # 10 * 0.5 * (1 - 0.9)
    0.5
    """

    center: LeakyLowPass
    surround: LeakyLowPass
    low_pass_before: Any
    center_before: Any
    opl_before: Any

    def __init__(self, config: OPLConfig | None = None, input_range: float | None = None) -> None:
        super().__init__(config, input_range, "deriche", "recursive")
        self.low_pass_before = State(doc="receptors' low-pass of the last step, in the input's unit")
        self.center_before = State(doc="centre of the last step, in the input's unit")
        self.opl_before = State(doc="current of the last step")

    def forward(self, x: Tensor) -> Tensor:
        """Current of (batch, channel, time, y, x)."""
        return super().forward(x).to(x.dtype)

    def follow(self, x: Tensor, wanted: Collection[str]) -> tuple[dict[str, Tensor], Tensor]:
        """As of `OPL`, in double precision; what the next stage reads is the current of one step before."""
        if self.opl_before is None:
            self._check_range(x)
            self._begin(self.start_frame(x).double())
        low = self.center.follow(x.double())
        undershoot = self.undershoot
        seen, self.low_pass_before = late(low, self.low_pass_before)
        center, undershoot.low_pass = late_high_pass(
            low, seen, undershoot.low_pass, undershoot.tau, undershoot.weight, self.dt
        )
        seen, self.center_before = late(center, self.center_before)
        made = self._amplified(center, self.surround.follow(seen), wanted)
        handed_on, self.opl_before = late(made["opl"], self.opl_before)
        return made, handed_on

    def start_frame(self, x: Tensor) -> Tensor:
        """Uniform grey, where nothing else is asked for."""
        context = running(self)
        if self.initial is not None or (context is not None and context.initial is not None):
            return super().start_frame(x)
        return torch.full_like(x[:, :, 0], self._grey())

    def footprint(self, sampling: Sampling) -> Footprint:
        """Each of three links adds a step."""
        return super().footprint(sampling).then(Footprint(memory=3))

    def _begin(self, frame: Tensor) -> None:
        """Be at rest under a frame (batch, channel, y, x)."""
        low = self.center.rest_under(frame)
        self.low_pass_before = self.undershoot.low_pass = low
        self.center_before = (1 - self.undershoot.weight) * low
        surround = self.surround.rest_under(self.center_before)
        at_rest = self._amplified(self.center_before.unsqueeze(2), surround.unsqueeze(2), ())
        self.opl_before = at_rest["opl"][:, :, 0]

    def _grey(self) -> float:
        middle = self.range_of_input() / 2
        limits = self.info.valid_range
        return middle if self.input_range is not None or limits is None else limits[0] + middle

    def _low_pass(self, config: OPLConfig, sigma: Any, tau: Any, n: int) -> LeakyLowPass:
        return LeakyLowPass(sigma, tau, n, config.leaky_heat_equation)
