"""Moments without their means, units and scales: what every linear estimator solves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.units import parse_unit

Floats = npt.NDArray[np.float64]

#: a variance below this part of the mean square is that of a constant
CONSTANT = 1e-12


@dataclass(frozen=True)
class Normal:
    r"""Sums of squares and products around the means, for a stimulus and responses of standard deviation 1.

    With rows :math:`\hat x_t = (x_t - \bar x) / s_x` and responses :math:`\hat y_t = (y_t - \bar y) / s_y`, so that
    whatever is relative to them (a floor, a penalty, a prior) does not depend on the units of the data. Taking the
    means off both is to fit an intercept.

    Parameters
    ----------
    gram : array (weight, weight)
        :math:`\hat X^T \hat X`; its diagonal is ``steps`` on average.
    cross : array (cell, weight)
        :math:`\hat y^T \hat X`; 0 for cells that tell nothing.
    steps : float
        Number of rows, also :math:`\hat y^T \hat y`.
    spread : array (cell)
        :math:`s_y`, NaN for a response that is constant.
    scale : float
        :math:`s_x`: root of the mean variance of the window's values.
    mean_response, mean_stimulus : array (cell), (weight)
        In their units.
    window, cells : DataArray
        What carries the labels of the weights and of the cells.
    units : (str, str)
        Of the response and of the stimulus.
    shares : DataArray (cell)
        By how much each response varies; for messages.
    """

    gram: Floats
    cross: Floats
    steps: float
    spread: Floats
    scale: float
    mean_response: Floats
    mean_stimulus: Floats
    window: xr.DataArray = field(repr=False)
    cells: xr.DataArray = field(repr=False)
    units: tuple[str, str]

    @property
    def freedom(self) -> float:
        """Degrees of freedom beside the intercept."""
        return self.steps - 1

    @cached_property
    def spectrum(self) -> tuple[Floats, Floats]:
        """Eigenvalues (none below 0) and eigenvectors of ``gram``."""
        values, vectors = np.linalg.eigh(self.gram)
        return np.maximum(values, 0.0), vectors

    def within(self, basis: Floats) -> Normal:
        """The same for weights ``basis @ coefficients``."""
        return replace(self, gram=basis.T @ self.gram @ basis, cross=self.cross @ basis)

    def physical(self, weights: Floats) -> Floats:
        """Weights (cell, weight) in the units of the data; NaN for cells that tell nothing."""
        return weights * (self.spread / self.scale)[:, None]

    def labelled(
        self, weights: Floats, name: str, told: Mapping[str, tuple[Floats, str, str]] | None = None
    ) -> xr.DataArray:
        """A receptive field of weights (cell, weight), scaled as ``gram`` is.

        Parameters
        ----------
        weights : array (cell, weight)
        name : str
            Of the estimate, in words.
        told : mapping of str to (array (cell), unit, long name), optional
            What else was found for each cell.
        """
        values = self.physical(weights)
        intercept = self.mean_response - values @ self.mean_stimulus
        response, stimulus = self.units
        extra = {"intercept": (intercept, response, "response to a stimulus of 0"), **(told or {})}
        coords: dict[Any, Any] = {**self.cells.coords, **self.window.coords}
        for key, (found, unit, words) in extra.items():
            numbers = np.where(np.isfinite(self.spread), found, np.nan).reshape(self.cells.shape)
            coords[key] = xr.Variable(self.cells.dims, numbers, {"units": unit, "long_name": words})
        dims = (*self.cells.dims, *self.window.dims)
        attrs = {"units": ratio(response, stimulus), "long_name": name}
        shape = (*self.cells.shape, *self.window.shape)
        return xr.DataArray(values.reshape(shape), coords, dims, "receptive_field", attrs)


def normal_equations(moments: xr.Dataset) -> Normal:
    """Read `Normal` off moments.

    Raises
    ------
    ContractError
        No ``auto``, fewer than two steps, NaN, or a stimulus that does not vary.
    """
    _check(moments)
    steps = float(np.max(moments["steps"].values))
    window, cells = moments["stimulus"], moments["responses"]
    size, count = window.size, cells.size
    mean = _flat(window) / steps
    gram = moments["auto"].transpose(*window.dims, ...).values.astype(np.float64).reshape(size, size)
    square = float(np.trace(gram)) / (size * steps)
    gram = gram - steps * np.outer(mean, mean)
    variance = float(np.trace(gram)) / (size * steps)
    if not variance > CONSTANT * square:
        cure = "a stimulus that changes, as cx.stimuli.white_noise()"
        raise ContractError(explain("moments", wanted="a stimulus that varies", got="a constant one", cure=cure))
    mean_response = _flat(cells) / steps
    cross = moments["cross"].transpose(*cells.dims, *window.dims).values.astype(np.float64).reshape(count, size)
    power = _flat(moments["responses_squared"].transpose(*cells.dims)) / steps
    spread = np.sqrt(np.maximum(power - mean_response**2, 0.0))
    spread[spread**2 <= CONSTANT * power] = np.nan
    scaled = (cross - steps * np.outer(mean_response, mean)) / (spread * variance**0.5)[:, None]
    return Normal(
        gram=(gram + gram.T) / (2 * variance),
        cross=np.nan_to_num(scaled, nan=0.0),
        steps=steps,
        spread=spread,
        scale=variance**0.5,
        mean_response=mean_response,
        mean_stimulus=mean + float(moments["origin"]),
        window=_labels(window),
        cells=_labels(cells),
        units=(_unit(cells), _unit(moments["origin"])),
    )


def each(moments: xr.Dataset | Sequence[xr.Dataset]) -> list[xr.Dataset]:
    """One Dataset of moments, or several."""
    return [moments] if isinstance(moments, xr.Dataset) else list(moments)


def for_cells(normal: Normal, solve: Callable[[int], Floats]) -> Floats:
    """``solve(cell)`` for the cells that tell something, NaN for the others."""
    found = np.full(normal.cross.shape, np.nan)
    for cell in np.flatnonzero(np.isfinite(normal.spread)):
        found[cell] = solve(int(cell))
    return found


def ratio(above: str, below: str) -> str:
    """The unit of a quotient.

    Examples
    --------
    >>> ratio("count", "cd/m^2"), ratio("Hz", "1")
    ('count*m^2/cd', 'Hz')
    """
    return parse_unit(f"({above})/({below})", "units") if below != "1" else above


def _check(moments: xr.Dataset) -> None:
    if not isinstance(moments, xr.Dataset):
        cure = "cx.analysis.moments(stimulus, response, window, auto=True)"
        raise ContractError(explain("moments", wanted="a Dataset of moments", got=type(moments).__name__, cure=cure))
    wanted = ("steps", "responses", "responses_squared", "stimulus", "cross", "auto", "origin")
    missing = [name for name in wanted if name not in moments]
    if missing:
        cure = "cx.analysis.moments(stimulus, response, window, auto=True)"
        got = f"no {', '.join(missing)}"
        raise ContractError(explain("moments", wanted=f"moments with {', '.join(missing)}", got=got, cure=cure))
    broken = [name for name in wanted if not np.isfinite(moments[name].values).all()]
    if broken:
        cure = "moments of data without NaN, or with gaps as NaN in the response"
        raise ContractError(explain("moments", wanted="finite sums", got=f"NaN in {', '.join(broken)}", cure=cure))
    steps = moments["steps"].values
    if np.ptp(steps) > 0:
        cure = "one call for each set of cells that were recorded in the same steps"
        got = f"from {steps.min():g} to {steps.max():g} steps"
        raise ContractError(explain("moments", wanted="the same steps for all cells", got=got, cure=cure))
    if np.max(steps) < 2:
        cure = "a longer recording, or a shorter window"
        raise ContractError(explain("moments", wanted="two steps or more", got=f"{np.max(steps):g}", cure=cure))


def _flat(values: xr.DataArray) -> Floats:
    return np.asarray(values.values, np.float64).reshape(-1)


def _labels(values: xr.DataArray) -> xr.DataArray:
    """Dimensions and coordinates along them, no values."""
    bare = xr.DataArray(np.empty(values.shape, np.uint8), dims=values.dims)
    return bare.assign_coords({key: value for key, value in values.coords.items() if value.dims})


def _unit(values: xr.DataArray) -> str:
    return parse_unit(values.attrs.get("units", "1"), str(values.name))
