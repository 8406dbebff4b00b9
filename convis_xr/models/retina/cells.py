"""Where ganglion cells sit: square and circular arrays, uniform or with a density that falls outside the fovea."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from convis_xr import dims
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.scales import pixel_degrees, whole
from convis_xr.units import magnitude

Floats = NDArray[np.float64]
#: an array of more cells than this is taken for a slip of the density's unit
MOST_CELLS = 10_000_000
#: a cell on the border belongs to the array, whatever rounding says
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LogPolar:
    r"""A linear density of cells that is uniform in the fovea and falls outside (Wohrer & Kornprobst 2009).

    Relative to the fovea's it is :math:`d(r) = 1` for eccentricities :math:`r \le R_0`, and
    :math:`d(r) = 1 / (1 + K (r - R_0))` outside.

    Parameters
    ----------
    fovea_radius : quantity
        :math:`R_0` [deg], above 0.
    scaling_factor : quantity
        :math:`K` [1/deg], 0 or more; 0 is a uniform density.

    Raises
    ------
    ParameterError
        Out of these bounds.

    Examples
    --------
    >>> scheme = LogPolar("1 deg", "1/deg")
    >>> scheme.density(np.array([0.5, 1.0, 2.0])).tolist()
    [1.0, 1.0, 0.5]
    """

    fovea_radius: Any = "1 deg"
    scaling_factor: Any = "1/deg"

    def __post_init__(self) -> None:
        _checked(self.fovea_radius, "angle", "fovea_radius", above=True)
        _checked(self.scaling_factor, "spatial_frequency", "scaling_factor", above=False)

    def density(self, r: Floats) -> Floats:
        """Linear density at eccentricities ``r`` [deg], relative to the fovea's."""
        outside, k = self._outside(r)
        return 1 / (1 + k * outside)

    def integral(self, r: Floats) -> Floats:
        """The density integrated from the middle to ``r`` [deg]: in it, rings are equally spaced."""
        outside, k = self._outside(r)
        return np.asarray(r - outside + (outside if k == 0 else np.log1p(k * outside) / k))

    def radius(self, integral: Floats) -> Floats:
        """The eccentricity [deg] at which the integral has this value; the inverse of `integral`."""
        outside, k = self._outside(integral)
        return np.asarray(integral - outside + (outside if k == 0 else np.expm1(k * outside) / k))

    def _outside(self, r: Floats) -> tuple[Floats, float]:
        """How far ``r`` lies outside the fovea, and the scaling factor."""
        start = magnitude(self.fovea_radius, "angle", "fovea_radius")
        k = magnitude(self.scaling_factor, "spatial_frequency", "scaling_factor")
        return np.maximum(np.asarray(r, np.float64) - start, 0.0), k


