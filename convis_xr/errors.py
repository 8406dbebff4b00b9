"""One family of exceptions; every message names the argument, what was wanted, what came and the cure."""

from __future__ import annotations

from collections.abc import Sequence


class ConvisError(Exception):
    """Everything that this library raises on purpose."""


class UnitError(ConvisError, ValueError):
    """A value came without a unit, or with one of the wrong dimension."""


class ContractError(ConvisError, ValueError):
    """Data, a model or a request does not keep to what was agreed on (`convis_xr.contract`)."""


class FormatError(ConvisError, ValueError):
    """A file is not what its name or its header says."""


class ResumeError(ConvisError, ValueError):
    """A store cannot be gone on with: it is not ours, or belongs to another run."""


class ParameterError(ConvisError, ValueError):
    """A parameter got a value that it cannot take, or a name that does not exist."""


def explain(argument: str, *, wanted: str, got: str, cure: str) -> str:
    """The one form of an error message.

    Examples
    --------
    >>> explain("sigma", wanted="an angle", got="0.05 (a bare number)", cure='sigma="0.05 deg"')
    'sigma: wanted an angle, got 0.05 (a bare number). Cure: sigma="0.05 deg".'
    """
    return f"{argument}: wanted {wanted}, got {got}. Cure: {cure}."


def explain_all(subject: str, faults: Sequence[str]) -> str:
    """Several faults of one object in one message, one line each."""
    if len(faults) == 1:
        return f"{subject}: {faults[0]}"
    lines = "\n".join(f"  {number}. {fault}" for number, fault in enumerate(faults, 1))
    return f"{subject} has {len(faults)} faults:\n{lines}"
