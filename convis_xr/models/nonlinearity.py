"""Nonlinearities by name, by function, by module; and what is known of a part that is no Layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import UNKNOWN, Footprint
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling

Nonlinearity = Callable[[Tensor], Tensor]


def identity(x: Tensor) -> Tensor:
    """Give back what came."""
    return x


#: nonlinearities that can be asked for by name
NONLINEARITIES: dict[str, Nonlinearity] = {
    "relu": torch.relu,
    "softplus": torch.nn.functional.softplus,
    "exp": torch.exp,
    "square": torch.square,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "identity": identity,
}

#: torch modules that treat every value on its own
_POINTWISE = (
    torch.nn.ELU,
    torch.nn.GELU,
    torch.nn.Hardtanh,
    torch.nn.Identity,
    torch.nn.LeakyReLU,
    torch.nn.ReLU,
    torch.nn.SELU,
    torch.nn.Sigmoid,
    torch.nn.SiLU,
    torch.nn.Softplus,
    torch.nn.Tanh,
    torch.nn.Threshold,
)
#: of these, those whose output is in the unit of the input
_KEEPING = (torch.nn.Identity, torch.nn.LeakyReLU, torch.nn.ReLU)


class Mixed(str):
    """Units of outputs that stand side by side in one array: no unit, unless a part that follows does not look."""

    @classmethod
    def of(cls, units: Sequence[str | None]) -> Mixed:
        """Of these units; None is that of the input."""
        return cls(", ".join("that of the input" if unit is None else unit for unit in units))

    def refuse(self) -> NoReturn:
        """Say that there is no unit here."""
        cure = 'combine="none", or parts that give the same unit'
        raise ContractError(explain("combine", wanted="outputs in one unit", got=str(self), cure=cure))


class Function(torch.nn.Module):
    """A plain function in the place of a module, so that it has a name in the model."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        """Apply it."""
        return self.function(*inputs)

    def extra_repr(self) -> str:
        """Its name."""
        return str(getattr(self.function, "__name__", self.function))


def nonlinearity_of(given: Any) -> Any:
    """A nonlinearity by name; or the function, module or Layer itself.

    Raises
    ------
    ParameterError
        Neither a known name nor anything that can be called.
    """
    if callable(given) and not isinstance(given, type):
        return given
    if isinstance(given, str) and given in NONLINEARITIES:
        return NONLINEARITIES[given]
    wanted = f"a function or one of {', '.join(NONLINEARITIES)}"
    raise ParameterError(explain("nonlinearity", wanted=wanted, got=repr(given), cure='nonlinearity="relu"'))


def footprint_of(part: Any, sampling: Sampling, pointwise: bool = False) -> Footprint:
    """How far a part looks; ``pointwise`` where a function is by agreement one of each value alone."""
    if isinstance(part, Layer):
        return part.footprint(sampling)
    inner = part.function if isinstance(part, Function) else part
    if isinstance(inner, torch.nn.Module):
        return Footprint() if isinstance(inner, _POINTWISE) else UNKNOWN
    return Footprint() if pointwise or inner in NONLINEARITIES.values() else UNKNOWN


def unit_after(part: Any, unit: str | None) -> str | None:
    """Unit of what a part gives for input in ``unit``; None: whatever unit the input of the model has."""
    if isinstance(part, Layer):
        # a container knows more than it may say: that its outputs have several units
        follow = getattr(part, "follow_unit", part.output_units)
        return follow(part.default_outputs[0], unit)  # type: ignore[arg-type]
    inner = part.function if isinstance(part, Function) else part
    return unit if isinstance(inner, _KEEPING) or inner in (torch.relu, identity) else "1"
