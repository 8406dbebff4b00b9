"""`OptimizerChoice`: ``model.set_optimizer``, which takes an optimizer or makes one by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch

from convis_xr.errors import ParameterError, explain
from convis_xr.optimizers.cautious_lbfgs import CautiousLBFGS
from convis_xr.optimizers.finite_difference import FiniteDifference
from convis_xr.parameters import completion

#: those that torch has not
OWN: dict[str, type[torch.optim.Optimizer]] = {kind.__name__: kind for kind in (CautiousLBFGS, FiniteDifference)}


def optimizer_classes() -> dict[str, type[torch.optim.Optimizer]]:
    """Every optimizer of ``torch.optim``, and our own two, by name.

    Examples
    --------
    >>> {"Adam", "LBFGS", "SGD", "CautiousLBFGS", "FiniteDifference"} <= set(optimizer_classes())
    True
    """
    found = {name: kind for name, kind in vars(torch.optim).items() if isinstance(kind, type)}
    known = torch.optim.Optimizer
    return {name: kind for name, kind in found.items() if issubclass(kind, known) and kind is not known} | OWN


class HeldOptimizer:
    """An optimizer that is copied and pickled as a whole, with the parameters that it moves.

    torch's own pickle leaves parts out: an LBFGS does not work after it.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def snapshot(self) -> dict[str, Any]:
        """A copy of its state that shares nothing with it."""
        return deepcopy(self.optimizer.state_dict())

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to what `snapshot` gave."""
        self.optimizer.load_state_dict(deepcopy(snapshot))

    def __getstate__(self) -> dict[str, Any]:
        held = self.optimizer
        groups = [{"params": list(group["params"])} for group in held.param_groups]
        return {"kind": type(held), "groups": groups, "defaults": held.defaults, "state": held.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.optimizer = state["kind"](state["groups"], **state["defaults"])
        self.optimizer.load_state_dict(state["state"])


class OptimizerChoice:
    """``model.set_optimizer.Adam(lr=0.01)``, or ``model.set_optimizer(torch.optim.Adam(model.parameters()))``.

    Parameters
    ----------
    model : torch.nn.Module
        Whose parameters are moved, where none are named.
    keep : callable
        Takes the optimizer.

    Examples
    --------
    >>> import convis_xr as cx
    >>> model = cx.filters.LowPass("10 ms")
    >>> made = model.set_optimizer.SGD(lr=0.01)
    >>> model.optimizer is made, "LBFGS" in dir(model.set_optimizer)
    (True, True)
    """

    def __init__(self, model: torch.nn.Module, keep: Callable[[torch.optim.Optimizer], None]) -> None:
        completion.allow(OptimizerChoice)
        self._model, self._keep = model, keep

    def __call__(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Take an optimizer of this model's parameters.

        Raises
        ------
        ParameterError
            It is none, or moves no parameter of the model.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            cure = "set_optimizer(torch.optim.SGD(model.parameters(), lr=0.01)), or set_optimizer.SGD(lr=0.01)"
            got = type(optimizer).__name__ if not isinstance(optimizer, type) else f"the class {optimizer.__name__}"
            raise ParameterError(explain("set_optimizer", wanted="an optimizer", got=got, cure=cure))
        own = {id(value) for value in self._model.parameters()}
        moved = {id(value) for group in optimizer.param_groups for value in group["params"]}
        if not own & moved:
            got, cure = "one of other parameters", "torch.optim.SGD(model.parameters(), lr=0.01)"
            wanted = "an optimizer of this model's parameters"
            raise ParameterError(explain("set_optimizer", wanted=wanted, got=got, cure=cure))
        self._keep(optimizer)
        return optimizer

    def __getattr__(self, name: str) -> Callable[..., torch.optim.Optimizer]:
        kinds = optimizer_classes()
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            cure = f"set_optimizer.{near[0] if near else 'Adam'}(...)"
            wanted = f"one of {', '.join(sorted(kinds))}"
            raise AttributeError(explain("set_optimizer", wanted=wanted, got=name, cure=cure))

        def make(parameters: Any = None, **options: Any) -> torch.optim.Optimizer:
            chosen = list(self._model.parameters()) if parameters is None else parameters
            if not chosen:
                cure = "a model with parameters"
                raise ParameterError(explain("set_optimizer", wanted="parameters", got="none", cure=cure))
            return self(kinds[name](chosen, **options))

        make.__name__, make.__doc__ = name, kinds[name].__doc__
        return make

    def __dir__(self) -> list[str]:
        return sorted(optimizer_classes())

    def __repr__(self) -> str:
        return f"set_optimizer: one of {', '.join(dir(self))}"
