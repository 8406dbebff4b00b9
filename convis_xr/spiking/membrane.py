"""What all cells share that are differential equations: sub-steps, states, and outputs by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.kernels.dynamics import Cell, follow
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.spiking.refusals import told


class MembraneCell(Layer):
    """Base class of `Izhikevich`, `FitzHughNagumo` and `HodgkinHuxley`.

    A subclass says what it carries in `variables`, and gives its parameters and its start.

    Parameters
    ----------
    max_step : quantity [time]
        Longest sub-step.
    outputs : sequence of str
        The outputs that a call gives, among `output_names`; a run may ask for others.
    """

    #: name of every state: by which it is asked for, its letter in the kernel, unit, what it is; the membrane first
    variables: tuple[tuple[str, str, str, str], ...] = ()

    def __init__(self, max_step: Any, outputs: str | Sequence[str]) -> None:
        super().__init__()
        self.max_step = Parameter(
            max_step, "time", bounds=("1 ns", None), doc="longest sub-step", requires_grad=False, label="max_step"
        )
        for name, _, units, doc in self.variables:
            self.register_state(name, units=units, doc=doc, primed=False)
        self.outputs = self._checked_outputs(outputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """``response``, the spikes, and every variable of the cell, at the end of each time step."""
        return ("response", *(name for name, *_ in self.variables))

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """What was asked for when the layer was made."""
        return self.outputs

    def output_units(self, name: str, input_units: str) -> str:
        """Spikes are counts; a variable has its own unit."""
        return {"response": "count", **{known: units for known, _, units, _ in self.variables}}[name]

    @property
    def cell(self) -> Cell:
        """Parameters, as the kernel takes them."""
        raise NotImplementedError

    def begin_with(self) -> tuple[Tensor, ...]:
        """Each variable before the first sample: 0-d tensors."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Spikes (batch, channel, time, y, x), uint8; a dict where other outputs are asked for."""
        wanted = self.wanted_outputs
        letters = {name: letter for name, letter, *_ in self.variables}
        with told():
            counts, traces, state = follow(
                x, self._begun(x), self.cell, dt=self.dt, max_step=float(self.max_step),
                kept=[letters[name] for name in wanted if name in letters],
            )  # fmt: skip
        for (name, *_), value in zip(self.variables, state.unbind(0), strict=True):
            setattr(self, name, value)
        if wanted == ("response",):
            return counts
        return {name: counts if name == "response" else traces[letters[name]] for name in wanted}

    def footprint(self, sampling: Sampling) -> Footprint:
        """A membrane never surely forgets, since spikes are discrete; no reach in space."""
        return Footprint(memory=float("inf"))

    def working_arrays(self, outputs: Sequence[str]) -> float:
        """The input, once in order of memory, the counts, and each variable that is asked for."""
        return 3 + len(outputs)

    def _begun(self, x: Tensor) -> Tensor:
        held = [getattr(self, name) for name, *_ in self.variables]
        if all(value is not None for value in held):
            return torch.stack([value.to(torch.float64) for value in held])
        shape = (*x.shape[:2], *x.shape[3:])
        return torch.stack([value.to(x.device, torch.float64).expand(shape) for value in self.begin_with()])
