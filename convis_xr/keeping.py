"""`Keeping`: a module that can be brought back to where it was, in state, parameters and optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from convis_xr.errors import ParameterError, explain
from convis_xr.module import Module
from convis_xr.optimizers import HeldOptimizer, OptimizerChoice


class Keeping(Module):
    """Stacks and named copies of state, parameter values and optimizer; each copy shares nothing with the model."""

    def __init__(self) -> None:
        super().__init__()
        self._optimizer: HeldOptimizer | None = None
        self._stacks: dict[str, list[Any]] = {}
        self._stored: dict[str, dict[str, Any]] = {}

    @property
    def set_optimizer(self) -> OptimizerChoice:
        """Choose what moves the parameters in fitting; see `convis_xr.optimizers.OptimizerChoice`."""
        return OptimizerChoice(self, self._take_optimizer)

    @property
    def optimizer(self) -> torch.optim.Optimizer | None:
        """The optimizer that `set_optimizer` chose."""
        return None if self._optimizer is None else self._optimizer.optimizer

    # --- stacks ---------------------------------------------------------------------------------------------

    def push_state(self) -> None:
        """Keep the held state on a stack."""
        self._push("state", self.get_state())

    def pop_state(self) -> None:
        """Go back to the state pushed last."""
        self._pop("state", self.set_state)

    def push_parameters(self) -> None:
        """Keep all values on a stack."""
        self._push("parameters", self.get_parameters())

    def pop_parameters(self) -> None:
        """Go back to the values pushed last."""
        self._pop("parameters", self.set_parameters)

    def push_optimizer(self) -> None:
        """Keep the optimizer, and a copy of its state, on a stack."""
        self._push("optimizer", self._optimizer_now())

    def pop_optimizer(self) -> None:
        """Go back to the optimizer pushed last, in the state that it was in."""
        self._pop("optimizer", self._put_optimizer)

    def push_all(self) -> None:
        """Keep state, parameter values and optimizer on a stack of their own."""
        self._push("all", self._everything())

    def pop_all(self) -> None:
        """Go back to what `push_all` kept last."""
        self._pop("all", self._put_everything)

    # --- by name --------------------------------------------------------------------------------------------

    def store_all(self, name: str) -> None:
        """Keep state, parameter values and optimizer under a name, in place of what was there."""
        self._stored[name] = self._everything()

    def retrieve_all(self, name: str) -> None:
        """Go back to what `store_all` keeps under a name, and keep it there.

        Raises
        ------
        ParameterError
            Nothing was stored under this name.
        """
        if name not in self._stored:
            wanted = f"one of {', '.join(self._stored)}" if self._stored else "a name that something is stored under"
            raise ParameterError(explain("retrieve_all", wanted=wanted, got=repr(name), cure=f"store_all({name!r})"))
        self._put_everything(self._stored[name])

    # --- inner workings -------------------------------------------------------------------------------------

    def _take_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = HeldOptimizer(optimizer)

    def _optimizer_now(self) -> tuple[HeldOptimizer, dict[str, Any]] | None:
        return None if self._optimizer is None else (self._optimizer, self._optimizer.snapshot())

    def _put_optimizer(self, kept: tuple[HeldOptimizer, dict[str, Any]] | None) -> None:
        self._optimizer = None if kept is None else kept[0]
        if kept is not None:
            kept[0].restore(kept[1])

    def _everything(self) -> dict[str, Any]:
        state = {path: value.detach() for path, value in self.get_state().items()}
        return {"state": state, "parameters": self.get_parameters(), "optimizer": self._optimizer_now()}

    def _put_everything(self, kept: dict[str, Any]) -> None:
        self.set_parameters(kept["parameters"])
        self.set_state(kept["state"])
        self._put_optimizer(kept["optimizer"])

    def _push(self, stack: str, kept: Any) -> None:
        self._stacks.setdefault(stack, []).append(kept)

    def _pop(self, stack: str, put: Callable[[Any], None]) -> None:
        if not self._stacks.get(stack):
            wanted, got = f"a push_{stack} before", "an empty stack"
            raise ParameterError(explain(f"pop_{stack}", wanted=wanted, got=got, cure="push"))
        put(self._stacks[stack][-1])
        # only now: what cannot be put back is not lost
        self._stacks[stack].pop()
