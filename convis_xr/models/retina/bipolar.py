"""Bipolar cells with contrast gain control."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convis_xr.filters.gaussian import in_pixels, radius, switched_off
from convis_xr.footprint import Footprint
from convis_xr.kernels.gain_control import gain_control, gain_control_rest
from convis_xr.layer import Layer
from convis_xr.models.retina.config import BipolarConfig
from convis_xr.parameters import Parameter, State
from convis_xr.sampling import Sampling

_SOURCE = "Wohrer & Kornprobst 2009, eqs. 8-11"


class Bipolar(Layer):
    r"""Bipolar cells whose leak adapts to contrast (Wohrer & Kornprobst 2009, eqs. 8-11).

    :math:`\dot V = A I - g V,\quad g = g_0 + G_A * E_{\tau_A} * (\lambda_A V^2)`, stepped by exponential Euler. With
    :math:`\lambda_A = 0` a leaky integrator of gain :math:`A / g_0`.

    Parameters
    ----------
    config : BipolarConfig
        Its parameters.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, dimensionless current. Output: potential in units of
    the spiking threshold.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.ones((3, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> cell = Bipolar(BipolarConfig(input_amplification="50 Hz", g_leak="25 Hz", adaptation_gain="0 Hz"))
    >>> float(cell(current)[-1, 0, 0])
    2.0
    """

    units_in = "1"
    start = "first_frame"
    potential: Any
    adaptation: Any

    def __init__(self, config: BipolarConfig | None = None) -> None:
        super().__init__()
        config = BipolarConfig() if config is None else config
        self.input_amplification = Parameter(
            config.input_amplification, "rate", doc="gain of the input", source=_SOURCE, label="input_amplification"
        )
        self.g_leak = Parameter(
            config.g_leak, "rate", bounds=("0 Hz", None), doc="leak at rest", source=_SOURCE, label="g_leak"
        )
        self.adaptation_sigma = Parameter(
            config.adaptation_sigma,
            "angle",
            bounds=("0 deg", None),
            doc="width of the pool",
            source=_SOURCE,
            label="adaptation_sigma",
        )
        self.adaptation_tau = Parameter(
            config.adaptation_tau,
            "time",
            bounds=("0 s", None),
            doc="its time constant",
            source=_SOURCE,
            label="adaptation_tau",
        )
        self.adaptation_gain = Parameter(
            config.adaptation_gain,
            "rate",
            bounds=("0 Hz", None),
            doc="strength of the gain control",
            source=_SOURCE,
            label="adaptation_gain",
        )
        self.potential = State(doc="potential V")
        self.adaptation = State(units="Hz", doc="adapting part of the leak")

    def forward(self, x: Tensor) -> Tensor:
        """Potential for currents (batch, channel, time, y, x)."""
        return self.follow(x, with_adaptation=False)[0]

    def follow(self, x: Tensor, with_adaptation: bool) -> tuple[Tensor, Tensor | None]:
        """Potential, and the adapting part of the leak where it is asked for [Hz]."""
        constants: dict[str, Any] = {
            "input_amplification": self.input_amplification,
            "g_leak": self.g_leak,
            "sigma_px": self._sigma(),
            "gain": self.adaptation_gain,
        }
        if self.potential is None:
            state = gain_control_rest(self.start_frame(x), **constants)
        else:
            state = (self.potential, self.adaptation)
        v, adaptation, (self.potential, self.adaptation) = gain_control(
            x, state, **constants, tau=self.adaptation_tau, dt=self.dt, with_adaptation=with_adaptation
        )
        return v, adaptation

    def footprint(self, sampling: Sampling) -> Footprint:
        """The leak is ``g_leak`` or more; gain control spreads by the pool's width at every step: no bound in space."""
        dt = sampling.need_dt("Bipolar")
        leak = float(self.g_leak)
        own = Footprint.decay(1 / leak, dt) if leak > 0 else Footprint(memory=float("inf"))
        if float(self.adaptation_gain) == 0:
            return own
        reach = float("inf") if radius(self.adaptation_sigma, sampling, "Bipolar") else 0
        return own.then(Footprint.decay(float(self.adaptation_tau), dt)).then(Footprint(radius=reach))

    def _sigma(self) -> tuple[Tensor, Tensor]:
        if switched_off(self.adaptation_gain):
            return self.adaptation_gain, self.adaptation_gain
        return in_pixels(self.adaptation_sigma, self.sampling, "Bipolar")
