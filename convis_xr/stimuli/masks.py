"""Masks: pictures (y, x) of numbers from 0 to 1, for `compose.apply_mask` and `compose.overlay`.

Where a mask has an ``edge``, it falls from 1 to 0 as half a cosine over that width, its middle on the boundary; ``"0
deg"`` is sharp.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.plane import at_least, pair, pixel_counts, point, text
from convis_xr.units import magnitude

_NOWHERE = ("0 deg", "0 deg")


def disc(
    size: Any, radius: Any, *, centre: Any = _NOWHERE, edge: Any = "0 deg", pixel_size: Any = None
) -> xr.DataArray:
    """One inside a circle.

    Parameters
    ----------
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles.
    radius : quantity [deg]
        Of the circle.
    centre : pair (y, x) of quantities [deg]
        Its middle; y upward, 0 in the middle of the frame.
    edge : quantity [deg]
        Width of the soft edge.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch; by default that of `set_options`.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> mask = disc("4 deg", "1 deg", pixel_size="0.1 deg")
    >>> round(float(mask.sum()) * 0.01, 1)  # pi, in square degrees
    3.2
    """
    r, soft, at = _positive(radius, "radius"), at_least(edge, "angle", "edge"), point(centre)
    return _mask(size, pixel_size, lambda y, x: disc_profile(y, x, r, at, soft), "disc", radius=text(r, "angle"))


def annulus(
    size: Any, inner: Any, outer: Any, *, centre: Any = _NOWHERE, edge: Any = "0 deg", pixel_size: Any = None
) -> xr.DataArray:
    """One between two circles.

    Parameters
    ----------
    size, centre, edge, pixel_size
        See `disc`.
    inner, outer : quantity [deg]
        The radii.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> ring = annulus(41, "1 deg", "2 deg", pixel_size="0.1 deg")
    >>> float(ring[20, 20]), float(ring[20, 35])
    (0.0, 1.0)
    """
    least, most = at_least(inner, "angle", "inner"), _positive(outer, "outer")
    if least >= most:
        cure = 'inner="1 deg", outer="2 deg"'
        raise ContractError(explain("inner", wanted=f"less than outer ({outer})", got=str(inner), cure=cure))
    soft, at = at_least(edge, "angle", "edge"), point(centre)

    def ring(y: Any, x: Any) -> Any:
        hole = disc_profile(y, x, least, at, soft) if least else 0.0
        return np.maximum(disc_profile(y, x, most, at, soft) - hole, 0.0)

    return _mask(size, pixel_size, ring, "annulus", inner=text(least, "angle"), outer=text(most, "angle"))


def rectangle(
    size: Any, sides: Any, *, centre: Any = _NOWHERE, edge: Any = "0 deg", pixel_size: Any = None
) -> xr.DataArray:
    """One inside a rectangle.

    Parameters
    ----------
    size, centre, edge, pixel_size
        See `disc`.
    sides : quantity or pair (y, x) [deg]
        Height and width; one value is a square.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> float(rectangle(40, ("1 deg", "2 deg"), pixel_size="0.1 deg").sum())
    200.0
    """
    height, width = (_positive(side, "sides") for side in pair(sides))
    soft, (y0, x0) = at_least(edge, "angle", "edge"), point(centre)

    def box(y: Any, x: Any) -> Any:
        return _falling(np.abs(y - y0) - height / 2, soft) * _falling(np.abs(x - x0) - width / 2, soft)

    return _mask(size, pixel_size, box, "rectangle", sides=[text(height, "angle"), text(width, "angle")])


def gaussian(size: Any, sigma: Any, *, centre: Any = _NOWHERE, pixel_size: Any = None) -> xr.DataArray:
    """A Gaussian window, 1 at its centre.

    Parameters
    ----------
    size, centre, pixel_size
        See `disc`.
    sigma : quantity or pair (y, x) [deg]
        Standard deviation.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> round(float(gaussian(41, "1 deg", pixel_size="0.1 deg")[20, 30]), 4)  # exp(-1/2)
    0.6065
    """
    (sy, sx), (y0, x0) = (_positive(side, "sigma") for side in pair(sigma)), point(centre)

    def bell(y: Any, x: Any) -> Any:
        return np.exp(-((y - y0) ** 2) / (2 * sy**2)) * np.exp(-((x - x0) ** 2) / (2 * sx**2))

    return _mask(size, pixel_size, bell, "gaussian", sigma=[text(sy, "angle"), text(sx, "angle")])


def half_plane(
    size: Any,
    direction: Any = "0 deg",
    *,
    centre: Any = _NOWHERE,
    edge: Any = "0 deg",
    pixel_size: Any = None,
) -> xr.DataArray:
    """One on the side of a straight line that ``direction`` points to.

    Parameters
    ----------
    size, edge, pixel_size
        See `disc`.
    direction : quantity [deg]
        Across the line, counter-clockwise from rightward: 0 is the right half, 90 deg the upper one.
    centre : pair (y, x) of quantities [deg]
        A place that the line goes through.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> half_plane((2, 2), "90 deg", pixel_size="0.1 deg").values.tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    degrees, soft, (y0, x0) = magnitude(direction, "angle", "direction"), at_least(edge, "angle", "edge"), point(centre)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))

    def side(y: Any, x: Any) -> Any:
        return _falling(-((y - y0) * sin + (x - x0) * cos), soft)

    return _mask(size, pixel_size, side, "half plane", direction=text(degrees, "angle"))


def disc_profile(y: Any, x: Any, radius: float, centre: tuple[float, float], edge: float) -> np.ndarray[Any, Any]:
    """The values of `disc` at places in degree."""
    return _falling(np.hypot(y - centre[0], x - centre[1]) - radius, edge)


def _falling(outside: Any, edge: float) -> np.ndarray[Any, Any]:
    """One where the distance to the boundary is negative, zero where it is positive."""
    if edge == 0:
        return (np.round(outside, 9) <= 0).astype(np.float64)
    return 0.5 - 0.5 * np.sin(np.pi * np.clip(outside / edge, -0.5, 0.5))


def _positive(value: Any, name: str) -> float:
    return at_least(value, "angle", name, above=True)


def _mask(size: Any, pixel_size: Any, profile: Any, long_name: str, **attrs: Any) -> xr.DataArray:
    sampling = Sampling(pixel_size=pixel_size)
    height, width = pixel_counts(size, sampling)
    coordinates = grid({"y": height, "x": width}, sampling)
    values = profile(coordinates["y"].values[:, None], coordinates["x"].values[None, :])
    described = {"long_name": f"{long_name} mask", "units": "1", "valid_range": [0.0, 1.0], **attrs}
    return xr.DataArray(values.astype(np.float32), coordinates, ("y", "x"), "mask", described)
