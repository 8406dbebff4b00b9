"""Shapes that are fitted to the spatial part of receptive fields, and the fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import OptimizeResult, approx_fprime, least_squares

from convis_xr import dims
from convis_xr.analysis.fields.normal_equations import Floats
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import factor, magnitude, parse_unit

#: a centre's standard deviation is no wider than this part of the field, and no narrower than this part of a pixel
WIDEST, NARROWEST = 2.0, 0.1
#: directions of parameters in which errors grow by less than this part of the largest tell nothing
ROUNDING = 1e-9


class Profile(ABC):
    """A shape over (y, x); parameters: amplitude, centre (x, y), triangle L (3), those of a kind, baseline."""

    #: parameters between triangle and baseline: what they are called, lower and upper bounds
    own: tuple[tuple[str, float, float], ...] = ()

    def __init__(self, baseline: bool) -> None:
        self.baseline = baseline

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 6 + len(self.own) + self.baseline

    def values(self, parameters: Floats, x: Floats, y: Floats) -> Floats:
        """The shape at the places (x, y)."""
        first, middle, last = parameters[3:6]
        across = (x - parameters[1]) / first
        along = (y - parameters[2] - middle * across) / last
        level = parameters[-1] if self.baseline else 0.0
        return parameters[0] * self.shape(across**2 + along**2, parameters[6:]) + level

    @abstractmethod
    def shape(self, square: Floats, own: Floats) -> Floats:
        """By the squared distance from the centre in standard deviations."""

    @abstractmethod
    def starts(self) -> list[list[float]]:
        """The parameters of a kind."""

    def told(self, parameters: Floats, contour: float) -> dict[str, float]:
        """Parameters as they are reported, angles in radian."""
        triangle = np.array([[parameters[3], 0.0], [parameters[4], parameters[5]]])
        variances, axes = np.linalg.eigh(triangle @ triangle.T)
        minor, major = np.sqrt(np.maximum(variances, 0.0))
        found = {
            "amplitude": parameters[0],
            "center_x": parameters[1],
            "center_y": parameters[2],
            "sigma_major": major,
            "sigma_minor": minor,
            "orientation": np.arctan2(axes[1, 1], axes[0, 1]) % np.pi,
            "area": np.pi * contour**2 * major * minor,
            "diameter": 2 * contour * np.sqrt(major * minor),
        }
        if self.baseline:
            found["baseline"] = parameters[-1]
        return found


class Gaussian(Profile):
    """One Gaussian."""

    def shape(self, square: Floats, own: Floats) -> Floats:
        """By the squared distance from the centre in standard deviations."""
        return np.asarray(np.exp(-0.5 * square))

    def starts(self) -> list[list[float]]:
        """No parameters of its own."""
        return [[]]


class Difference(Profile):
    """A Gaussian minus a wider one."""

    own = (("surround_weight", 0.0, 5.0), ("surround_ratio", 1.05, 20.0))

    def shape(self, square: Floats, own: Floats) -> Floats:
        """By the squared distance from the centre in standard deviations."""
        return np.asarray(np.exp(-0.5 * square) - own[0] * np.exp(-0.5 * square / own[1] ** 2))

    def starts(self) -> list[list[float]]:
        """A strong narrow surround, and a weak wide one."""
        return [[0.5, 1.6], [0.1, 3.0]]

    def told(self, parameters: Floats, contour: float) -> dict[str, float]:
        """Parameters as they are reported."""
        weight, ratio = parameters[6], parameters[7]
        surround = {"surround_amplitude": weight * parameters[0], "surround_ratio": ratio}
        return {**super().told(parameters, contour), **surround, "surround_strength": weight * ratio**2}


def fit_profiles(field: xr.DataArray, profile: Profile, contour: Any) -> xr.Dataset:
    """`fit_gaussian` and `fit_dog`."""
    field, at_x, at_y = _placed(field)
    width = magnitude(contour, "dimensionless", "contour")
    if width <= 0:
        raise ParameterError(explain("contour", wanted="a number above 0", got=f"{width:g}", cure="contour=1.5"))
    rest = [str(dim) for dim in field.dims if dim not in (dims.TIME, *dims.SPACE)]
    cells = field.isel({dim: 0 for dim in field.dims if dim not in rest}, drop=True)
    order = [*rest, *(dim for dim in (dims.TIME, *dims.SPACE) if dim in field.dims)]
    values = np.asarray(field.transpose(*order).values, np.float64).reshape(cells.size, -1, at_y.size)
    found = [_fit(one, at_x, at_y, profile, width) for one in values]
    units = _units(parse_unit(field.attrs.get("units", "1"), "field"))
    names = [*profile.told(np.ones(profile.size), width), "r2"]
    names = [*names, *(f"{name}_error" for name in names if name != "r2")]
    made: dict[str, Any] = {}
    for name in names:
        column = np.array([told.get(name, np.nan) for told, _ in found]).reshape(cells.shape)
        made[name] = (rest, column, {"units": units.get(name.removesuffix("_error"), "1")})
    made["reason"] = (rest, np.array([reason for _, reason in found], dtype=np.str_).reshape(cells.shape))
    return xr.Dataset(made, {name: coord for name, coord in cells.coords.items() if coord.dims})


def _fit(field: Floats, x: Floats, y: Floats, profile: Profile, contour: float) -> tuple[dict[str, float], str]:
    """What is reported of one field (lag, pixel), and why not."""
    if not np.isfinite(field).all():
        return {}, "NaN in the field"
    if field.shape[1] <= profile.size:
        return {}, f"{field.shape[1]} pixels for {profile.size} parameters"
    flat = _spatial_part(field, [0.0, float(np.median(field))] if profile.baseline else [0.0])
    height = float(np.ptp(flat))
    if height <= 1e-12 * np.abs(flat).max():
        return {}, "a field that does not vary"
    best, bounds = _least(flat / height, x, y, profile)
    if not best.success:
        return {}, "no convergence"
    found = best.x
    if not (x.min() <= found[1] <= x.max() and y.min() <= found[2] <= y.max()):
        return {}, "a centre outside the field"
    if (found[[3, 5]] >= 0.999 * bounds[1][[3, 5]]).any():
        return {}, "wider than the field"
    told, errors = _with_errors(best, profile, contour)
    unexplained = 2 * best.cost / ((flat - flat.mean()) ** 2).sum() * height**2
    for kind in (told, errors):
        for name in ("amplitude", "baseline", "surround_amplitude"):
            if name in kind:
                kind[name] *= height
        kind["orientation"] = np.degrees(kind["orientation"])
    return {**told, **{f"{name}_error": value for name, value in errors.items()}, "r2": 1 - unexplained}, ""


def _spatial_part(field: Floats, levels: list[float]) -> Floats:
    """The map (pixel) of the best product of a course in time and a map, at the lag where it is largest.

    One of the levels is beside the product: the one that leaves least of the field unexplained. Otherwise the mean of
    a stimulus would be what an average has most of, and its product one of all lags.
    """
    if len(field) == 1:
        return field[0]
    found = []
    for level in levels:
        course, strength, maps = np.linalg.svd(field - level, full_matrices=False)
        best = course[np.abs(course[:, 0]).argmax(), 0] * strength[0] * maps[0] + level
        found.append((float(np.square(strength[1:]).sum()), best))
    return np.asarray(min(found, key=lambda one: one[0])[1])


def _least(flat: Floats, x: Floats, y: Floats, profile: Profile) -> tuple[OptimizeResult, tuple[Floats, Floats]]:
    """The best of some fits, and the bounds of parameters."""
    pitch = np.sqrt(np.ptp(x) * np.ptp(y) / len(x)) if np.ptp(x) and np.ptp(y) else max(np.ptp(x), np.ptp(y)) / len(x)
    wide, narrow = WIDEST * max(np.ptp(x), np.ptp(y)), NARROWEST * pitch
    low = [-np.inf, *[-np.inf] * 2, narrow, -wide, narrow, *(one[1] for one in profile.own), -np.inf]
    high = [np.inf, *[np.inf] * 2, wide, wide, wide, *(one[2] for one in profile.own), np.inf]
    bounds = np.array(low[: profile.size]), np.array(high[: profile.size])
    level = float(np.median(flat)) if profile.baseline else 0.0
    peak = int(np.abs(flat - level).argmax())
    high_half = np.count_nonzero((flat - level) / (flat[peak] - level) > 0.5)
    sigma = np.clip(pitch * np.sqrt(high_half / (2 * np.pi * np.log(2))), 2 * narrow, 0.5 * wide)
    fits = []
    for own in profile.starts():
        for part in (1.0, 2.0):
            start = [flat[peak] - level, x[peak], y[peak], part * sigma, 0.0, part * sigma, *own, level]
            inside = np.clip(start[: profile.size], bounds[0], bounds[1])
            fits.append(least_squares(lambda p: profile.values(p, x, y) - flat, inside, bounds=bounds, x_scale="jac"))
    return min(fits, key=lambda one: (not one.success, one.cost)), bounds


def _with_errors(best: OptimizeResult, profile: Profile, contour: float) -> tuple[dict[str, float], dict[str, float]]:
    """What is told, and its standard errors by the slopes of the residuals; NaN for what the residuals do not tell."""
    told = profile.told(best.x, contour)
    freedom = len(best.fun) - len(best.x)
    size = np.linalg.norm(best.jac, axis=0)
    size[size == 0] = 1.0
    _, strength, axes = np.linalg.svd(best.jac / size, full_matrices=False)
    seen = strength > ROUNDING * strength[0]
    roots = axes[seen].T / strength[seen] / size[:, None]
    lost = (np.abs(axes[~seen]) > 1e-6).any(0)
    errors = {}
    for name in told:
        slope = approx_fprime(best.x, lambda p, name=name: profile.told(p, contour)[name], 1e-7 * np.abs(best.x) + 1e-9)
        variance = ((slope @ roots) ** 2).sum() * 2 * best.cost / freedom
        errors[name] = np.nan if (lost & (slope != 0)).any() else float(np.sqrt(variance))
    return told, errors


def _placed(field: xr.DataArray) -> tuple[xr.DataArray, Floats, Floats]:
    """A field, and the places of its pixels [degree]."""
    if not isinstance(field, xr.DataArray) or not set(dims.SPACE) <= set(field.dims):
        got = f"{field.dims}" if isinstance(field, xr.DataArray) else type(field).__name__
        raise ContractError(explain("field", wanted="a DataArray over y and x", got=got, cure="cx.analysis.sta(...)"))
    field = dequantified(field)
    if any(field.sizes[dim] > 1 for dim in dims.SPACE):
        Sampling.of(field).need_pixel("field")  # says what is wrong with the coordinates
    # one pixel needs no labels: it is not fitted
    units = {dim: str(field[dim].attrs.get("units", "degree")) for dim in dims.SPACE}
    places = [field[dim].values * factor(unit, "degree", dim) for dim, unit in units.items()]
    y, x = np.meshgrid(*places, indexing="ij")
    return field, x.ravel(), y.ravel()


def _units(unit: str) -> dict[str, str]:
    angles = ("center_x", "center_y", "sigma_major", "sigma_minor", "orientation", "diameter")
    levels = ("amplitude", "baseline", "surround_amplitude")
    return {**dict.fromkeys(angles, "degree"), **dict.fromkeys(levels, unit), "area": "degree^2"}
