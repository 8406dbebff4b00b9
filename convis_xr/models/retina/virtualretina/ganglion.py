"""VirtualRetina's ganglion cells."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from convis_xr.events import Events
from convis_xr.filters.gaussian import in_pixels, switched_off
from convis_xr.footprint import Footprint
from convis_xr.kernels.deriche import deriche_blur
from convis_xr.kernels.scalars import number
from convis_xr.kernels.virtualretina import ceiled_current, late, late_high_pass
from convis_xr.models.retina.cells import LogPolar
from convis_xr.models.retina.config import GanglionConfig
from convis_xr.models.retina.ganglion import Ganglion
from convis_xr.models.retina.virtualretina.spikes import LateLIF
from convis_xr.parameters import State
from convis_xr.sampling import Sampling
from convis_xr.selection import Selection


class LateGanglion(Ganglion):
    r"""Ganglion cells of VirtualRetina 2.2.3: every link reads the other's value of one step before.

    As `Ganglion`, but the transient at step k uses the potential at k-1, the current the transient at k-1, and spikes
    the current at k-1; above the threshold :math:`N(v) = i_0 + y/(1 + y/(500\,\mathrm{kHz} - i_0))`,
    :math:`y = \lambda (v - v_0)`; pools are Deriche's kernel; see `LateLIF` for spikes. With a transient weight of 0
    the transient vanishes, with its delay: it is the potential. All of it starts at 0.

    Parameters
    ----------
    config, spikes, seed, log_polar
        As of `Ganglion`.
    input_is_late : bool
        Whether the input is that of one step before already: where there are no bipolar cells in front.

    Notes
    -----
    Input and output as of `Ganglion`; computed in double precision.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> from convis_xr.models.retina import GanglionConfig
    >>> pulse = cx.as_stimulus(np.eye(4)[:, :1, None], dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell = LateGanglion(GanglionConfig("on", baseline="37 Hz", transient_weight=0.0), spikes=False)
    >>> cell(pulse)[:, 0, 0].values.round(2)  # the pulse, one step late
    array([ 37.  , 136.98,  37.  ,  37.  ])
    """

    spiking_class = LateLIF
    potential_before: Any
    transient_before: Any

    def __init__(
        self,
        config: GanglionConfig,
        spikes: bool = True,
        seed: int = 0,
        log_polar: LogPolar | None = None,
        input_is_late: bool = False,
    ) -> None:
        super().__init__(config, spikes, seed, log_polar)
        self.input_is_late = input_is_late
        self.low_pass = State(doc="low-pass of the potential", primed=False)
        self.potential_before = State(doc="potential of the last step", primed=False)
        self.transient_before = State(doc="transient of the last step", primed=False)

    def forward(self, x: Tensor) -> Tensor:
        """Output for potentials (batch, channel, time, y, x)."""
        made = super().forward(x)
        return made.to(x.dtype) if made.is_floating_point() else made

    def stages(
        self, x: Tensor, wanted: Collection[str], selection: Selection | None = None
    ) -> dict[str, Tensor | Events]:
        """As of `Ganglion`, in double precision."""
        self.check_sign()
        patch = self.patch(x, selection, self._reach)
        now = patch.enter(x).double()
        if self.low_pass is None:
            self.low_pass = self.potential_before = self.transient_before = torch.zeros_like(now[:, :, 0])
        late_now, self.potential_before = late(now, self.potential_before)
        seen = now if self.input_is_late else late_now
        transient, self.low_pass = late_high_pass(
            now, seen, self.low_pass, self.transient_tau, self.transient_weight, self.dt
        )
        late_transient, self.transient_before = late(transient, self.transient_before)
        made: dict[str, Tensor | Events] = {"transient": patch.leave(transient)} if "transient" in wanted else {}
        if set(wanted) - {"transient"}:
            drive = seen if number(self.transient_weight) == 0 else late_transient
            current = ceiled_current(self.sign.to(now.dtype) * drive, self.threshold, self.baseline, self.slope)
            pooled = patch.leave(deriche_blur(current, in_pixels(self.pooling_sigma, self.sampling, "Ganglion")))
            made |= {"current": pooled} | self.fired(pooled, wanted, patch.cells)
        return {stage: made[stage] for stage in wanted}

    @property
    def _reach(self) -> float:
        """How far a current looks, pixels: Deriche's kernel has no end."""
        return 0 if switched_off(self.pooling_sigma) else float("inf")

    def footprint(self, sampling: Sampling) -> Footprint:
        """Two links add a step each."""
        pool = Footprint(radius=self._reach)
        return super().footprint(sampling).then(Footprint(memory=2)).then(pool)
