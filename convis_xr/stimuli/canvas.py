"""What all generators share: length and size, sampling, mean luminance and its range."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict, TypeVar

import numpy as np
import xarray as xr

from convis_xr.contract import check_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.frames import Render, lazy
from convis_xr.stimuli.plane import in_units, nearest_inside, pixel_counts, step_count
from convis_xr.units import magnitude, parse_unit

AXES = ("time", "y", "x")


class Grid(TypedDict, total=False):
    """The keywords that every generator takes."""

    dt: Any
    pixel_size: Any
    mean: Any
    units: str
    chunk: Any
    dtype: Any


_SHARED = """
    dt : quantity, optional
        Time step; by default that of `set_options`.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch; by default that of `set_options`.
    mean : float or quantity
        Mean luminance; with a unit where ``units`` is one of luminance.
    units : str
        ``"1"``, relative luminance in (0, 1), or a unit of luminance such as ``"cd/m^2"``: then in (0, 2 mean).
    chunk : int or quantity, optional
        Time steps in one block; by default blocks of about 32 MB. Values do not depend on it.
    dtype : str
        ``"float32"`` or ``"float64"``.
"""

F = TypeVar("F", bound=Callable[..., Any])


def generator(function: F) -> F:
    """Show the shared keywords in a generator's signature and docstring; the function itself stays as it is."""
    own = inspect.signature(function)
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword, default=value.default, annotation=value.annotation)
        for name, value in inspect.signature(Canvas).parameters.items()
        if name in Grid.__annotations__
    ]
    kept = [value for value in own.parameters.values() if value.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = own.replace(parameters=[*kept, *shared])  # type: ignore[attr-defined]
    document = function.__doc__ or ""
    function.__doc__ = document.replace("\n    **shared\n        See `Canvas`.\n", _SHARED)
    return function


@dataclass(frozen=True, init=False)
class Canvas:
    """Length, size, sampling and grey of a stimulus that is about to be made.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    size : quantity, int or pair (y, x)
        Size of the frame; bare ints are pixels, quantities are visual angles, one value is a square.
    dt, pixel_size, mean, units, chunk, dtype
        As in every generator, see `moving_grating`.

    Raises
    ------
    UnitError
        A bare number or a wrong dimension.
    ContractError
        Nothing to be made (no step, no pixel), no sampling, or a mean outside the range.

    Examples
    --------
    >>> canvas = Canvas("1 s", "2 deg", dt="1 ms", pixel_size="0.1 deg")
    >>> canvas.shape, canvas.valid_range
    ((1000, 20, 20), (0.0, 1.0))
    """

    shape: tuple[int, int, int]
    sampling: Sampling
    mean: float
    units: str
    valid_range: tuple[float, float]
    chunk: int | None
    dtype: np.dtype[Any]

    def __init__(
        self,
        duration: Any,
        size: Any,
        dt: Any = None,
        pixel_size: Any = None,
        mean: Any = 0.5,
        units: str = "1",
        chunk: Any = None,
        dtype: Any = "float32",
    ) -> None:
        sampling = Sampling(dt, pixel_size)
        unit = parse_unit(units, "units")
        level = in_units(mean, unit, "mean")
        high = 1.0 if unit == "1" else 2.0 * level
        if not 0.0 < level < high:
            wanted = "a relative luminance above 0 and below 1" if unit == "1" else "a luminance above zero"
            cure = "mean=0.5" if unit == "1" else 'mean="100 cd/m^2"'
            raise ContractError(explain("mean", wanted=wanted, got=str(mean), cure=cure))
        values = {
            "shape": (step_count(duration, sampling, "duration", least=1), *pixel_counts(size, sampling)),
            "sampling": sampling,
            "mean": level,
            "units": unit,
            "valid_range": (0.0, high),
            "chunk": None if chunk is None else step_count(chunk, sampling, "chunk", least=1),
            "dtype": _floating(dtype),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def dt(self) -> float:
        """Time step in s."""
        return self.sampling.need_dt("duration")

    @property
    def pitch(self) -> tuple[float, float]:
        """Pixel pitch (y, x) in degree."""
        return self.sampling.need_pixel("size")

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width of the frame in degree."""
        return self.shape[1] * self.pitch[0], self.shape[2] * self.pitch[1]

    @property
    def plane(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Pixel centres, y as a column (descending) and x as a row [degree]."""
        coordinates = grid(dict(zip(AXES[1:], self.shape[1:], strict=True)), self.sampling)
        return coordinates["y"].values[:, None], coordinates["x"].values[None, :]

    def steps(self, length: Any, name: str, *, least: int = 0) -> int:
        """A length of time in steps."""
        return step_count(length, self.sampling, name, least=least)

    def modulation(self, contrast: Any, name: str = "contrast") -> float:
        """A contrast by which the mean goes up and down, checked against the range."""
        value = magnitude(contrast, "dimensionless", name)
        if value < 0:
            cure = f"{name}={-value:g} with the opposite phase"
            raise ContractError(explain(name, wanted="a contrast from 0", got=str(contrast), cure=cure))
        self.level(value, name)
        self.level(-value, name)
        return value

    def level(self, contrast: Any, name: str = "contrast") -> float:
        """A contrast to the mean, ``(value - mean) / mean``, checked against the range."""
        value = magnitude(contrast, "dimensionless", name)
        low, high = self.valid_range
        reached = self.mean * (1 + value)
        slack = 1e-9 * high
        if not low - slack <= reached <= high + slack:
            most = min(1.0, high / self.mean - 1)
            cure = f"|{name}| <= {most:g}, or another mean"
            wanted = f"values in ({low:g}, {high:g}) {self.units}"
            got = f"{value:g}, which reaches {reached:g} at mean {self.mean:g}"
            raise ContractError(explain(name, wanted=wanted, got=got, cure=cure))
        return value

    def warn_if_aliased(self, temporal: float, spatial: tuple[float, float] = (0.0, 0.0)) -> None:
        """Warn where a frequency (in Hz; (y, x) in 1/degree) is above half of the sampling's."""
        named = [("temporal", temporal, self.dt, "Hz", "dt")]
        named += [("spatial", f, p, "cycle/deg", "pixel_size") for f, p in zip(spatial, self.pitch, strict=True)]
        for kind, frequency, pitch, unit, finer in named:
            if abs(frequency) * pitch > 0.5 * (1 + 1e-9):
                cure = f"a smaller {finer}, or a lower frequency"
                wanted = f"less than the Nyquist limit of {0.5 / pitch:g} {unit}"
                message = explain(f"{kind}_frequency", wanted=wanted, got=f"{abs(frequency):g} {unit}", cure=cure)
                warnings.warn(f"{message} The stimulus is aliased.", stacklevel=3)

    def paint(self, signal: Render, long_name: str, *, gain: float = 1.0, **attrs: Any) -> xr.DataArray:
        """The stimulus ``mean (1 + gain signal)``, lazy.

        Parameters
        ----------
        signal : callable
            Indices of frames (int64) -> contrast to the mean (index, y or 1, x or 1); pure, so that no chunk matters.
            The array that it returns is written on.
        long_name : str
            What it is.
        gain : float
            Contrast that multiplies the signal.
        **attrs
            What the stimulus was made of; ``contrast`` is the greatest deviation that it can reach.
        """
        low, high = (nearest_inside(bound, self.dtype, self.valid_range) for bound in self.valid_range)
        scale = (self.mean, self.mean * gain)
        render = partial(_painted, signal=signal, dtype=self.dtype, scale=scale, bounds=(low, high))
        coordinates = grid(dict(zip(AXES, self.shape, strict=True)), self.sampling)
        stimulus = xr.DataArray(lazy(render, self.shape, self.dtype, self.chunk), coordinates, AXES, name="stimulus")
        stimulus.attrs = {
            "long_name": long_name,
            "units": self.units,
            "valid_range": list(self.valid_range),
            "mean": self.mean,
            **attrs,
        }
        return check_stimulus(stimulus)[0]


def _painted(
    index: np.ndarray[Any, Any],
    *,
    signal: Render,
    dtype: np.dtype[Any],
    scale: tuple[float, float],
    bounds: tuple[float, float],
) -> np.ndarray[Any, Any]:
    values = signal(index).astype(dtype, copy=False)
    values *= dtype.type(scale[1])
    values += dtype.type(scale[0])
    return np.clip(values, dtype.type(bounds[0]), dtype.type(bounds[1]), out=values)


def _floating(dtype: Any) -> np.dtype[Any]:
    known: dict[str, np.dtype[Any]] = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", repr(dtype)))
    if name not in known:
        raise ContractError(explain("dtype", wanted="float32 or float64", got=repr(dtype), cure='dtype="float32"'))
    return known[name]
