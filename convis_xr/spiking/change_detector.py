"""What the event camera and the integrating motion sensor share: a reference, and events of two polarities."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.kernels.events import Mode, change_events, levels_of
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.spiking.refusals import told
from convis_xr.units import unit_of


class ChangeDetector(Layer):
    """Base class of `EventCamera` and `IntegratingMotionSensor`: pixels with a reference level, ON and OFF events.

    Parameters
    ----------
    mode : "linear", "log" or "integral"
        What the reference is compared to.
    threshold_on, threshold_off : quantity
        In the unit of what is compared, above 0.
    refractory : quantity [time]
        Time after an event in which there is no other.
    leak : quantity [rate]
        Rate of ON events in constant light.
    """

    units_out = "count"
    reference: Any
    waiting: Any

    def __init__(self, mode: Mode, threshold_on: Any, threshold_off: Any, refractory: Any, leak: Any) -> None:
        super().__init__()
        self.mode = mode
        units = unit_of(threshold_on, "threshold_on")
        for name, value in (("threshold_on", threshold_on), ("threshold_off", threshold_off)):
            least = 0 if units == "1" else f"0 {units}"
            doc = "change that makes an event"
            held = Parameter(value, units, bounds=(least, None), doc=doc, requires_grad=False, label=name)
            if float(held) == 0:
                raise ParameterError(explain(name, wanted="a value above 0", got="0", cure=f"{name}=0.2"))
            setattr(self, name, held)
        self.refractory = Parameter(
            refractory,
            "time",
            bounds=("0 s", None),
            doc="silence after an event",
            requires_grad=False,
            label="refractory",
        )
        self.leak = Parameter(
            leak,
            "rate",
            bounds=("0 Hz", None),
            doc="rate of ON events in constant light",
            requires_grad=False,
            label="leak",
        )
        self.register_state("reference", doc="level at the last event")
        self.register_state("waiting", units="s", doc="what is left of the refractory period", primed=False)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Events of both polarities."""
        return ("on", "off")

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """Both."""
        return self.output_names

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Events ``on`` and ``off``, each (batch, channel, time, y, x), uint8."""
        with told():
            on, off, (self.reference, self.waiting) = change_events(
                x, self._begun(x), mode=self.mode, dt=self.dt,
                **{name: getattr(self, name) for name in ("threshold_on", "threshold_off", "refractory", "leak")},
            )  # fmt: skip
        made = {"on": on, "off": off}
        return {name: made[name] for name in self.wanted_outputs}

    def _begun(self, x: Tensor) -> tuple[Tensor, Tensor]:
        reference = levels_of(self.start_frame(x), self.mode)[0] if self.reference is None else self.reference
        return reference, torch.zeros_like(reference) if self.waiting is None else self.waiting

    def footprint(self, sampling: Sampling) -> Footprint:
        """A reference is kept until the next event, however long; no reach in space."""
        return Footprint(memory=float("inf"))

    def extra_repr(self) -> str:
        """Parameters and mode."""
        return f"{super().extra_repr()}, mode={self.mode!r}"
