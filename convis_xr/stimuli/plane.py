"""Sizes, pairs and numbers as the generators, masks and kernels take them, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np

from convis_xr.errors import ContractError, UnitError, explain
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.units import DIMENSIONS, Quantity, dimension_of, factor, has_dimension, is_bare, magnitude


def pair(value: Any) -> tuple[Any, Any]:
    """``value`` as (y, x): a pair stays one, anything else stands for both."""
    if isinstance(value, tuple | list) and len(value) == 2:
        return value[0], value[1]
    if isinstance(value, Quantity) and np.shape(value.magnitude) == (2,):
        return value[0], value[1]
    return value, value


def pixel_counts(size: Any, sampling: Sampling, name: str = "size") -> tuple[int, int]:
    """A size (y, x) in whole pixels, at least one: bare ints are pixels, one value is a square.

    Examples
    --------
    >>> pixel_counts(("1 deg", 7), Sampling(pixel_size="0.1 deg"))
    (10, 7)
    """
    counts = []
    for side, pitch in zip(pair(size), sampling.need_pixel(name), strict=True):
        if isinstance(side, tuple | list):
            raise ContractError(
                explain(name, wanted="one size or a pair (y, x)", got=repr(size), cure=f"{name}=(40, 60)")
            )
        count = whole(side, name, "angle") if is_bare(side) else round(magnitude(side, "angle", name) / pitch)
        if count < 1:
            cure = f'{name}=(40, 60) in pixels, or {name}="2 deg"'
            raise ContractError(explain(name, wanted="at least one pixel", got=str(side), cure=cure))
        counts.append(count)
    return counts[0], counts[1]


def step_count(length: Any, sampling: Sampling, name: str, *, least: int = 0) -> int:
    """A length of time in steps, ``least`` at the fewest; a bare int is samples.

    Examples
    --------
    >>> step_count("20 ms", Sampling(dt="1 ms"), "onset")
    20
    """
    sampling.need_dt(name)
    count = sampling.steps(length, name)
    if count < least:
        wanted = f"at least {least} time steps" if least else "no negative time"
        cure = f'{name}="{max(least, 1) * 100} ms", or a smaller dt'
        raise ContractError(
            explain(name, wanted=wanted, got=f"{length} (dt is {sampling.need_dt(name):g} s)", cure=cure)
        )
    return count


def at_least(value: Any, dimension: str, name: str, *, least: float = 0.0, above: bool = False) -> float:
    """``value`` in the canonical unit of ``dimension``, not below ``least`` (or above it, where ``above``)."""
    number = magnitude(value, dimension, name)
    if number < least or (above and number == least):
        wanted = f"{'more than' if above else 'at least'} {least:g}"
        raise ContractError(
            explain(name, wanted=wanted, got=str(value), cure=f'{name}="{dimension_of(dimension).example}"')
        )
    return number


def probability(value: Any, name: str = "p") -> float:
    """A number from 0 to 1."""
    number = magnitude(value, "dimensionless", name)
    if not 0.0 <= number <= 1.0:
        raise ContractError(explain(name, wanted="a probability from 0 to 1", got=str(value), cure=f"{name}=0.1"))
    return number


def choice(value: Any, known: tuple[str, ...], name: str) -> str:
    """One of the ``known`` names."""
    if value not in known:
        listed = ", ".join(repr(each) for each in known)
        raise ContractError(explain(name, wanted=f"one of {listed}", got=repr(value), cure=f"{name}={known[0]!r}"))
    return str(value)


def seed_number(seed: Any) -> int:
    """A seed: an int from 0 to 2**64 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= int(seed) < 2**64:
        raise ContractError(explain("seed", wanted="an int from 0 to 2**64 - 1", got=repr(seed), cure="seed=0"))
    return int(seed)


def point(centre: Any, name: str = "centre") -> tuple[float, float]:
    """A place (y, x) in visual angle [degree]."""
    if not (isinstance(centre, tuple | list) and len(centre) == 2):
        cure = f'{name}=("0 deg", "1 deg")'
        raise UnitError(explain(name, wanted="a pair (y, x) of visual angles", got=repr(centre), cure=cure))
    return magnitude(centre[0], "angle", name), magnitude(centre[1], "angle", name)


def in_units(value: Any, units: str, name: str) -> float:
    """A luminance as a float in ``units``: a bare number where they are ``"1"``, else it must carry a unit.

    Examples
    --------
    >>> in_units("1 cd/cm^2", "cd/m^2", "mean")
    10000.0
    """
    if units == "1":
        try:
            return magnitude(value, "dimensionless", name)
        except UnitError as error:
            raise UnitError(
                f'{error} Here units="1", relative luminance; an absolute one wants units="cd/m^2".'
            ) from error
    if not has_dimension(units, "luminance"):
        wanted = '"1" (relative luminance) or a unit of luminance'
        raise UnitError(explain("units", wanted=wanted, got=units, cure='units="cd/m^2"'))
    return magnitude(value, "luminance", name) * factor("cd/m^2", units, name)


def nearest_inside(bound: float, dtype: np.dtype[Any], valid_range: tuple[float, float]) -> float:
    """The nearest number of a floating ``dtype`` that is not outside the range."""
    rounded = dtype.type(bound)
    if valid_range[0] <= float(rounded) <= valid_range[1]:
        return float(rounded)
    return float(np.nextafter(rounded, dtype.type(sum(valid_range) / 2)))


def text(number: float, dimension: str) -> str:
    """A value with its unit, as attributes carry it.

    Examples
    --------
    >>> text(0.25, "angle")
    '0.25 degree'
    """
    return f"{number:.12g} {DIMENSIONS[dimension].unit}"
