"""A model is tried on one frame before a run: what it gives, how that is labelled, and what it carries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.context import RunContext
from convis_xr.engine.facts import OutputFacts, TableFacts
from convis_xr.engine.request import Request
from convis_xr.engine.state import Arrays
from convis_xr.errors import ContractError, ConvisError, explain
from convis_xr.event_table import EventTable
from convis_xr.outputs import forms
from convis_xr.tensors import Labels


@dataclass(frozen=True)
class Rehearsal:
    """What a model showed on one frame."""

    outputs: tuple[OutputFacts, ...]
    tables: tuple[TableFacts, ...]
    #: how each output is labelled, in the order in which they were asked for
    forms: dict[str, Labels | EventTable]
    #: bytes of the state of all trials
    state: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of all outputs, in order."""
        return tuple(self.forms)

    def values(self, trials: Sequence[Mapping[str, Any]], first: int, steps: int) -> tuple[Arrays, dict[str, Arrays]]:
        """What the trials gave in a chunk: values of the outputs with their own dimensions, and rows of the tables."""
        arrays, tables = {}, {}
        facts = {output.name: output for output in self.outputs}
        for name, form in self.forms.items():
            if isinstance(form, EventTable):
                tables[name] = form.rows([trial[name] for trial in trials], first)
            else:
                arrays[name] = _values(facts[name], form, [trial[name] for trial in trials], steps)
        return arrays, tables

    def skeleton(self) -> xr.Dataset:
        """The coordinates of the result, without its variables, and without those of events."""
        dataset = xr.Dataset()
        for form in self.forms.values():
            coords = form.labels.coords if isinstance(form, EventTable) else form.coords
            known = coords.to_dataset()
            if isinstance(form, EventTable):  # cells and time steps are columns of the table
                known = known.drop_vars([name for name, value in known.coords.items() if value.dims])
            new = [name for name in known.coords if name not in dataset.coords]
            dataset = dataset.assign_coords(known[new].coords)
        return dataset


def rehearse(request: Request) -> Rehearsal:
    """Show the model one grey frame, from the start, in a context that is thrown away."""
    # a run says here what there is to warn of, once and not for every chunk and trial
    context = request.context(warns=not request.state)
    # not zeros, which have no logarithm: the middle of the range, or one in the model's own unit
    limits = request.info.valid_range
    grey = 1 / context.scale if limits is None else sum(limits) / 2
    frame = torch.full(request.frame_shape, grey, dtype=request.dtype, device=request.device)
    try:
        made = request.model.advance(context, frame)
    except Exception as error:
        if not isinstance(error, ConvisError):
            error.add_note("This was met while the model was tried on a single frame; every length of chunk must do.")
        raise
    _check_state(request, context)
    trials = request.repeats or 1
    state = sum(value.numel() * value.element_size() for value in context.state.values()) * trials
    wanted = tuple(made) if request.outputs is None else request.outputs
    for name in wanted:
        if name not in made:
            cure = "return a dict with every name of output_names that is in self.wanted_outputs"
            got = ", ".join(made) or "none"
            raise ContractError(explain("model", wanted=f"an output {name!r}", got=got, cure=cure))
    found = forms(
        {name: made[name] for name in wanted}, request.labels, request.stimulus.coords[dims.TIME],
        zero=request.zero, repeats=request.repeats,
    )  # fmt: skip
    outputs = tuple(_facts(request, name, form, made[name]) for name, form in found.items() if isinstance(form, Labels))
    _check_together(outputs)
    tables = tuple(
        TableFacts(name, form.dim, tuple(form.dtypes.items()), math.prod(made[name].shape) * trials)
        for name, form in found.items()
        if isinstance(form, EventTable)
    )
    return Rehearsal(outputs, tables, found, state)


def _values(facts: OutputFacts, labels: Labels, trials: list[torch.Tensor], steps: int) -> np.ndarray[Any, Any]:
    parts = [labels.strip(tensor) for tensor in trials]
    values = np.stack(parts) if dims.REPEAT in facts.dims else parts[0]
    wanted = tuple(steps if name == dims.TIME else size for name, size in zip(facts.dims, facts.shape, strict=True))
    if values.shape != wanted or values.dtype != facts.dtype:
        got = f"{values.shape}, {values.dtype}"
        cure = "a model whose output depends on nothing but its input and its state"
        raise ContractError(explain(f"output {facts.name!r}", wanted=f"{wanted}, {facts.dtype}", got=got, cure=cure))
    return values


def _facts(request: Request, name: str, labels: Labels, tensor: torch.Tensor) -> OutputFacts:
    dtype = str(tensor.dtype).removeprefix("torch.")
    units = request.model.output_units(name, request.info.units)
    return OutputFacts(name, tuple(labels.sizes), tuple(labels.sizes.values()), dtype, units)


def _check_state(request: Request, context: RunContext) -> None:
    """A state that was given is as the stimulus asks for: nothing is broadcast or cast."""
    request.model._checked_state(request.state)
    for given_state in request.states():
        _check_one(given_state, context.state)


def _check_one(given_state: Mapping[str, torch.Tensor], needed_state: Mapping[str, Any]) -> None:
    for path, given in given_state.items():
        needed = needed_state.get(path, given)
        if needed.shape != given.shape or needed.dtype != given.dtype:
            got = f"shape {tuple(given.shape)}, {given.dtype}"
            wanted = f"shape {tuple(needed.shape)}, {needed.dtype} for this stimulus"
            cure = "the state of a run with the same frame, region= or cells=, and dtype="
            raise ContractError(explain(f"state[{path!r}]", wanted=wanted, got=got, cure=cure))


def _check_together(outputs: tuple[OutputFacts, ...]) -> None:
    """Outputs of one Dataset share their dimensions."""
    seen: dict[str, tuple[int, str]] = {}
    for output in outputs:
        for dim, size in zip(output.dims, output.shape, strict=True):
            known, other = seen.setdefault(dim, (size, output.name))
            if known != size:
                got = f"{dim}={known} in {other!r}, {dim}={size} in {output.name!r}"
                cure = f'one run for each: outputs=["{other}"]'
                raise ContractError(explain("outputs", wanted="outputs of one frame size", got=got, cure=cure))
