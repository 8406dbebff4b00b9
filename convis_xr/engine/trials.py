"""The trials of a run: one context for each, which are shown the same film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from convis_xr.context import RunContext
from convis_xr.engine.state import Arrays, to_arrays
from convis_xr.errors import ContractError, explain
from convis_xr.layer import Layer


@dataclass(frozen=True)
class Trials:
    """What the contexts of all trials share.

    Parameters
    ----------
    model : Layer
    contexts : list of RunContext
        One for each trial, numbered in their order.
    repeated : bool
        Whether trials were asked for: then states and outputs have a first axis of them, be it of length 1.
    """

    model: Layer
    contexts: list[RunContext]
    repeated: bool

    def advance(self, x: torch.Tensor, dtype: torch.dtype) -> list[dict[str, Any]]:
        """Compute one chunk of each trial: outputs by name."""
        made = []
        for context in self.contexts:
            # a module that works in place must not change what the next trial is shown
            shown = x.clone() if len(self.contexts) > 1 and x.dtype == dtype else x
            made.append(self.model.advance(context, shown, dtype))
        return made

    def states(self) -> list[dict[str, torch.Tensor]]:
        """The state of each trial, as the next chunk will go on from it."""
        return [context.state for context in self.contexts]

    def stacked(self, states: Sequence[Mapping[str, torch.Tensor]]) -> Arrays:
        """A copy of what `states` gave: one array for each path, with a first axis of trials where there are some."""
        arrays = [to_arrays(state) for state in states]
        if not self.repeated:
            return arrays[0]
        return {path: np.stack([state[path] for state in arrays]) for path in arrays[0]}


def states_of(state: Mapping[str, torch.Tensor], repeats: int | None) -> list[dict[str, torch.Tensor]]:
    """The state of each trial, out of one that `Trials.stacked` gave.

    Raises
    ------
    ContractError
        It is that of another number of trials.
    """
    if repeats is None:
        return [{path: value.clone() for path, value in state.items()}]
    for path, value in state.items():
        if value.ndim == 0 or value.shape[0] != repeats:
            wanted = f"a first axis of {repeats} trials"
            cure = "the state of a run with the same repeats="
            raise ContractError(
                explain(f"state[{path!r}]", wanted=wanted, got=f"shape {tuple(value.shape)}", cure=cure)
            )
    return [{path: value[trial].clone() for path, value in state.items()} for trial in range(repeats)]
