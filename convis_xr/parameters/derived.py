"""`Derived`: a value that follows from others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from convis_xr.errors import ParameterError, explain
from convis_xr.parameters.parameter import Parameter


class Derived:
    """A value computed from parameters, recomputed when one of them changes.

    Acts as a tensor in torch functions and arithmetic, and is differentiable in what it depends on. As an attribute of
    a layer it may take the place of a `Parameter`: it is then in that one's unit and within its bounds, and is no
    parameter any more that is fitted, set or saved.

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
        self._version = 0
        #: the parameter whose place it has taken: what its unit, its bounds and its meaning are
        self.stands_for: Parameter | None = None

    @property
    def dependencies(self) -> Mapping[str, Any]:
        """What the value follows from."""
        return dict(self._dependencies)

    @property
    def units(self) -> str:
        """Unit of the value: that of the parameter whose place it has taken, else none."""
        return "1" if self.stands_for is None else self.stands_for.units

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
            if isinstance(value, Derived) and value.depends_on(self):
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
            return self._checked(self.func(**inputs))  # a cached graph could be walked back only once
        if self._seen is None or not _same(self._seen, inputs) or _version(self._result) != self._version:
            with torch.inference_mode(False), torch.no_grad():
                self._result = self._checked(self.func(**inputs))
            self._seen = {name: _snapshot(value) for name, value in inputs.items()}
            self._version = _version(self._result)
        return self._result

    @property
    def value(self) -> Any:
        """The value that holds now."""
        return self.get()

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        plain, named = tree_map(_plain, (tuple(args), dict(kwargs or {})))
        return func(*plain, **named)

    def __neg__(self) -> torch.Tensor:
        return -torch.as_tensor(self.get())

    def __float__(self) -> float:
        return float(torch.as_tensor(self.get()).detach())

    def __repr__(self) -> str:
        return f"Derived({', '.join(self._dependencies)})"

    def depends_on(self, value: Any) -> bool:
        """Whether it is ``value`` or follows from it, by whatever way."""
        return value is self or any(
            value is given or (isinstance(given, Derived) and given.depends_on(value))
            for given in self._dependencies.values()
        )

    def _checked(self, result: Any) -> Any:
        if self.stands_for is not None:
            self.stands_for.check(torch.as_tensor(result).detach())
        return result


def _plain(value: Any) -> Any:
    return value.get() if isinstance(value, Derived) else value


def _operator(name: str) -> Callable[..., Any]:
    def operate(self: Derived, *others: Any) -> Any:
        return getattr(torch.as_tensor(self.get()), name)(*map(_plain, others))

    operate.__name__ = name
    return operate


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Derived, f"__{_name}__", _operator(f"__{_name}__"))
    setattr(Derived, f"__r{_name}__", _operator(f"__r{_name}__"))


def _version(result: Any) -> int:
    """How often a tensor was changed in place: whoever did so must not change what others get."""
    return result._version if isinstance(result, torch.Tensor) and not result.is_inference() else 0


def _snapshot(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)


def _same(seen: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return all(_equal(seen[name], value) for name, value in now.items()) and seen.keys() == now.keys()


def _equal(before: Any, now: Any) -> bool:
    if isinstance(before, torch.Tensor) and isinstance(now, torch.Tensor):
        return before.device == now.device and before.dtype == now.dtype and torch.equal(before, now)
    return type(before) is type(now) and bool(np.all(before == now))
