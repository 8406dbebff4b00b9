"""Descriptions of single values: parameters, derived values, states, tensors, and names for many of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from convis_xr.describing.description import Description, Table
from convis_xr.errors import ContractError, explain
from convis_xr.parameters import Derived, Namespace, Parameter, State
from convis_xr.parameters.files import unit_of_parameter

PARAMETER_COLUMNS = ("path", "value", "unit", "bounds", "fitted", "meaning", "source")
DERIVED_COLUMNS = ("path", "value", "unit", "follows from", "meaning")
STATE_COLUMNS = ("path", "now", "unit", "meaning")
#: arrays with more values are told by their shape
MOST_VALUES = 6


def parameter_row(path: str, parameter: torch.nn.Parameter, source: str = "") -> tuple[str, ...]:
    """One parameter as `PARAMETER_COLUMNS`; ``source`` where it names none of its own."""
    fitted = "yes" if parameter.requires_grad else "no"
    value, unit = value_text(parameter), unit_of_parameter(parameter)
    if not isinstance(parameter, Parameter):
        return path, value, unit, "", fitted, "", ""
    return path, value, unit, bounds_text(parameter), fitted, parameter.doc, parameter.source or source


def derived_row(path: str, derived: Derived) -> tuple[str, ...]:
    """One derived value as `DERIVED_COLUMNS`."""
    place = derived.stands_for
    value = value_text(torch.as_tensor(derived.get()))
    meaning = "" if place is None else place.doc
    return path, value, "" if place is None else place.units, ", ".join(derived.dependencies), meaning


def state_row(path: str, state: State) -> tuple[str, ...]:
    """One state as `STATE_COLUMNS`."""
    now = "not begun" if state.value is None else f"shape {tuple(state.value.shape)}"
    return path, now, state.units, state.doc


def value_text(tensor: torch.Tensor) -> str:
    """The values where they are few, else their shape.

    Examples
    --------
    >>> value_text(torch.tensor([1.0, 2.5])), value_text(torch.zeros(3, 4))
    ('1, 2.5', 'shape (3, 4)')
    """
    if tensor.ndim > 1 or tensor.numel() > MOST_VALUES:
        return f"shape {tuple(tensor.shape)}"
    return ", ".join(f"{value:.6g}" for value in tensor.detach().flatten().tolist())


def bounds_text(parameter: Parameter) -> str:
    """Bounds as people write them.

    Examples
    --------
    >>> bounds_text(Parameter("1 ms", bounds=("0 s", None))), bounds_text(Parameter(1.0, bounds=(0, 2)))
    ('>= 0', '0 to 2')
    """
    low, high = parameter.bounds
    if low is None:
        return "" if high is None else f"<= {high:g}"
    return f">= {low:g}" if high is None else f"{low:g} to {high:g}"


def describe_parameter(parameter: Parameter) -> Description:
    """A parameter."""
    row = dict(zip(PARAMETER_COLUMNS, parameter_row(parameter.label, parameter), strict=True))
    facts = [(name, row[name]) for name in PARAMETER_COLUMNS[1:] if row[name] and name != "meaning"]
    facts.append(("form", f"{'whole number' if parameter.whole else parameter.dimension}, {_dtype(parameter)}"))
    return Description(f"Parameter {parameter.label}", parameter.doc, tuple(facts))


def describe_derived(derived: Derived) -> Description:
    """A derived value, with what it follows from."""
    _, value, unit, _, meaning = derived_row("", derived)
    facts = [("value", value)] + ([("unit", unit)] if unit else [])
    rows = tuple(_dependency_row(name, value) for name, value in derived.dependencies.items())
    return Description(
        "Derived value", meaning, tuple(facts), (Table("Follows from", ("name", "value", "kind"), rows),)
    )


def describe_state(state: State) -> Description:
    """A state."""
    _, now, unit, meaning = state_row("", state)
    follows = "yes" if state.primed else "no: it starts afresh"
    return Description("State", meaning, (("now", now), ("unit", unit), ("follows what was before", follows)))


def describe_names(names: Namespace) -> Description:
    """All that a namespace holds, by kind."""
    summary = f"{len(names)} entries" if len(names) != 1 else "1 entry"
    return Description(names._doc or "Names", summary, (), tuple(tables_of(names)))


def tables_of(names: Mapping[str, Any]) -> Sequence[Table]:
    """A table for each kind of thing among ``names``."""
    kinds: dict[tuple[str, tuple[str, ...]], list[tuple[str, ...]]] = {}
    for path, value in names.items():
        if isinstance(value, torch.nn.Parameter):
            kinds.setdefault(("Parameters", PARAMETER_COLUMNS), []).append(parameter_row(path, value))
        elif isinstance(value, Derived):
            kinds.setdefault(("Derived values", DERIVED_COLUMNS), []).append(derived_row(path, value))
        elif isinstance(value, State):
            kinds.setdefault(("States", STATE_COLUMNS), []).append(state_row(path, value))
        else:
            kinds.setdefault(("Others", ("path", "kind")), []).append((path, type(value).__name__))
    return [Table(title, columns, tuple(rows)) for (title, columns), rows in kinds.items()]


def describe_tensor(tensor: torch.Tensor) -> Description:
    """A tensor; its values are not looked at."""
    facts = [("shape", str(tuple(tensor.shape))), ("form", f"{_dtype(tensor)} on {tensor.device}")]
    if tensor.ndim == 5:
        facts.append(("axes", "batch, channel, time, y, x"))
    return Description(type(tensor).__name__, "", (*facts, ("gradient", "yes" if tensor.requires_grad else "no")))


def describe_state_dict(state: Mapping[str, Any]) -> Description:
    """What ``get_state`` or ``get_parameters`` gave: path to tensor or array."""
    rows = []
    for path, value in state.items():
        if not isinstance(value, torch.Tensor | np.ndarray):
            wanted = "a mapping of paths to tensors or arrays"
            got = f"{type(value).__name__} at {path!r}"
            raise ContractError(explain("obj", wanted=wanted, got=got, cure="model.get_state()"))
        rows.append((str(path), str(tuple(value.shape)), str(value.dtype).removeprefix("torch.")))
    table = Table("Values", ("path", "shape", "dtype"), tuple(rows))
    return Description("Values by path", f"{len(rows)} in all", (), (table,) if rows else ())


def _dependency_row(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, Derived):
        return name, value_text(torch.as_tensor(value.get())), "Derived"
    if isinstance(value, torch.Tensor):
        unit = f" {value.units}" if isinstance(value, Parameter) and value.units != "1" else ""
        return name, value_text(value) + unit, type(value).__name__
    return name, str(value), type(value).__name__


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
