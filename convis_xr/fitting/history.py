"""What a fit has seen so far, and the Dataset that it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr.parameters.files import unit_of_parameter

#: dimensions of the result
EPOCH, STEP, SPLIT = "epoch", "step", "split"


@dataclass
class History:
    """One row for each epoch; epoch 0 is what was there before the first step."""

    loss: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    #: by path, the values after each epoch
    values: dict[str, list[Tensor]] = field(default_factory=dict)
    #: the loss from before each step
    step_loss: list[float] = field(default_factory=list)
    #: epochs without an improvement
    stale: int = 0
    #: number of the epoch with the least loss: of validation where there is one
    best: int = 0

    @property
    def epochs(self) -> int:
        """Epochs that are done, without the one before the first step."""
        return len(self.loss) - 1

    def judged(self, epoch: int) -> float:
        """By what an epoch is judged."""
        return (self.validation_loss or self.loss)[epoch]

    def note(self, loss: float, penalty: float, validation: float | None, seconds: float, rate: float) -> None:
        """Add an epoch."""
        self.loss.append(loss + penalty)
        self.penalty.append(penalty)
        if validation is not None:
            self.validation_loss.append(validation)
        self.seconds.append(seconds)
        self.rate.append(rate)
        if self.epochs and self.judged(-1) < self.judged(self.best):
            self.best, self.stale = self.epochs, 0
        elif self.epochs:
            self.stale += 1

    def note_values(self, parameters: Mapping[str, Tensor]) -> None:
        """Add the values of an epoch."""
        for path, one in parameters.items():
            self.values.setdefault(path, []).append(one.detach().cpu().clone())


def dataset_of(
    history: History,
    parameters: Mapping[str, torch.nn.Parameter],
    scores: Mapping[str, xr.Dataset],
    units: str,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """The result of a fit.

    Parameters
    ----------
    history : History
    parameters : dict of torch.nn.Parameter
        By path.
    scores : dict of Dataset
        With the best parameters, of "training" and perhaps "validation".
    units : str
        Of the loss.
    attrs : mapping
        What the numbers depend on.
    """
    numbers = {
        "loss": (history.loss, units, "loss of the training part after the epoch, with what regularizers add"),
        "penalty": (history.penalty, units, "what regularizers add to the loss"),
        "seconds": (history.seconds, "s", "time that the epoch took"),
        "learning_rate": (history.rate, "1", "learning rate in the epoch"),
    }
    if history.validation_loss:
        numbers["validation_loss"] = (history.validation_loss, units, "loss of the validation part after the epoch")
    made = {name: _column(EPOCH, *row) for name, row in numbers.items()}
    made["step_loss"] = _column(STEP, history.step_loss, units, "loss from before each step, of what it descended on")
    labels = {EPOCH: np.arange(len(history.loss)), STEP: np.arange(len(history.step_loss))}
    scored = xr.concat(list(scores.values()), xr.Variable(SPLIT, list(scores)), **_AS_THEY_ARE)
    fit = xr.Dataset(made, labels).merge(scored, compat="override", join="override")
    taken = {*map(str, fit.variables), *map(str, fit.dims)}
    for path, values in history.values.items():
        # a parameter may be called as what a fit tells
        fit[f"p.{path}" if path in taken else path] = _course(path, values, parameters[path])
    fit.attrs = {**attrs, "best_epoch": history.best}
    return fit


_AS_THEY_ARE: Any = {"data_vars": "all", "coords": "minimal", "compat": "override", "join": "override"}


def _column(dim: str, values: Sequence[float], units: str, name: str) -> xr.Variable:
    return xr.Variable(dim, np.asarray(values, np.float64), {"units": units, "long_name": name})


def _course(path: str, values: Sequence[Tensor], parameter: torch.nn.Parameter) -> xr.Variable:
    array = np.stack([one.numpy() for one in values])
    axes = [f"{path}.axis{axis}" for axis in range(array.ndim - 1)]
    attrs = {"units": unit_of_parameter(parameter), "long_name": getattr(parameter, "doc", "") or path}
    return xr.Variable([EPOCH, *axes], array, attrs)


def has_stopped(history: History, patience: int | None) -> bool:
    """Whether there was no improvement for longer than ``patience`` epochs, or the loss is at its least."""
    return patience is not None and history.stale >= patience and math.isfinite(history.judged(-1))
