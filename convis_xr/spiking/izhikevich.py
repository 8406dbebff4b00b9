"""Izhikevich's simple model of spiking cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from torch import Tensor

from convis_xr.kernels import dynamics
from convis_xr.parameters import Parameter
from convis_xr.spiking.membrane import MembraneCell
from convis_xr.spiking.patterns import pattern_of


class Izhikevich(MembraneCell):
    r"""Izhikevich's simple model of spiking cells (Izhikevich 2003, IEEE TNN 14:1569; 2004, IEEE TNN 15:1063).

    :math:`\dot v = 0.04 v^2 + k_1 v + k_0 - u + I,\quad \dot u = a\,(b\,(v - v_r) - k_u u)`; at :math:`v \ge 30` mV a
    spike, :math:`v \leftarrow c,\ u \leftarrow u + d`. Time in ms, v in mV: the standard model has
    :math:`k_1 = 5,\ k_0 = 140,\ v_r = 0,\ k_u = 1`, its variants for class 1 and for the integrator
    :math:`k_1 = 4.1,\ k_0 = 108`, and that for accommodation :math:`v_r = -65,\ k_u = 0`.

    Runge and Kutta's fourth order in sub-steps of at most ``max_step``, float64; spikes at the ends of sub-steps.

    Parameters
    ----------
    a, b : quantity [1/time]
        Rate of recovery, and how strongly it follows the membrane.
    c : quantity [mV]
        Membrane after a spike.
    d : quantity [mV/ms]
        What a spike adds to the recovery.
    linear : quantity [1/time]
        :math:`k_1`.
    constant : quantity [mV/ms]
        :math:`k_0`.
    v_ref : quantity [mV]
        :math:`v_r`.
    u_leak : float
        :math:`k_u`.
    v_start : quantity [mV]
        Membrane before the first sample.
    u_start : quantity [mV/ms], optional
        Recovery before the first sample; by default :math:`b\,(v - v_r)` of the values that are given here: it stays
        where it is when they are set later.
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
    Input: Tensor (batch, channel, time, y, x) of currents in mV/ms, the paper's I (a current divided by a capacitance),
    or DataArray in any unit of voltage by time (without a unit: mV/ms). Outputs: ``response``, spikes per step, uint8,
    count; ``potential`` [mV] and ``recovery`` [mV/ms] at the end of each step. There is no gradient: the membrane jumps
    at spikes.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> current = cx.as_stimulus(np.full(1000, 10.0), dt="1 ms", units="mV/ms")
    >>> int(cx.spiking.Izhikevich()(current).sum())
    23
    >>> cell = cx.spiking.Izhikevich.pattern("tonic bursting")
    >>> int(cell(cx.spiking.pattern_current("tonic bursting")).sum())
    29
    """

    units_in = "mV/ms"
    bare_in = True
    variables = (
        ("potential", "v", "mV", "membrane"),
        ("recovery", "u", "mV/ms", "recovery"),
    )

    def __init__(
        self,
        a: Any = "0.02 /ms",
        b: Any = "0.2 /ms",
        c: Any = "-65 mV",
        d: Any = "8 mV/ms",
        *,
        linear: Any = "5 /ms",
        constant: Any = "140 mV/ms",
        v_ref: Any = "0 mV",
        u_leak: Any = 1.0,
        v_start: Any = "-65 mV",
        u_start: Any = None,
        max_step: Any = "0.01 ms",
        outputs: str | Sequence[str] = "response",
    ) -> None:
        super().__init__(max_step, outputs)
        self.a = Parameter(a, "1/ms", doc="rate of recovery", label="a")
        self.b = Parameter(b, "1/ms", doc="how strongly recovery follows the membrane", label="b")
        self.c = Parameter(c, "mV", bounds=(None, "29 mV"), doc="membrane after a spike", label="c")
        self.d = Parameter(d, "mV/ms", doc="what a spike adds to recovery", label="d")
        self.linear = Parameter(linear, "1/ms", doc="linear part of the membrane's equation", label="linear")
        self.constant = Parameter(constant, "mV/ms", doc="constant part of it", label="constant")
        self.v_ref = Parameter(v_ref, "mV", doc="membrane at which recovery is not driven", label="v_ref")
        self.u_leak = Parameter(u_leak, "dimensionless", doc="whether recovery decays", label="u_leak")
        self.v_start = Parameter(v_start, "mV", bounds=(None, "29 mV"), doc="membrane at the start", label="v_start")
        begun = f"{float(self.b) * (float(self.v_start) - float(self.v_ref))!r} mV/ms" if u_start is None else u_start
        self.u_start = Parameter(begun, "mV/ms", doc="recovery at the start", label="u_start")

    @classmethod
    def pattern(cls, name: str, **changes: Any) -> Self:
        """A cell that fires in one of the twenty named patterns (Izhikevich 2004, fig. 1).

        Parameters
        ----------
        name : str
            A key of `convis_xr.spiking.PATTERNS`; `convis_xr.spiking.pattern_current` has the current for it.
        **changes
            Further arguments of the class.

        Raises
        ------
        ParameterError
            There is no such pattern.

        Examples
        --------
        >>> Izhikevich.pattern("class 1").linear.value
        <Quantity(4.1, '1 / millisecond')>
        """
        return cls(**{**pattern_of(name).cell, **changes})

    @property
    def cell(self) -> dynamics.Izhikevich:
        """Parameters, as the kernel takes them."""
        names = dynamics.Izhikevich._fields[:8]
        return dynamics.Izhikevich(**{name: getattr(self, name) for name in names}, threshold=30.0)

    def begin_with(self) -> tuple[Tensor, ...]:
        """Membrane and recovery before the first sample."""
        return self.v_start, self.u_start