@dataclass(frozen=True)
class SquareArray:
    """Cells on a square grid, whose middle is that of the frame.

    Parameters
    ----------
    density : quantity
        Cells per length [1/deg], above 0.
    size_x, size_y : quantity, optional
        Width and height [deg] of the array; by default those of the frame.

    Raises
    ------
    ParameterError
        Out of bounds.

    Examples
    --------
    >>> table = SquareArray("2/deg").positions(frame=(10, 20), pixel_size="0.1 deg")
    >>> list(zip(table.x.values.tolist(), table.y.values.tolist()))
    [(-0.75, 0.25), (-0.25, 0.25), (0.25, 0.25), (0.75, 0.25),
     (-0.75, -0.25), (-0.25, -0.25), (0.25, -0.25), (0.75, -0.25)]
    """

    density: Any = "1/deg"
    size_x: Any = None
    size_y: Any = None

    def __post_init__(self) -> None:
        _checked(self.density, "spatial_frequency", "density", above=True)
        for name in ("size_x", "size_y"):
            if getattr(self, name) is not None:
                _checked(getattr(self, name), "angle", name, above=True)

    def positions(self, frame: tuple[int, int], pixel_size: Any, log_polar: LogPolar | None = None) -> xr.Dataset:
        """The cells that lie in the frame, row by row from the top.

        Parameters
        ----------
        frame : (int, int)
            Height and width in pixels.
        pixel_size : quantity or pair (y, x)
            Pixel pitch [deg].
        log_polar : LogPolar, optional
            Has no bearing on a square array, whose density is uniform.

        Returns
        -------
        Dataset (cell)
            ``x``, ``y``: position [degree], y upward, 0 in the middle of the frame; ``density``: cells per length
            there [1/degree].

        Raises
        ------
        ContractError
            More than ten million cells.
        """
        half = _half(frame, pixel_size)
        density = magnitude(self.density, "spatial_frequency", "density")
        own = (self.size_y, self.size_x)
        sizes = [2 * half[i] if size is None else magnitude(size, "angle", "size") for i, size in enumerate(own)]
        counts = [max(1.0, np.floor(size * density * (1 + _ROUNDING))) for size in sizes]
        # what lies beyond the frame is not even laid out
        shown = [
            min(count, 2 * np.ceil(end * density) + 2 + count % 2) for count, end in zip(counts, half, strict=True)
        ]
        shown = [kept - (count - kept) % 2 for kept, count in zip(shown, counts, strict=True)]
        _check_number(shown[0] * shown[1], self.density)
        y, x = ((np.arange(int(n)) - (int(n) - 1) / 2) / density for n in shown)
        rows, columns = np.meshgrid(-y, x, indexing="ij")
        return _table(rows.ravel(), columns.ravel(), np.full(rows.size, density), half)

    def fits(self, frame: tuple[int, int], pixel_size: Any) -> bool:
        """Whether the array says where the cells of a frame of this size are.

        It does not where its own size is left to the frame, and the frame is smaller than the distance of two cells.

        Parameters
        ----------
        frame, pixel_size
            As in `positions`.
        """
        return not (self.size_x is None and self.size_y is None) or _has_room(self.density, frame, pixel_size)


@dataclass(frozen=True)
class CircularArray:
    r"""Cells on rings around one in the middle of the frame; with a `LogPolar` scheme ever sparser outside the fovea.

    With the linear density :math:`d(r) = d_0 d_{rel}(r)`, ring :math:`n` has the radius where
    :math:`\int_0^{r_n} d(r)\,dr = n`: in the fovea :math:`r_n = n / d_0`, outside
    :math:`r_n = R_0 + (e^{K (n/d_0 - R_0)} - 1)/K`. On it are :math:`2 \pi r_n d(r_n)` cells (the nearest even number,
    so that the array is its own mirror image), equally spaced. Every second ring is turned by half a spacing.

    Parameters
    ----------
    fovea_density : quantity
        Cells per length in the middle [1/deg], above 0.
    diameter : quantity, optional
        Of the whole array [deg]; by default the shorter side of the frame.

    Raises
    ------
    ParameterError
        Out of bounds.

    Examples
    --------
    >>> cells = CircularArray("10/deg").positions((40, 40), "0.1 deg", LogPolar("1 deg", "1/deg"))
    >>> r = np.hypot(cells.x, cells.y)
    >>> int((r < 1.05).sum()), cells.sizes["cell"]
    (345, 717)
    """

    fovea_density: Any = "1/deg"
    diameter: Any = None

    def __post_init__(self) -> None:
        _checked(self.fovea_density, "spatial_frequency", "fovea_density", above=True)
        if self.diameter is not None:
            _checked(self.diameter, "angle", "diameter", above=True)

    def positions(self, frame: tuple[int, int], pixel_size: Any, log_polar: LogPolar | None = None) -> xr.Dataset:
        """The cells that lie in the frame, ring by ring from the middle, counter-clockwise from the right.

        Parameters
        ----------
        frame : (int, int)
            Height and width in pixels.
        pixel_size : quantity or pair (y, x)
            Pixel pitch [deg].
        log_polar : LogPolar, optional
            How the density falls; by default it is uniform.

        Returns
        -------
        Dataset (cell)
            ``x``, ``y``: position [degree], y upward, 0 in the middle of the frame; ``density``: cells per length
            there [1/degree].

        Raises
        ------
        ContractError
            More than ten million cells.
        """
        half = _half(frame, pixel_size)
        scheme = LogPolar(scaling_factor="0/deg") if log_polar is None else log_polar
        peak = magnitude(self.fovea_density, "spatial_frequency", "fovea_density")
        end = min(half) if self.diameter is None else magnitude(self.diameter, "angle", "diameter") / 2
        rings = float(scheme.integral(np.asarray(min(end, np.hypot(*half))))) * peak * (1 + _ROUNDING)
        _check_number(3 * rings, self.fovea_density)
        radii = scheme.radius(np.arange(1, int(rings) + 1) / peak)
        densities = peak * scheme.density(radii)
        counts = 2 * np.maximum(1, np.rint(np.pi * radii * densities))
        _check_number(counts.sum(), self.fovea_density)
        numbers = counts.astype(np.int64)
        place = np.arange(numbers.sum()) - np.repeat(np.cumsum(numbers) - numbers, numbers)
        turn = np.repeat(np.arange(len(radii)) % 2, numbers) / 2
        angles = 2 * np.pi * (place + turn) / np.repeat(numbers, numbers)
        r = np.repeat(radii, numbers)
        y, x = (np.concatenate([[0.0], r * wave(angles)]) for wave in (np.sin, np.cos))
        return _table(y, x, np.concatenate([[peak], np.repeat(densities, numbers)]), half)

    def fits(self, frame: tuple[int, int], pixel_size: Any) -> bool:
        """Whether the array says where the cells of a frame of this size are.

        It does not where its own size is left to the frame, and the frame is smaller than the distance of two cells.

        Parameters
        ----------
        frame, pixel_size
            As in `positions`.
        """
        return self.diameter is not None or _has_room(self.fovea_density, frame, pixel_size)


