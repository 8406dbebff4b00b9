"""Checked scales: a time step, a pixel pitch, a number of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convis_xr.errors import UnitError, explain
from convis_xr.units import DIMENSIONS, magnitude


def step_seconds(dt: Any, name: str = "dt") -> float:
    """A time step in s, above zero."""
    return _positive(magnitude(dt, "time", name), name, "time", dt)


def pixel_degrees(pixel_size: Any) -> tuple[float, float]:
    """A pixel pitch (y, x) in degree, above zero; one quantity means square pixels."""
    if isinstance(pixel_size, tuple | list) and len(pixel_size) == 2:
        pair = tuple(pixel_size)
    elif hasattr(pixel_size, "magnitude") and np.shape(pixel_size.magnitude) == (2,):
        pair = (pixel_size[0], pixel_size[1])
    else:
        pair = (pixel_size, pixel_size)
    y, x = (_positive(magnitude(value, "angle", "pixel_size"), "pixel_size", "angle", value) for value in pair)
    return y, x


def whole(value: Any, name: str, dimension: str = "time") -> int:
    """A bare int of samples (or pixels), zero or more; a float is taken for a quantity whose unit was forgotten."""
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iu" or not number >= 0:
        counted = "pixels" if dimension == "angle" else "samples"
        cure = f'{name}="{DIMENSIONS[dimension].example}", or an int of {counted}'
        raise UnitError(explain(name, wanted=f"whole {counted} or a quantity", got=repr(value), cure=cure))
    return int(number)


def _positive(value: float, name: str, dimension: str, given: Any) -> float:
    if not value > 0 or not math.isfinite(value):
        raise UnitError(
            explain(
                name, wanted="something above zero", got=str(given), cure=f'{name}="{DIMENSIONS[dimension].example}"'
            )
        )
    return value
