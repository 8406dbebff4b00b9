"""Hodgkin and Huxley's model of the squid's giant axon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from convis_xr.kernels import dynamics
from convis_xr.parameters import Parameter
from convis_xr.spiking.membrane import MembraneCell


class HodgkinHuxley(MembraneCell):
    r"""Hodgkin-Huxley cells, the squid's giant axon (Hodgkin & Huxley 1952, J Physiol 117:500, eq. 26).

    :math:`C \dot v = I - g_{Na} m^3 h\,(v - E_{Na}) - g_K n^4 (v - E_K) - g_L (v - E_L)`, and for each gate
    :math:`\dot x = \phi\,(\alpha_x(v)\,(1 - x) - \beta_x(v)\,x)` with (v in mV, rates in 1/ms)

    ====  ===========================================  ==================================
    gate  alpha                                        beta
    ====  ===========================================  ==================================
    m     :math:`0.1 (v+40) / (1 - e^{-(v+40)/10})`    :math:`4 e^{-(v+65)/18}`
    h     :math:`0.07 e^{-(v+65)/20}`                  :math:`1 / (1 + e^{-(v+35)/10})`
    n     :math:`0.01 (v+55) / (1 - e^{-(v+55)/10})`   :math:`0.125 e^{-(v+65)/80}`
    ====  ===========================================  ==================================

    The paper counts from rest and depolarisation down; here rest is at -65 mV and depolarisation goes up. The rates
    have their limits where the fractions are 0/0. A spike is where v comes up to the threshold: below it at the one end
    of a sub-step, on or above it at the next.

    Runge and Kutta's fourth order in sub-steps of at most ``max_step``, float64.

    Parameters
    ----------
    g_na, g_k, g_leak : quantity [mS/cm^2]
        Conductances.
    e_na, e_k, e_leak : quantity [mV]
        Reversal potentials.
    capacitance : quantity [uF/cm^2]
        Of the membrane.
    temperature_factor : float
        :math:`\phi = 3^{(T - 6.3 °C)/10 °C}`, 1 at the paper's 6.3 °C.
    threshold : quantity [mV]
        Where v counts as a spike on its way up.
    v_start : quantity [mV]
        Membrane before the first sample, the gates in their steady state for it; -65 mV is rest.
    max_step : quantity [time]
        Longest sub-step.
    outputs : sequence of str
        What a call gives, among ``response`` (spikes), ``potential``, ``sodium_activation`` (m),
        ``sodium_availability`` (h), ``potassium_activation`` (n).

    Raises
    ------
    ContractError
        When called: an input so strong that the sub-steps do not follow it (a membrane below -127 mV for sub-steps of
        0.02 ms).
    OverflowError
        When called: more than 255 spikes in a step.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) of current densities in uA/cm^2, or DataArray in any such unit. Outputs:
    ``response``, spikes per step, uint8, count; ``potential`` [mV] and the gates at the end of each step,
    differentiable in input and parameters.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(200, 10.0), dt="1 ms", units="uA/cm^2")
    >>> int(cx.spiking.HodgkinHuxley()(current).sum())
    14
    """

    units_in = "uA/cm^2"
    variables = (
        ("potential", "v", "mV", "membrane"),
        ("sodium_activation", "m", "1", "gate m"),
        ("sodium_availability", "h", "1", "gate h: what is not inactivated"),
        ("potassium_activation", "n", "1", "gate n"),
    )

    def __init__(
        self,
        g_na: Any = "120 mS/cm^2",
        g_k: Any = "36 mS/cm^2",
        g_leak: Any = "0.3 mS/cm^2",
        e_na: Any = "50 mV",
        e_k: Any = "-77 mV",
        e_leak: Any = "-54.387 mV",
        capacitance: Any = "1 uF/cm^2",
        temperature_factor: Any = 1.0,
        *,
        threshold: Any = "0 mV",
        v_start: Any = "-65 mV",
        max_step: Any = "0.02 ms",
        outputs: str | Sequence[str] = "response",
    ) -> None:
        super().__init__(max_step, outputs)
        for name, value, what in (("g_na", g_na, "sodium"), ("g_k", g_k, "potassium"), ("g_leak", g_leak, "leak")):
            conductance = Parameter(
                value, "mS/cm^2", bounds=("0 mS/cm^2", None), doc=f"conductance of {what}", label=name
            )
            setattr(self, name, conductance)
        for name, value, what in (("e_na", e_na, "sodium"), ("e_k", e_k, "potassium"), ("e_leak", e_leak, "leak")):
            setattr(self, name, Parameter(value, "mV", doc=f"reversal potential of {what}", label=name))
        self.capacitance = Parameter(
            capacitance, "uF/cm^2", bounds=("1e-6 uF/cm^2", None), doc="of the membrane", label="capacitance"
        )
        self.temperature_factor = Parameter(
            temperature_factor,
            "dimensionless",
            bounds=(1e-6, None),
            doc="speed of the gates",
            label="temperature_factor",
        )
        self.threshold = Parameter(
            threshold, "mV", doc="a spike, on the way up", requires_grad=False, label="threshold"
        )
        self.v_start = Parameter(
            v_start, "mV", bounds=("-120 mV", "200 mV"), doc="membrane at the start", label="v_start"
        )

    @property
    def cell(self) -> dynamics.HodgkinHuxley:
        """Parameters, as the kernel takes them."""
        named = {name: getattr(self, name) for name in dynamics.HodgkinHuxley._fields[:7]}
        return dynamics.HodgkinHuxley(**named, phi=self.temperature_factor, threshold=self.threshold)

    def begin_with(self) -> tuple[Tensor, ...]:
        """Membrane and gates before the first sample."""
        return self.v_start, *dynamics.gates_at_rest(self.v_start).unbind(0)
