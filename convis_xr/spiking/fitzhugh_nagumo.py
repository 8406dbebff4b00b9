"""FitzHugh and Nagumo's model of excitability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from convis_xr.kernels import dynamics
from convis_xr.parameters import Parameter
from convis_xr.spiking.membrane import MembraneCell


class FitzHughNagumo(MembraneCell):
    r"""FitzHugh-Nagumo cells (FitzHugh 1961, Biophys J 1:445; Nagumo et al. 1962, Proc IRE 50:2061).

    :math:`T\,\dot v = v - v^3/3 - w + I,\quad T\,\dot w = \epsilon\,(v + a - b\,w)`: all dimensionless but the time
    scale T. A spike is where v comes up to the threshold: below it at the one end of a sub-step, on or above it at the
    next.

    Runge and Kutta's fourth order in sub-steps of at most ``max_step``, float64.

    Parameters
    ----------
    a, b, epsilon : float
        FitzHugh's constants; epsilon is how slow w is.
    time_scale : quantity [time]
        T, how long one unit of the model's time lasts.
    threshold : float
        Where v counts as a spike on its way up; 0 is half way between rest and peak.
    v_start, w_start : float
        Before the first sample; the default is rest without input, for the default constants.
    max_step : quantity [time]
        Longest sub-step.
    outputs : sequence of str
        What a call gives, among ``response`` (spikes), ``potential``, ``recovery``.

    Raises
    ------
    ContractError
        When called: an input so strong that the sub-steps do not follow it.
    OverflowError
        When called: more than 255 spikes in a step.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, dimensionless. Outputs: ``response``, spikes per step,
    uint8, count; ``potential`` (v) and ``recovery`` (w), dimensionless, at the end of each step, differentiable in
    input and parameters.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 0.5), dt="1 ms", units="1")
    >>> int(cx.spiking.FitzHughNagumo(time_scale="1 ms")(current).sum())
    26
    """

    units_in = "1"
    variables = (
        ("potential", "v", "1", "membrane"),
        ("recovery", "w", "1", "recovery"),
    )

    def __init__(
        self,
        a: Any = 0.7,
        b: Any = 0.8,
        epsilon: Any = 0.08,
        time_scale: Any = "1 ms",
        *,
        threshold: Any = 0.0,
        v_start: Any = -1.199408035244035,
        w_start: Any = -0.624260044055043,
        max_step: Any = "0.02 ms",
        outputs: str | Sequence[str] = "response",
    ) -> None:
        super().__init__(max_step, outputs)
        plain = "dimensionless"
        self.a = Parameter(a, plain, doc="where recovery is at rest", label="a")
        self.b = Parameter(b, plain, doc="decay of recovery", label="b")
        self.epsilon = Parameter(epsilon, plain, doc="how slow recovery is", label="epsilon")
        self.time_scale = Parameter(
            time_scale, "time", bounds=("1 ns", None), doc="one unit of the model's time", label="time_scale"
        )
        self.threshold = Parameter(
            threshold, plain, doc="a spike, on the way up", requires_grad=False, label="threshold"
        )
        self.v_start = Parameter(v_start, plain, doc="membrane at the start", label="v_start")
        self.w_start = Parameter(w_start, plain, doc="recovery at the start", label="w_start")

    @property
    def cell(self) -> dynamics.FitzHughNagumo:
        """Parameters, as the kernel takes them."""
        return dynamics.FitzHughNagumo(self.a, self.b, self.epsilon, self.threshold, self.time_scale)

    def begin_with(self) -> tuple[Tensor, ...]:
        """Membrane and recovery before the first sample."""
        return self.v_start, self.w_start
