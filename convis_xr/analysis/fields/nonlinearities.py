"""`nonlinearity`: what a cell answers to each value of its generator signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from convis_xr import dims
from convis_xr.analysis.fields.normal_equations import Floats
from convis_xr.analysis.scores.pairs import check_labels
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.pairing import check_response, stretch
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.units import magnitude, parse_unit

#: quantiles are those of so many steps, evenly taken
SAMPLE = 100_000
#: bytes of the generator signal that are read at once
BLOCK_BYTES = 2**25


def nonlinearity(
    generator: xr.DataArray,
    response: xr.DataArray,
    bins: Any = 20,
    *,
    interval: str = "normal",
    level: Any = 0.95,
) -> xr.Dataset:
    r"""The mean response in bins of the generator signal, with error bars (Chichilnisky 2001, Network 12:199).

    Data are read block by block, for all cells together.

    Parameters
    ----------
    generator : DataArray (time) or (time, cell) [any unit]
        What a linear filter gives for the stimulus, as ``cx.run`` of a `convis_xr.filters.RF`; NaN is left out.
    response : DataArray (time, cell) or (repeat, time, cell) [any unit]
        On time labels that are a stretch of the generator's; NaN where nothing was recorded.
    bins : int or sequence of float
        Number of bins that hold as many steps each (quantiles of at most 100 000 steps, evenly taken); or the edges,
        ascending, in the unit of the generator: what lies outside of them is left out.
    interval : ``"normal"``, ``"poisson"`` or ``"binomial"``
        What ``lower`` and ``upper`` hold: the mean and some standard errors; the exact interval for the mean of counts
        (Garwood 1936, Biometrika 28:437); the exact one for the share of steps with a spike (Clopper & Pearson 1934,
        Biometrika 26:404).
    level : float
        Probability that the interval holds the truth.

    Returns
    -------
    Dataset (cell, bin)
        ``response``, its standard ``error``, ``lower`` and ``upper`` [unit of the response]; ``steps``, how many values
        are in the bin; coordinates ``generator`` (mean in the bin), ``left`` and ``right`` [unit of the generator].
        Bins in which there is nothing hold NaN: a generator with few values fills few bins.

    Raises
    ------
    ContractError
        Labels or dimensions that do not fit; values that are no counts, for the intervals of counts.
    ParameterError
        Bins or intervals that are none.

    Examples
    --------
    >>> import convis_xr as cx
    >>> time = {"time": ("time", np.arange(4000) * 0.01, {"units": "s"})}
    >>> drive = xr.DataArray(np.random.default_rng(0).normal(size=4000), time, ("time",), attrs={"units": "1"})
    >>> found = nonlinearity(drive, drive.clip(0).assign_attrs(units="Hz"), bins=4)
    >>> found.response.values.round(2)
    array([0.  , 0.  , 0.31, 1.27])
    """
    pairs = _Pairs(generator, response)
    probability = magnitude(level, "dimensionless", "level")
    if interval not in _INTERVALS or not 0 < probability < 1:
        got = f"interval={interval!r}, level={probability:g}"
        wanted = f"an interval among {list(_INTERVALS)}, and a level between 0 and 1"
        raise ParameterError(explain("interval", wanted=wanted, got=got, cure='interval="normal", level=0.95'))
    edges = _edges(pairs, bins)
    sums = _Sums(edges, whole_counts=interval != "normal", ones=interval == "binomial")
    for drives, values in pairs.blocks():
        sums.add(drives, values)
    return pairs.labelled(sums, edges, _INTERVALS[interval], probability)


class _Sums:
    """What is added up in each bin (cell, bin)."""

    def __init__(self, edges: Floats, *, whole_counts: bool, ones: bool) -> None:
        self._edges, self._whole, self._ones = edges, whole_counts, ones
        #: taken off responses (cell), so that squares lose nothing where their mean is large
        self.origin: Floats | None = None
        self.steps, self.drive, self.first, self.second = np.zeros((4, len(edges), edges.shape[1] - 1))

    def add(self, drives: Floats, values: Floats) -> None:
        """A block: drives (time, cell or 1) and values (repeat, time, cell)."""
        there = values[np.isfinite(values)]
        if self._whole and ((there < 0) | (there != np.round(there)) | (self._ones & (there > 1))).any():
            wanted = "0 or 1 in each step" if self._ones else "counts"
            cure = 'interval="normal"' + (", or (response > 0)" if self._ones else "")
            raise ContractError(explain("response", wanted=wanted, got="other values", cure=cure))
        if self.origin is None:
            self.origin = _near(values)
        values = values - self.origin
        bins = self._edges.shape[1] - 1
        for cell, edges in enumerate(self._edges):
            drive = drives[:, min(cell, drives.shape[1] - 1)]
            at = np.searchsorted(edges, drive, side="right") - 1
            at[drive == edges[-1]] = bins - 1
            for one in values[:, :, cell]:
                kept = np.isfinite(one) & np.isfinite(drive) & (at >= 0) & (at < bins)
                for total, weight in (
                    (self.steps, None),
                    (self.drive, drive),
                    (self.first, one),
                    (self.second, one**2),
                ):
                    total[cell] += np.bincount(at[kept], None if weight is None else weight[kept], bins)


class _Pairs:
    """A generator signal and a response on one grid of time, and their labels."""

    def __init__(self, generator: xr.DataArray, response: xr.DataArray) -> None:
        generator, response = check_response(generator, missing=True), check_response(response, missing=True)
        part = stretch(generator, response, Sampling.of(generator))
        cells = [dim for dim in response.dims if dim not in (dims.TIME, dims.REPEAT)]
        strange = [str(dim) for dim in generator.dims if dim != dims.TIME and dim not in cells]
        unlike = [str(dim) for dim in generator.dims if dim in cells and generator.sizes[dim] != response.sizes[dim]]
        if strange or unlike:
            got = f"{dict(generator.sizes)} and {dict(response.sizes)}"
            cure = "generator.isel() or .rename(), so that it has the cells of the response"
            raise ContractError(explain("generator", wanted="one signal, or one for each cell", got=got, cure=cure))
        own = [dim for dim in cells if dim in generator.dims]
        for dim in own:
            if dim in generator.coords and dim in response.coords:
                check_labels(str(dim), generator, response, "generator")
        if own and own != cells:
            generator = generator.expand_dims({dim: response.sizes[dim] for dim in cells if dim not in own})
        self._drive = generator.isel({dims.TIME: part}).transpose(dims.TIME, *(cells if own else []))
        repeats = [dims.REPEAT] if dims.REPEAT in response.dims else []
        self._response = response.transpose(*repeats, dims.TIME, *cells)
        self._rest = response.isel(dict.fromkeys((dims.TIME, *repeats), 0), drop=True)
        self.cells = int(self._rest.size)

    def sample(self) -> Floats:
        """Some steps (time, cell or 1) of the generator signal."""
        stride = -(-self._drive.sizes[dims.TIME] // SAMPLE)
        return self._flat(self._drive.isel({dims.TIME: slice(None, None, stride)}))

    def blocks(self) -> Iterator[tuple[Floats, Floats]]:
        """Stretches of the generator (time, cell or 1) and of the response (repeat, time, cell)."""
        steps = self._drive.sizes[dims.TIME]
        length = max(1, BLOCK_BYTES * steps // (8 * max(self._drive.size, self._response.size)))
        for start in range(0, steps, length):
            part = {dims.TIME: slice(start, start + length)}
            drives = self._flat(self._drive.isel(part))
            values = np.asarray(self._response.isel(part).values, np.float64)
            yield drives, values.reshape(-1, len(drives), self.cells)

    def labelled(self, sums: _Sums, edges: Floats, interval: _Interval, level: float) -> xr.Dataset:
        """Means and what goes with them."""
        with np.errstate(invalid="ignore", divide="ignore"):
            beside, drive = sums.first / sums.steps, sums.drive / sums.steps
            spread = np.maximum(sums.second - sums.first * beside, 0.0) / np.where(
                sums.steps > 1, sums.steps - 1, np.nan
            )
            error = np.sqrt(spread / sums.steps)
        origin = np.zeros(self.cells) if sums.origin is None else sums.origin
        mean = beside + origin[:, None]
        lower, upper = interval(sums.first + sums.steps * origin[:, None], sums.steps, error, level)
        bare = self._rest.shape
        named = (*self._rest.dims, "bin")
        units = parse_unit(self._response.attrs.get("units", "1"), "response")
        given = parse_unit(self._drive.attrs.get("units", "1"), "generator")
        columns = {"response": (mean, units), "error": (error, units), "lower": (lower, units), "upper": (upper, units)}
        columns |= {"steps": (sums.steps, "1")}
        labels = {"generator": (drive, given), "left": (edges[:, :-1], given), "right": (edges[:, 1:], given)}
        data, coords = (
            {name: (named, value.reshape(*bare, -1), {"units": unit}) for name, (value, unit) in made.items()}
            for made in (columns, labels)
        )
        kept = {str(name): coord for name, coord in self._rest.coords.items() if coord.dims}
        return xr.Dataset(data, {**kept, **coords})

    def _flat(self, part: xr.DataArray) -> Floats:
        return np.asarray(part.values, np.float64).reshape(part.sizes[dims.TIME], -1)


def _near(values: Floats) -> Floats:
    """A whole number (cell), which keeps counts exact, amid the values of a block (repeat, time, cell)."""
    there = np.isfinite(values)
    number = there.sum((0, 1))
    return np.round(np.where(there, values, 0.0).sum((0, 1)) / np.maximum(number, 1))


def _edges(pairs: _Pairs, bins: Any) -> Floats:
    """Edges (cell, edge); the outer ones are infinite where they were not given."""
    if isinstance(bins, int | np.integer) and not isinstance(bins, bool):
        count = whole(bins, "bins")
        if count < 1:
            raise ParameterError(explain("bins", wanted="1 bin or more", got=str(count), cure="bins=20"))
        drives = pairs.sample()
        edges = np.full((pairs.cells, count + 1), np.nan)
        for cell in range(pairs.cells):
            drive = drives[:, min(cell, drives.shape[1] - 1)]
            drive = drive[np.isfinite(drive)]
            if len(drive):
                edges[cell] = np.quantile(drive, np.linspace(0, 1, count + 1))
        edges[:, 0], edges[:, -1] = -np.inf, np.inf
        return edges
    given = np.asarray(bins, np.float64) if isinstance(bins, list | tuple | np.ndarray) else np.zeros(0)
    if given.ndim != 1 or len(given) < 2 or not (np.diff(given) > 0).all():
        cure = "bins=20, or bins=np.linspace(-2, 2, 21)"
        raise ParameterError(explain("bins", wanted="a number, or ascending edges", got=repr(bins), cure=cure))
    return np.tile(given, (pairs.cells, 1))


#: lower and upper end, by the sum of the response, number of values, standard error of the mean, level
_Interval = Callable[[Floats, Floats, Floats, float], tuple[Floats, Floats]]


def _normal(total: Floats, steps: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    reach = stats.norm.ppf(0.5 + level / 2) * error
    with np.errstate(invalid="ignore"):
        mean = total / steps
    return mean - reach, mean + reach


def _poisson(total: Floats, steps: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    there = np.where(steps > 0, steps, np.nan)
    lower = np.where(total > 0, stats.chi2.ppf((1 - level) / 2, 2 * np.maximum(total, 1)) / 2, 0.0)
    return lower / there, stats.chi2.ppf(0.5 + level / 2, 2 * (total + 1)) / 2 / there


def _binomial(total: Floats, steps: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    there = np.where(steps > 0, 1.0, np.nan)
    missed = steps - total
    lower = np.where(total > 0, stats.beta.ppf((1 - level) / 2, np.maximum(total, 1), missed + 1), 0.0)
    upper = np.where(missed > 0, stats.beta.ppf(0.5 + level / 2, total + 1, np.maximum(missed, 1)), 1.0)
    return lower * there, upper * there


_INTERVALS: dict[str, _Interval] = {"normal": _normal, "poisson": _poisson, "binomial": _binomial}
