"""What models that are made of parts do with each of them: one output, in the unit that the next part counts in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.layer import Layer
from convis_xr.models.nonlinearity import NONLINEARITIES, Function, Mixed, unit_after


def part_of(given: Any, name: str) -> torch.nn.Module | None:
    """A part as a module: Layers and torch modules as they are, functions and names of nonlinearities wrapped.

    Raises
    ------
    ParameterError
        Something that cannot be called.
    """
    if given is None or isinstance(given, torch.nn.Module):
        return given
    if isinstance(given, str) and given in NONLINEARITIES:
        return Function(NONLINEARITIES[given])
    if callable(given) and not isinstance(given, type):
        return Function(given)
    wanted = f"a layer, torch module, function, None, or one of {', '.join(NONLINEARITIES)}"
    cure = f"{given.__name__}()" if isinstance(given, type) else "cx.filters.LowPass()"
    raise ParameterError(explain(name, wanted=wanted, got=repr(given), cure=cure))


def given_as(part: torch.nn.Module | None) -> Any:
    """A part as it was given: functions without their wrapping."""
    return part.function if isinstance(part, Function) else part


def one_output(result: Any, name: str, x: Tensor, floating: bool = True) -> Tensor:
    """The one output of a part, checked; counts become floats where another part computes with them.

    Raises
    ------
    ContractError
        There are several outputs, or something that is no film as long as ``x``.
    """
    if isinstance(result, dict):
        if len(result) != 1:
            got, cure = f"outputs {', '.join(result)}", f'cx.models.Pick(layer, "{next(iter(result), "name")}")'
            raise ContractError(explain(name, wanted="a part with one output", got=got, cure=cure))
        result = next(iter(result.values()))
    if not isinstance(result, Tensor) or result.ndim != 5 or result.shape[2] != x.shape[2]:
        got = f"shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
        wanted = f"a tensor (batch, channel, time: {x.shape[2]}, y, x) from the part"
        raise ContractError(explain(name, wanted=wanted, got=got, cure="one sample for each of the input"))
    return result.to(x.dtype) if floating and not result.is_floating_point() else result


def unit_of_nonlinearity(nonlinearity: Any) -> str:
    """Unit of what a nonlinearity gives for bare numbers: none, unless it is a Layer that has one."""
    if isinstance(nonlinearity, Layer):
        return nonlinearity.output_units(nonlinearity.default_outputs[0], "1")
    return "1"


@dataclass(frozen=True)
class Chain:
    """Units along parts in a row."""

    #: what the first part that minds wants, reached in the unit of the input; None: any
    units_in: str | None
    #: whether input without a unit is taken to be in ``units_in``
    bare_in: bool
    #: what turns the input of each part into the unit that it counts in
    scales: tuple[float, ...]
    #: unit in which the last part gets its input; None: that of the input
    unit: str | None

    @classmethod
    def of(cls, parts: Sequence[torch.nn.Module], unit: str | None = None) -> Chain:
        """Follow the unit of the input (None: not known yet) through the parts.

        Raises
        ------
        UnitError, ContractError
            A part cannot count in what the one before it gives.
        """
        units_in, bare_in, scales, before = None, False, [], unit
        for part in parts:
            wanted = part.units_in if isinstance(part, Layer) else None
            scale = 1.0
            if isinstance(part, Layer) and wanted is not None:
                if isinstance(unit, Mixed):
                    unit.refuse()
                if unit is None:
                    units_in, bare_in, unit = wanted, part.bare_in, wanted
                elif unit != wanted:
                    scale, unit = part._input_scale(unit), wanted
            scales.append(scale)
            before, unit = unit, unit_after(part, unit)
        return cls(units_in, bare_in, tuple(scales), before)


def scaled(x: Tensor, scale: float) -> Tensor:
    """Numbers in another unit."""
    return x if scale == 1 else x * scale
