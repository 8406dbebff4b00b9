"""`Derived`: a value that follows from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from convis_xr.errors import ParameterError, explain


class Derived:
    """A value computed from parameters, recomputed when one of them changes.

    Acts as a tensor in torch functions and is differentiable in what it depends on.

    Parameters
    ----------
    func : callable
        Takes the dependencies as keyword arguments; Parameters arrive as tensors.
    **dependencies
        Parameter, Derived or plain values.

    Raises
    ------
    ParameterError
        A dependency that ``func`` is not given, or a cycle.

    Examples
    --------
    >>> from convis_xr.parameters import Parameter
    >>> tau = Parameter("10 ms")
    >>> decay = Derived(lambda tau: torch.exp(-0.001 / tau), tau=tau)
    >>> round(decay.get().item(), 4)
    0.9048
    >>> _ = tau.set("5 ms")
    >>> round(decay.get().item(), 4)
    0.8187
    """

    def __init__(self, func: Callable[..., Any], **dependencies: Any) -> None:
        self.func = func
        self._dependencies = dict(dependencies)
        self._seen: dict[str, Any] | None = None
        self._result: Any = None

    @property
    def dependencies(self) -> Mapping[str, Any]:
        """What the value follows from."""
        return dict(self._dependencies)

    def set(self, **dependencies: Any) -> Derived:
        """Exchange dependencies. Returns the derived value itself.

        Raises
        ------
        ParameterError
            A name that is no dependency, or one that depends on this value: a cycle.
        """
        for name, value in dependencies.items():
            if name not in self._dependencies:
                known = ", ".join(self._dependencies)
                raise ParameterError(explain(name, wanted=f"one of {known}", got=name, cure="name a dependency"))
            if isinstance(value, Derived) and self in value._ancestry():
                raise ParameterError(
                    explain(name, wanted="no cycle", got="a value that depends on this one", cure="cut it")
                )
        self._dependencies.update(dependencies)
        return self

    def get(self) -> Any:
        """The value that holds now."""
        inputs = {
            name: value.get() if isinstance(value, Derived) else value for name, value in self._dependencies.items()
        }
        with_gradient = torch.is_grad_enabled() and any(
            getattr(value, "requires_grad", False) for value in inputs.values()
        )
        if with_gradient:
            return self.func(**inputs)  # a cached graph could be walked back only once
        if self._seen is None or not _same(self._seen, inputs):
            with torch.no_grad():
                self._result = self.func(**inputs)
            self._seen = {name: _snapshot(value) for name, value in inputs.items()}
        return self._result

    @property
    def value(self) -> Any:
        """The value that holds now."""
        return self.get()

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        plain = [value.get() if isinstance(value, Derived) else value for value in args]
        named = {name: value.get() if isinstance(value, Derived) else value for name, value in (kwargs or {}).items()}
        return func(*plain, **named)

    def __repr__(self) -> str:
        return f"Derived({', '.join(self._dependencies)})"

    def _ancestry(self) -> list[Derived]:
        found = [self]
        for value in self._dependencies.values():
            if isinstance(value, Derived):
                found.extend(value._ancestry())
        return found


def _snapshot(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _same(seen: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return all(_equal(seen[name], value) for name, value in now.items()) and seen.keys() == now.keys()


def _equal(before: Any, now: Any) -> bool:
    if isinstance(before, torch.Tensor) and isinstance(now, torch.Tensor):
        return before.device == now.device and before.dtype == now.dtype and torch.equal(before, now)
    return type(before) is type(now) and bool(before == now)
