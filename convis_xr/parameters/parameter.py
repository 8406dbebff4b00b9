"""`Parameter`: a torch leaf that holds a value in base units and knows which."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import convis_xr
from convis_xr.errors import ParameterError, UnitError, explain
from convis_xr.options import get_option
from convis_xr.units import Quantity, dimension_for, dimension_of, is_bare, magnitude, quantity, unit_of

Bounds = tuple[Any, Any]


class Parameter(torch.nn.Parameter):
    """A value that a user sets and an optimizer fits.

    A scalar is held in float64, in the base unit of its dimension (s, degree, Hz, ...); in ``forward`` it acts as that
    tensor.

    Parameters
    ----------
    value : quantity, str, number, array_like or Tensor
        A scalar with a unit, or dimensionless numbers of any shape.
    dimension : str, optional
        What the value must be: a key of `convis_xr.units.DIMENSIONS` or a unit. By default what ``value`` is.
    bounds : (quantity or None, quantity or None)
        Least and greatest value, ends included.
    doc : str
        What it is.
    source : str
        Where it comes from (paper, equation).
    requires_grad : bool, optional
        Whether it can be fitted; by default ``set_options(grad=)``.
    whole : bool
        Only whole numbers are taken, and no gradient.

    Raises
    ------
    UnitError
        The value has the wrong dimension.
    ParameterError
        The value is out of bounds, or not finite.

    Examples
    --------
    >>> tau = Parameter("10 ms", bounds=("0 ms", None), doc="time constant")
    >>> tau.value
    <Quantity(0.01, 'second')>
    >>> tau.set("5 ms").item()
    0.005
    """

    dimension: str
    units: str
    bounds: tuple[float | None, float | None]
    doc: str
    source: str
    whole: bool
    label: str

    def __new__(
        cls,
        value: Any,
        dimension: str | None = None,
        *,
        bounds: Bounds = (None, None),
        doc: str = "",
        source: str = "",
        requires_grad: bool | None = None,
        whole: bool = False,
        label: str = "value",
    ) -> Parameter:
        """Read and check the value."""
        if dimension is None:
            dimension = value.dimension if isinstance(value, Parameter) else dimension_for(unit_of(value, label))
        data = read_value(value, dimension, label)
        grad = (get_option("grad") if requires_grad is None else requires_grad) and not whole
        made = torch.Tensor._make_subclass(cls, data, grad)
        made.dimension, made.units = dimension, dimension_of(dimension).unit
        made.doc, made.source, made.whole, made.label = doc, source, whole, label
        low, high = (None if end is None else magnitude(end, dimension, "bounds") for end in bounds)
        if low is not None and high is not None and not low <= high:
            got = f"({low:g}, {high:g})"
            raise ParameterError(explain("bounds", wanted="(low, high), low <= high", got=got, cure="exchange them"))
        made.bounds = (low, high)
        made.check(data)
        return made

    @property
    def value(self) -> Any:
        """The value as a pint quantity."""
        held = self.detach().cpu().numpy()
        return Quantity(held.item() if held.ndim == 0 else held.copy(), self.units)

    def get(self) -> Any:
        """The value as a pint quantity."""
        return self.value

    def set(self, value: Any) -> Parameter:
        """Set the value in place; an array may change its shape, not its number of axes. Returns the parameter.

        Raises
        ------
        UnitError, ParameterError
            As when it was made, and for another number of axes. The value is then left as it was.
        """
        data = read_value(value, self.dimension, self.label).to(dtype=self.dtype, device=self.device)
        if data.ndim != self.ndim:
            wanted, got = f"{self.ndim} axes, like {tuple(self.shape)}", f"shape {tuple(data.shape)}"
            raise ParameterError(explain(self.label, wanted=wanted, got=got, cure="a value of that form"))
        self.check(data)
        with torch.no_grad():
            if data.shape == self.shape:
                self.copy_(data)
            else:
                self.data = data.clone()
        return self

    def check(self, data: torch.Tensor) -> None:
        """Refuse numbers that the parameter cannot hold: not finite, not whole where they must be, out of bounds.

        Raises
        ------
        ParameterError
        """
        if not bool(torch.isfinite(data).all()):
            raise ParameterError(
                explain(self.label, wanted="finite values", got="NaN or infinity", cure="finite values")
            )
        if self.whole and bool((data != data.round()).any()):
            raise ParameterError(explain(self.label, wanted="a whole number", got=str(data.tolist()), cure="an int"))
        low, high = self.bounds
        least, greatest = (float(data.min()), float(data.max())) if data.numel() else (0.0, 0.0)
        if (low is not None and least < low) or (high is not None and greatest > high):
            ends = [-np.inf if low is None else low, np.inf if high is None else high]
            wanted = f"a value between {ends[0]:g} and {ends[1]:g} [{self.units}]"
            got = f"{least if least < ends[0] else greatest:g}"
            raise ParameterError(explain(self.label, wanted=wanted, got=got, cure="a value within the bounds"))

    def __float__(self) -> float:
        return float(self.detach())

    def __int__(self) -> int:
        return int(self.detach())

    def __repr__(self) -> str:  # type: ignore[override]
        if self.ndim == 0:
            shown = f"{self.detach().item():.6g}" + ("" if self.units == "1" else f" {self.units}")
        else:
            shown = f"shape {tuple(self.shape)}, {self.units}, {str(self.dtype).removeprefix('torch.')}"
        doc = f"  # {self.doc}" if self.doc else ""
        return f"Parameter({self.label}: {shown}){doc}"

    def _repr_html_(self) -> str:
        return convis_xr.describe(self)._repr_html_()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = _rebuild(self.data.clone(), self.requires_grad, dict(self.__dict__))
        copied: Parameter = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (self.data, self.requires_grad, dict(self.__dict__))


def _rebuild(data: torch.Tensor, requires_grad: bool, facts: dict[str, Any]) -> Parameter:
    made = torch.Tensor._make_subclass(Parameter, data, requires_grad)
    made.__dict__.update(facts)
    return made


def _axes(array: Any, label: str) -> int:
    """The number of axes of real numbers."""
    try:
        held = array if isinstance(array, torch.Tensor) else np.asarray(array)
    except ValueError as error:
        raise ParameterError(explain(label, wanted="numbers on a grid", got=str(error), cure="pad rows")) from error
    real = not held.is_complex() if isinstance(held, torch.Tensor) else held.dtype.kind in "biuf"
    if held.ndim and not real:
        raise ParameterError(explain(label, wanted="real numbers", got=str(held.dtype), cure="the real part"))
    return held.ndim


def read_value(value: Any, dimension: str, label: str) -> torch.Tensor:
    """The value as a tensor of its own: scalars in float64, arrays as they come (integers become floats)."""
    array = value.data if hasattr(value, "dims") else value
    array = value.value.magnitude if isinstance(value, Parameter) else getattr(array, "magnitude", array)
    if isinstance(value, str) or _axes(array, label) == 0:
        return torch.tensor(quantity(value, dimension, label).magnitude, dtype=torch.float64)
    if is_bare(value) and dimension_of(dimension).unit != "1":
        wanted = dimension_of(dimension)
        cure = f'Quantity(array, "{wanted.unit}")'
        raise UnitError(explain(label, wanted=wanted.wanted, got="an array without a unit", cure=cure))
    scale = magnitude(Quantity(1.0, unit_of(value, label)), dimension, label)
    data = array.detach() if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
    floating = data if data.is_floating_point() else data.to(torch.get_default_dtype())
    return (floating * scale).clone()
