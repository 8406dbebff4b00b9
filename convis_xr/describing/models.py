"""Descriptions of layers, models and plain torch modules."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import torch

from convis_xr.describing.description import Description, Table
from convis_xr.describing.values import (
    DERIVED_COLUMNS,
    PARAMETER_COLUMNS,
    STATE_COLUMNS,
    derived_row,
    parameter_row,
    state_row,
)
from convis_xr.errors import ContractError
from convis_xr.layer import Layer
from convis_xr.module import Module

_BRACKETS = re.compile(r"\(([^()]*)\)")
_YEAR = re.compile(r"\b(?:1[89]|20)\d\d\b")
_MARKUP = re.compile(r":math:`([^`]*)`|`+([^`]*)`+")


def describe_module(module: torch.nn.Module) -> Description:
    """A model: parameters, derived values, states, outputs, layers, footprint."""
    tables = [
        Table("Parameters", PARAMETER_COLUMNS, _parameters(module)),
        Table("Derived values", DERIVED_COLUMNS, _derived(module)),
        Table("States", STATE_COLUMNS, _states(module)),
        Table("Outputs", ("name", "unit", "given"), _outputs(module)),
        Table("Layers", ("path", "kind", "purpose"), _layers(module)),
    ]
    shown = tuple(table for table in tables if table.rows)
    return Description(type(module).__name__, summary_of(type(module)), tuple(_facts(module)), shown)


def summary_of(kind: type) -> str:
    """First paragraph of a class's own docstring, without markup.

    Examples
    --------
    >>> from convis_xr.filters import LowPass
    >>> summary_of(LowPass)
    'Exponential low-pass E_tau (Wohrer & Kornprobst 2009, eq. 4).'
    """
    own = kind.__dict__.get("__doc__") or ""
    first = inspect.cleandoc(own).split("\n\n")[0].replace("\n", " ")
    plain = _MARKUP.sub(lambda found: found.group(1) or found.group(2) or "", first)
    return re.sub(r"[\\{}]", "", plain)


def source_of(kind: type) -> str:
    """The papers, each with its year, that the summary of a class cites in brackets.

    Examples
    --------
    >>> from convis_xr.filters import PartialHighPass
    >>> source_of(PartialHighPass)
    'Wohrer & Kornprobst 2009, eq. 6'
    """
    parts = [part.strip() for found in _BRACKETS.findall(summary_of(kind)) for part in found.split(";")]
    return "; ".join(part for part in parts if _YEAR.search(part))


def footreachtext(layer: Layer) -> str:
    """How far the layer looks, at the sampling that it knows."""
    sampling = layer.sampling
    try:
        reach = layer.footprint(sampling)
    except ContractError:
        return 'known once the sampling is, by data or by set_options(dt="1 ms", pixel_size="0.1 deg")'
    dt = "" if sampling.dt_s is None or math.isinf(reach.memory) else f" ({reach.memory * sampling.dt_s:.4g} s)"
    forgets = f", forgotten to {reach.tolerance:g}" if reach.tolerance else ""
    memory = "never forgets" if math.isinf(reach.memory) else f"{reach.memory:g} samples{dt}{forgets}"
    radius = "the whole frame" if math.isinf(reach.radius) else f"{reach.radius:g} pixels"
    return f"memory {memory}; reach {radius}; {'mixes' if reach.mixes_channels else 'keeps'} channels"


def _facts(module: torch.nn.Module) -> list[tuple[str, str]]:
    held = list(module.parameters())
    fitted = sum(value.numel() for value in held if value.requires_grad)
    facts = [("numbers", f"{sum(value.numel() for value in held)} in parameters, {fitted} of them fitted")]
    if isinstance(module, Layer):
        facts.append(("input", "any unit" if module.units_in is None else module.units_in))
        facts.append(("sampling", repr(module.sampling)))
        facts.append(("footprint", footreachtext(module)))
        facts.append(("before the first frame", str(module.start if module.initial is None else module.initial)))
    return facts


def _parameters(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    rows = []
    for path, value in module.named_parameters():
        owner = module.get_submodule(path.rpartition(".")[0])
        rows.append(parameter_row(path, value, source_of(type(owner))))
    return tuple(rows)


def _derived(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    if not isinstance(module, Module):
        return ()
    return tuple(derived_row(path, value) for path, value in module.derived.items())


def _states(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    return tuple(state_row(path, value) for path, value in module.s.items()) if isinstance(module, Module) else ()


def _outputs(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    if not isinstance(module, Layer):
        return ()
    units = module.info.units
    given = module.default_outputs
    return tuple(
        (name, _unit(module, name, units), "by default" if name in given else "if asked for")
        for name in module.output_names
    )


def _unit(layer: Layer, name: str, units: str) -> str:
    """The unit of an output; where it is the input's and nothing was seen yet, these words."""
    marked = layer.output_units(name, "that of the input")
    return layer.output_units(name, units) if marked != "that of the input" or layer._info is not None else marked


def _layers(module: torch.nn.Module) -> tuple[tuple[str, ...], ...]:
    named: Any = module.named_modules()
    return tuple((path, type(below).__name__, summary_of(type(below))) for path, below in named if path)
