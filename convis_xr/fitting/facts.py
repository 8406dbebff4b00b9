"""What the numbers of a fit depend on: its provenance, and what a checkpoint is compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import torch

from convis_xr.engine.provenance import provenance
from convis_xr.fitting.schedule import Schedule


def facts_of(
    schedule: Schedule, parameters: Iterable[str], optimizer: torch.optim.Optimizer, **others: Any
) -> dict[str, Any]:
    """All of it but the values that the parameters had, fit for JSON.

    Parameters
    ----------
    schedule : Schedule
    parameters : iterable of str
        Paths of what is fitted.
    optimizer : torch.optim.Optimizer
    **others
        Arguments as they were given.
    """
    found, loss = schedule.reader.match, schedule.predictor.loss
    facts = provenance(found.request, (found.output,))
    for name in ("parameters", "repr"):  # both tell values
        del facts["model"][name]
    facts["fit"] = {
        "loss": loss.name,
        "optimizer": type(optimizer).__name__,
        "options": {name: _plain(value) for name, value in sorted(optimizer.defaults.items())},
        "parameters": list(parameters),
        "output": found.output,
        "seed": schedule.seed,
        "steps": [schedule.first, schedule.stop],
        "chunk": schedule.reader.chunk,
        "batch": [schedule.batch.blocks, schedule.batch.repeats],
        "horizon": str(schedule.horizon),
        "response": {str(name): size for name, size in found.response.sizes.items()},
        "units": found.units,
        **{name: value if isinstance(value, dict) else _plain(value) for name, value in others.items()},
    }
    made: dict[str, Any] = json.loads(json.dumps(facts))
    return made


def plain_state(scheduler: Any) -> dict[str, Any]:
    """What a scheduler is: its kind, and the numbers of its state as it stands now.

    Examples
    --------
    >>> descent = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> plain_state(torch.optim.lr_scheduler.ExponentialLR(descent, 0.9))["gamma"]
    0.9
    """
    state = {name: value for name, value in scheduler.state_dict().items() if isinstance(value, bool | int | float)}
    return {"kind": type(scheduler).__name__, **state}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int | float | str | type(None)) else str(value)
