"""How outputs of parts that run side by side become one: over a dimension given by its name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.footprint import Footprint
from convis_xr.models.nonlinearity import Mixed
from convis_xr.units import parse_unit

_OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": operator.add,
    "mean": operator.add,
    "product": operator.mul,
}
NAMES = ("concat", *_OPERATIONS, "none")
#: a part gives one sample for each of its input, so time is nothing to combine over
ALLOWED = (dims.BATCH, dims.CHANNEL, *dims.SPACE)


def check_dim(dim: Any) -> str | None:
    """The name of a dimension to combine over, or None."""
    if dim is None or (isinstance(dim, str) and dim in ALLOWED):
        return dim
    wanted = f"the name of a dimension among {', '.join(ALLOWED)}"
    raise ParameterError(explain("dim", wanted=wanted, got=repr(dim), cure=f'dim="{dims.CHANNEL}"'))


def check_combine(combine: Any) -> Any:
    """A way to combine: one of `NAMES`, or anything that can be called."""
    if (isinstance(combine, str) and combine in NAMES) or (callable(combine) and not isinstance(combine, type)):
        return combine
    wanted = f"a function or one of {', '.join(NAMES)}"
    raise ParameterError(explain("combine", wanted=wanted, got=repr(combine), cure='combine="concat"'))


def combined(outputs: Mapping[str, Tensor], how: str, dim: str | None, batch: int) -> Tensor:
    """Combine outputs by one of the names but "none".

    Parameters
    ----------
    outputs : mapping of str to Tensor (batch, channel, time, y, x)
        By the names of the parts.
    how : str
        One of `NAMES`.
    dim : str or None
        Outputs are joined along it, and for anything but "concat" reduced over it. None: "concat" joins channels,
        all others combine the outputs value by value.
    batch : int
        Entries in the batch of the input.

    Raises
    ------
    ContractError
        The outputs have not the same shape in all other dimensions.
    """
    dim = dims.CHANNEL if dim is None and how == "concat" else dim
    _check_shapes(outputs, dim)
    if dim is None:
        return _reduced(list(outputs.values()), how)
    if dim == dims.BATCH:
        # what comes of an entry stays together, so that a batch may be split at will
        joined = torch.cat([output.unflatten(0, (batch, -1)) for output in outputs.values()], dim=1)
        return joined.flatten(0, 1) if how == "concat" else _reduced(list(joined.unbind(1)), how)
    axis = dims.STIMULUS.index(dim)
    joined = torch.cat(list(outputs.values()), dim=axis)
    return joined if how == "concat" else _reduced(list(joined.unbind(axis)), how).unsqueeze(axis)


def unit_of_all(units: Sequence[str | None], how: str) -> str | None:
    """Unit of the combination of outputs in these units; None stands for the unit of the input, whatever it is.

    `Mixed` where outputs of different units become one.
    """
    if how == "product" and not any(isinstance(unit, Mixed) for unit in units):
        factors = [unit for unit in units if unit != "1"]
        if len(factors) < 2:
            return factors[0] if factors else "1"
        return Mixed.of(units) if None in factors else parse_unit(" * ".join(f"({unit})" for unit in factors), "units")
    return units[0] if len(set(units)) == 1 else Mixed.of(units)


def footprint_after(parts: Footprint, how: str, dim: str | None) -> Footprint:
    """The footprint of a combination."""
    if dim in dims.SPACE:
        return parts.then(Footprint(radius=float("inf")))
    mixes = how == "concat" or dim == dims.CHANNEL
    return parts.then(Footprint(mixes_channels=mixes and dim != dims.BATCH))


def _reduced(values: list[Tensor], how: str) -> Tensor:
    """One after the other, so that the order of additions does not depend on sizes."""
    total = reduce(_OPERATIONS[how], values)
    return total / len(values) if how == "mean" else total


def _check_shapes(outputs: Mapping[str, Tensor], dim: str | None) -> None:
    axis = None if dim is None else dims.STIMULUS.index(dim)
    shapes = {name: [size for i, size in enumerate(output.shape) if i != axis] for name, output in outputs.items()}
    first = next(iter(shapes.values()))
    if any(shape != first for shape in shapes.values()):
        wanted = "outputs of one shape" + ("" if dim is None else f" but for {dim}")
        got = ", ".join(f"{name} {tuple(output.shape)}" for name, output in outputs.items())
        cure = 'combine="none" for a Dataset of named outputs'
        raise ContractError(explain("combine", wanted=wanted, got=got, cure=cure))
