"""Exponential low-pass filters in time."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.kernels.recursion import gamma_low_pass, low_pass, rest
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling


class LowPass(Layer):
    r"""Exponential low-pass :math:`E_\tau` (Wohrer & Kornprobst 2009, eq. 4).

    :math:`y_k = c\, y_{k-1} + (1-c)\, x_k,\quad c = e^{-dt/\tau}`: gain 1 at rest.

    Parameters
    ----------
    tau : quantity [time]
        Time constant; 0 s is the identity.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> step = cx.as_stimulus(np.ones(3), dt="10 ms", units="1")
    >>> cx.filters.LowPass(tau="10 ms")(step).values.round(3)
    array([0.632, 0.865, 0.95 ])
    """

    units_out = None
    low_pass: Any

    def __init__(self, tau: Any = "10 ms") -> None:
        super().__init__()
        self.tau = Parameter(tau, "time", bounds=("0 s", None), doc="time constant", label="tau")
        self.register_state("low_pass", doc="last output")

    def forward(self, x: Tensor) -> Tensor:
        """Filter (batch, channel, time, y, x)."""
        state = self.start_frame(x) if self.low_pass is None else self.low_pass
        y, self.low_pass = low_pass(x, state, self.tau, self.dt)
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """Forgets exponentially; no reach in space."""
        return Footprint.decay(float(self.tau), sampling.need_dt("LowPass"))


class GammaLowPass(Layer):
    r"""Gamma cascade :math:`E_{n,\tau}`: ``n + 1`` equal exponential low-passes (Wohrer & Kornprobst 2009, eq. 5).

    Each pole has the time constant :math:`\tau/n`.

    Impulse response :math:`(nt)^n e^{-nt/\tau} / ((n-1)!\,\tau^{n+1})`, which peaks at :math:`\tau`; ``n = 0`` is
    `LowPass`.

    Parameters
    ----------
    tau : quantity [time]
        Time to peak; 0 s is the identity.
    n : int
        Order, 0 to 16; not fitted by gradients.

    Notes
    -----
    Input and output: Tensor (batch, channel, time, y, x) or DataArray, in any unit, which is kept.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> impulse = cx.as_stimulus(np.eye(1, 2000)[0], dt="0.1 ms", units="1")
    >>> response = cx.filters.GammaLowPass(tau="20 ms", n=4)(impulse)
    >>> round(float(response.idxmax("time")), 3)
    0.02
    """

    units_out = None
    cascade: Any

    def __init__(self, tau: Any = "10 ms", n: int = 0) -> None:
        super().__init__()
        self.n = Parameter(n, "dimensionless", bounds=(0, 16), whole=True, doc="order of the cascade", label="n")
        self.tau = Parameter(tau, "time", bounds=("0 s", None), doc="time to peak", label="tau")
        self.register_state("cascade", doc="last output of every pole")

    def forward(self, x: Tensor) -> Tensor:
        """Filter (batch, channel, time, y, x)."""
        n = int(self.n)
        state = rest(self.start_frame(x), n) if self.cascade is None else self.cascade
        y, self.cascade = gamma_low_pass(x, state, self.tau, n, self.dt)
        return y

    def footprint(self, sampling: Sampling) -> Footprint:
        """Forgets exponentially; no reach in space."""
        n = int(self.n)
        return Footprint.decay(float(self.tau) / max(n, 1), sampling.need_dt(type(self).__name__), poles=n + 1)
