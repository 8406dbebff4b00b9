"""Physical parameters as numbers without bounds, of one size: what an optimizer moves in place of the values.

A time constant of 0.01 s and a rate of 100 Hz differ by four orders, and neither may become negative. An optimizer is
therefore given ``u`` with ``value = low + (start - low) exp(u)`` where there is one bound, and the logit of the place
between two; a step of ``u`` is then a relative one. The chain rule turns the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.parameters import Parameter

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Scaled:
    """``value = scale u``, cut off at bounds: for values without bounds, and for those that stand at one.

    At a bound the logarithm has no gradient, and a value could not leave it.
    """

    scale: float = 1.0
    low: float | None = None
    high: float | None = None

    def free(self, value: Tensor) -> Tensor:
        """``u`` of a value."""
        return value / self.scale

    def value(self, free: Tensor) -> Tensor:
        """The value of ``u``."""
        scaled = free * self.scale
        return scaled if self.low is None and self.high is None else scaled.clamp(self.low, self.high)

    def slope(self, free: Tensor) -> Tensor:
        """How the value changes with ``u``."""
        return torch.full_like(free, self.scale)


@dataclass(frozen=True)
class Exponential:
    """``value = bound + span exp(u)``, where ``span`` leads from the bound to where the fit began: one bound."""

    bound: float
    span: Tensor

    def free(self, value: Tensor) -> Tensor:
        """``u`` of a value."""
        return ((value - self.bound) / self.span).log()

    def value(self, free: Tensor) -> Tensor:
        """The value of ``u``."""
        return self.bound + self.span * free.exp()

    def slope(self, free: Tensor) -> Tensor:
        """How the value changes with ``u``."""
        return self.span * free.exp()


@dataclass(frozen=True)
class Logistic:
    """``value = low + (high - low) / (1 + exp(-u))``: two bounds."""

    low: float
    high: float

    def free(self, value: Tensor) -> Tensor:
        """``u`` of a value."""
        return ((value - self.low) / (self.high - self.low)).logit()

    def value(self, free: Tensor) -> Tensor:
        """The value of ``u``."""
        # rounding must not lead beyond a bound
        return (self.low + (self.high - self.low) * free.sigmoid()).clamp(self.low, self.high)

    def slope(self, free: Tensor) -> Tensor:
        """How the value changes with ``u``."""
        place = free.sigmoid()
        return (self.high - self.low) * place * (1 - place)


Transform = Scaled | Exponential | Logistic


def transform_of(parameter: torch.nn.Parameter, value: Tensor) -> Transform:
    """How a parameter that begins at ``value`` is moved.

    Parameters
    ----------
    parameter : torch.nn.Parameter
        Of a `Parameter` the bounds count; a plain one is moved as it is.
    value : Tensor

    Examples
    --------
    >>> tau = Parameter("10 ms", bounds=("0 ms", None))
    >>> made = transform_of(tau, tau.detach())
    >>> made.free(tau.detach()).item(), round(made.value(torch.tensor(0.1)).item(), 6)
    (0.0, 0.011052)
    """
    if not isinstance(parameter, Parameter):
        return Scaled()
    low, high = parameter.bounds
    bound = low if low is not None else high
    if bound is None:
        physical = parameter.ndim == 0 and parameter.units != "1"
        return Scaled(abs(float(value)) or 1.0) if physical else Scaled()
    if any(end is not None and bool((value == end).any()) for end in (low, high)):
        return Scaled(abs(float(value)) or 1.0 if parameter.ndim == 0 else 1.0, low, high)
    if low is not None and high is not None:
        return Logistic(low, high)
    return Exponential(bound, value - bound)


class Coordinates:
    """The parameters of a fit, and what an optimizer moves in their place: one tensor in turn holds both.

    Parameters
    ----------
    parameters : dict of torch.nn.Parameter
        By path. The optimizer has the same ones.
    bounds : bool
        Whether they are moved by `transform_of`; else as they are.

    Examples
    --------
    >>> tau = Parameter("10 ms", bounds=("0 ms", None))
    >>> fitted = Coordinates({"tau": tau}, bounds=True)
    >>> descent = torch.optim.SGD([tau], lr=1.0)
    >>> with fitted.free():
    ...     with fitted.valued():
    ...         (tau * 10).backward()
    ...     descent.step()
    >>> round(tau.item(), 6)  # 0.01 exp(-0.1)
    0.009048
    """

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], bounds: bool) -> None:
        self.parameters, self._bounds = dict(parameters), bounds
        self._begin(self._held())
        self._values = self._start
        self._free = {name: self._transforms[name].free(value) for name, value in self._values.items()}

    @contextmanager
    def free(self) -> Iterator[None]:
        """Within this block the parameters hold what an optimizer may move; afterwards the values that follow.

        Where something is raised the values are those from before.
        """
        self._put(self._free)
        try:
            yield
        except BaseException:
            self._put(self._values)
            raise
        self._read()
        self._put(self._values)

    @contextmanager
    def valued(self) -> Iterator[None]:
        """Within this block, itself within `free`, they hold values; gradients found there are turned at its end."""
        moved = self._held()
        self._put(self._values_of(moved))
        try:
            yield
        finally:
            self._put(moved)
        for name, one in self.parameters.items():
            if one.grad is not None:
                one.grad = one.grad * self._transforms[name].slope(moved[name])

    def snapshot(self) -> tuple[Tensors, Tensors]:
        """Where they stand now."""
        return dict(self._values), dict(self._free)

    def restore(self, snapshot: tuple[Tensors, Tensors]) -> None:
        """Go back to what `snapshot` gave."""
        self._values, self._free = dict(snapshot[0]), dict(snapshot[1])
        self._put(self._values)

    def state_dict(self) -> dict[str, Tensors]:
        """What tells the rest of a fit, bit by bit."""
        return {"start": self._start, "values": self._values, "free": self._free}

    def load_state_dict(self, state: Mapping[str, Tensors]) -> None:
        """Go on from what `state_dict` gave."""
        self._begin(self.placed(state["start"]))
        self.restore((self.placed(state["values"]), self.placed(state["free"])))

    def _begin(self, start: Tensors) -> None:
        self._start = start
        if self._bounds:
            for name, one in self.parameters.items():
                _check_within(name, one, start[name])
        self._transforms: dict[str, Transform] = {
            name: transform_of(one, start[name]) if self._bounds else Scaled() for name, one in self.parameters.items()
        }

    def placed(self, tensors: Mapping[str, Tensor]) -> Tensors:
        """Where the parameters are."""
        return {name: one.to(self.parameters[name].device) for name, one in tensors.items()}

    def _values_of(self, free: Tensors) -> Tensors:
        """What was not moved keeps its value to the last bit."""
        made = {}
        for name, one in free.items():
            value = self._transforms[name].value(one)
            made[name] = torch.where(one == self._free[name], self._values[name], value)
        return made

    def _read(self) -> None:
        free = self._held()
        self._values = self._values_of(free)
        # cut off with the value, or it would go on beyond the bound
        self._free = {
            name: self._transforms[name].free(self._values[name]) if _is_cut(self._transforms[name]) else one
            for name, one in free.items()
        }

    def _held(self) -> Tensors:
        return {name: one.detach().clone() for name, one in self.parameters.items()}

    def _put(self, tensors: Tensors) -> None:
        with torch.no_grad():
            for name, one in self.parameters.items():
                one.copy_(tensors[name])


def _check_within(name: str, parameter: torch.nn.Parameter, value: Tensor) -> None:
    low, high = getattr(parameter, "bounds", (None, None))
    outside = [(low is not None) and bool((value < low).any()), (high is not None) and bool((value > high).any())]
    if any(outside):
        got = f"{float(value.min()):.6g}" if outside[0] else f"{float(value.max()):.6g}"
        wanted = f"values from {low if low is not None else 'below'} to {high if high is not None else 'above'}"
        cure = f"model.p.{name}.set(...) within the bounds, or bounds=False"
        raise ParameterError(explain(name, wanted=f"{wanted} to begin with", got=got, cure=cure))


def _is_cut(transform: Transform) -> bool:
    return isinstance(transform, Scaled) and (transform.low, transform.high) != (None, None)
