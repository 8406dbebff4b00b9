"""What all protocols share: the screen, the part of the model that is looked at, values with units along a curve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.layer import Layer
from convis_xr.sampling import dequantified
from convis_xr.stimuli import Canvas
from convis_xr.units import DIMENSIONS, Quantity, dimension_of, is_bare, magnitude, unit_of

#: keywords of a screen; the others are those of a run
_SCREEN = ("dt", "pixel_size", "mean", "units")


class Showing(TypedDict, total=False):
    """The keywords that every protocol takes, see `direction_tuning`."""

    dt: Any
    pixel_size: Any
    mean: Any
    units: str
    outputs: Any
    cells: Any
    region: Any
    repeats: int
    seed: int
    memory: Any
    device: Any
    dtype: Any


@dataclass(frozen=True)
class Screen:
    """A model, the frame that it is shown, and how it is run."""

    model: Layer
    size: Any
    grid: dict[str, Any]
    run: dict[str, Any]
    #: time step, s
    dt: float
    #: grey, in the unit of the stimulus
    mean: float
    #: pixels of a frame
    pixels: int

    @classmethod
    def of(cls, model: Any, size: Any, showing: Showing, known: Iterable[str] = Showing.__annotations__) -> Screen:
        """Check what was given; the sampling of the model's last input is the default.

        Raises
        ------
        ContractError
            No model, no sampling, or a keyword that is none.
        """
        if not isinstance(model, Layer):
            got, cure = type(model).__name__, 'cx.models.Retina("primate")'
            raise ContractError(explain("model", wanted="a convis_xr.Layer", got=got, cure=cure))
        odd = sorted(set(showing) - set(known))
        if odd:
            wanted = f"keywords among {', '.join(known)}"
            raise ContractError(explain(odd[0], wanted=wanted, got=", ".join(odd), cure="leave it out"))
        given: dict[str, Any] = {name: value for name, value in showing.items() if value is not None}
        screen = {name: given.pop(name) for name in _SCREEN if name in given}
        for name in ("dt", "pixel_size"):
            screen.setdefault(name, getattr(model.sampling, name))
        canvas = Canvas(1, size, **screen)
        run = {"progress": False, **given, "initial": canvas.mean}
        return cls(model, size, screen, run, canvas.dt, canvas.mean, canvas.shape[1] * canvas.shape[2])

    def steps(self, length: Any, name: str) -> int:
        """A length of time in steps; a bare int is samples."""
        return Canvas(1, self.size, **self.grid).steps(length, name)


def values_of(given: Any, dimension: str, name: str) -> np.ndarray[Any, Any]:
    """Ascending values along a curve, in the canonical unit of ``dimension``.

    Parameters
    ----------
    given : sequence of quantities or str, array with units, or of bare numbers where they have no dimension

    Raises
    ------
    ContractError
        None, or one twice.
    UnitError
        A bare number where a quantity is wanted, or a wrong dimension.

    Examples
    --------
    >>> values_of(["90 deg", "0 deg"], "angle", "directions")
    array([ 0., 90.])
    """
    one_by_one = isinstance(given, list | tuple) or (dimension == "dimensionless" and is_bare(given))
    if isinstance(given, str):
        cure = f'{name}=["{dimension_of(dimension).example}", ...]'
        raise ContractError(explain(name, wanted="several values", got=repr(given), cure=cure))
    values = [magnitude(one, dimension, name) for one in given] if one_by_one else _array(given, dimension, name)
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    if not ordered.size or (np.diff(ordered) == 0).any():
        got = "none" if not ordered.size else "one twice"
        raise ContractError(explain(name, wanted="one value or more, each once", got=got, cure=f"other {name}"))
    return ordered


def axis(name: str, values: np.ndarray[Any, Any], dimension: str) -> xr.Variable:
    """The coordinate of a curve."""
    return xr.Variable(name, values, {"units": DIMENSIONS[dimension].unit, "long_name": name.replace("_", " ")})


def _array(given: Any, dimension: str, name: str) -> np.ndarray[Any, Any]:
    given = dequantified(given) if isinstance(given, xr.DataArray) else given
    if is_bare(given):
        wanted = dimension_of(dimension)
        cure = f'{name}=["{wanted.example}", ...]'
        raise UnitError(explain(name, wanted=wanted.wanted, got="bare numbers", cure=cure))
    scale = magnitude(Quantity(1.0, unit_of(given, name)), dimension, name)
    plain = given.magnitude if isinstance(given, Quantity) else given
    return np.asarray(plain, np.float64) * scale