def _half(frame: tuple[int, int], pixel_size: Any) -> tuple[float, float]:
    """Half the height and half the width of the frame, deg."""
    if not isinstance(frame, tuple | list) or len(frame) != 2:
        cure = "frame=(height, width)"
        raise ContractError(explain("frame", wanted="height and width in pixels", got=repr(frame), cure=cure))
    height, width = (whole(length, "frame", "angle") for length in frame)
    y, x = pixel_degrees(pixel_size)
    return height * y / 2, width * x / 2


def _has_room(density: Any, frame: tuple[int, int], pixel_size: Any) -> bool:
    """Whether the distance of two cells fits into the longer side of the frame."""
    return 2 * max(_half(frame, pixel_size)) * magnitude(density, "spatial_frequency", "density") >= 1


def _table(y: Floats, x: Floats, density: Floats, half: tuple[float, float]) -> xr.Dataset:
    inside = (np.abs(y) <= half[0] * (1 + _ROUNDING)) & (np.abs(x) <= half[1] * (1 + _ROUNDING))
    columns = {"x": (x, "degree"), "y": (y, "degree"), "density": (density, "1/degree")}
    made = {name: (dims.CELL, values[inside], {"units": units}) for name, (values, units) in columns.items()}
    return xr.Dataset(made, coords={dims.CELL: np.arange(int(inside.sum()))})


def _check_number(cells: float, density: Any) -> None:
    if not cells <= MOST_CELLS:
        got, cure = f"about {cells:.3g} at {density}", "a lower density, or a smaller array"
        raise ContractError(explain("density", wanted=f"at most {MOST_CELLS} cells", got=got, cure=cure))


def _checked(value: Any, dimension: str, name: str, above: bool) -> None:
    number = magnitude(value, dimension, name)
    if number < 0 or (above and number == 0):
        wanted = "something above 0" if above else "0 or more"
        raise ParameterError(explain(name, wanted=wanted, got=str(value), cure="a value within the bounds"))
