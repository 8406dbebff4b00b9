"""Time step and pixel pitch of a grid, and the check that it is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from xarray.indexes import RangeIndex

from convis_xr import dims
from convis_xr.errors import ContractError, UnitError, explain, explain_all
from convis_xr.options import get_option
from convis_xr.scales import pixel_degrees, step_seconds, whole
from convis_xr.units import DIMENSIONS, Quantity, factor, has_dimension, is_bare, magnitude, parse_unit

#: steps may differ by this part of a step (plus the rounding of the coordinate's own dtype)
JITTER = 1e-3


@dataclass(frozen=True, init=False)
class Sampling:
    """Time step and pixel pitch.

    Parameters
    ----------
    dt : quantity, optional
        Time step [s]; by default that of `set_options`, else unknown.
    pixel_size : quantity or pair (y, x), optional
        Distance of pixel centres in visual angle [degree]; by default that of `set_options`, else unknown.

    Raises
    ------
    UnitError
        A bare number, a wrong dimension, or nothing above zero.

    Examples
    --------
    >>> sampling = Sampling(dt="1 ms", pixel_size="0.05 deg")
    >>> sampling
    Sampling(dt='1 ms', pixel_size='0.05 deg')
    >>> sampling.steps("0.1 s"), sampling.pixels("1 deg")
    (100, 20.0)
    """

    #: time step in s, None where unknown
    dt_s: float | None
    #: pixel pitch (y, x) in degree, None where unknown
    pixel_deg: tuple[float, float] | None

    def __init__(self, dt: Any = None, pixel_size: Any = None) -> None:
        dt = get_option("dt") if dt is None else dt
        pixel_size = get_option("pixel_size") if pixel_size is None else pixel_size
        object.__setattr__(self, "dt_s", None if dt is None else step_seconds(dt))
        object.__setattr__(self, "pixel_deg", None if pixel_size is None else pixel_degrees(pixel_size))

    @classmethod
    def of(cls, data: Any) -> Sampling:
        """Read the sampling off the coordinates of a DataArray or Dataset.

        A coordinate with one sample only takes the step from its attribute ``step`` (in its own units), which this
        library's generators and readers write; then from `set_options`.

        Raises
        ------
        ContractError
            A coordinate is not uniform, descends, repeats itself, or has no unit.
        """
        if not hasattr(data, "xindexes"):
            cure = "as_stimulus(array, ...) for bare arrays"
            raise ContractError(explain("data", wanted="a labelled array", got=type(data).__name__, cure=cure))
        faults: list[str] = []
        sampling = read_sampling(dequantified(data), faults)
        if faults:
            raise ContractError(explain_all("sampling", faults))
        return sampling

    @property
    def dt(self) -> Any:
        """Time step as a quantity, or None."""
        return None if self.dt_s is None else Quantity(self.dt_s, "s")

    @property
    def pixel_size(self) -> Any:
        """Pixel pitch as a quantity (a pair (y, x) where the pixels are not square), or None."""
        if self.pixel_deg is None:
            return None
        y, x = self.pixel_deg
        return Quantity(y, "degree") if y == x else Quantity(np.array([y, x]), "degree")

    def need_dt(self, who: str) -> float:
        """The time step in s; where it is unknown an error says that ``who`` wants it."""
        if self.dt_s is None:
            raise ContractError(_missing(who, "a time step", 'set_options(dt="1 ms")'))
        return self.dt_s

    def need_pixel(self, who: str) -> tuple[float, float]:
        """The pixel pitch (y, x) in degree; where it is unknown an error says that ``who`` wants it."""
        if self.pixel_deg is None:
            raise ContractError(_missing(who, "a pixel size", 'set_options(pixel_size="0.05 deg")'))
        return self.pixel_deg

    def steps(self, duration: Any, name: str = "duration") -> int:
        """A length of time in whole steps: a bare int is samples, a quantity is time."""
        if is_bare(duration):
            return whole(duration, name)
        seconds = magnitude(duration, "time", name)
        if seconds < 0:
            raise UnitError(explain(name, wanted="zero or more", got=f"{seconds:g} s", cure=f'{name}="100 ms"'))
        return round(seconds / self.need_dt(name))

    def pixels(self, angle: Any, name: str = "angle") -> float:
        """A visual angle in pixels (of the x pitch)."""
        return magnitude(angle, "angle", name) / self.need_pixel(name)[1]

    def agrees(self, other: Sampling) -> bool:
        """Whether the two differ by no more than the rounding of coordinates."""
        own, others = ((one.dt_s, *(one.pixel_deg or (None, None))) for one in (self, other))
        pairs = list(zip(own, others, strict=True))
        return all(a is b if a is None or b is None else abs(a - b) <= 1e-6 * a for a, b in pairs)

    def __repr__(self) -> str:
        dt = "None" if self.dt_s is None else f"'{self.dt_s * 1e3:.6g} ms'"
        pixel: Any = None if self.pixel_deg is None else tuple(f"{value:.6g} deg" for value in self.pixel_deg)
        if pixel is not None and pixel[0] == pixel[1]:
            pixel = pixel[0]
        return f"Sampling(dt={dt}, pixel_size={pixel!r})"


def read_sampling(data: Any, faults: list[str]) -> Sampling:
    """`Sampling.of` that adds what is wrong to ``faults`` instead of raising."""
    time = _step_of(data, dims.TIME, "time", faults)
    y = _step_of(data, dims.Y, "angle", faults)
    x = _step_of(data, dims.X, "angle", faults)
    pixel = (abs(y or x or 0.0), abs(x or y or 0.0)) if (y or x) else None
    return Sampling(
        None if time is None else Quantity(time, "s"),
        None if pixel is None else Quantity(np.array(pixel), "degree"),
    )


def _step_of(data: Any, name: str, dimension: str, faults: list[str]) -> float | None:
    """The step of one coordinate in canonical units (negative where y descends), or None where there is none."""
    if name not in data.dims:
        return None
    example = DIMENSIONS[dimension].example
    keyword = "dt" if name == dims.TIME else "pixel_size"
    if name not in data.coords:
        faults.append(
            f'{name}: wanted a coordinate with units, got none. Cure: as_stimulus(..., {keyword}="{example}").'
        )
        return None
    coordinate, index = data.coords[name], data.xindexes.get(name)
    if not coordinate.size:
        return None
    if isinstance(index, RangeIndex):  # too long to be written out
        scale = _scale_of(coordinate, dimension, faults)
        step = float(index.transform.step)
        ends = np.array([0.0, step if coordinate.size > 1 else abs(step)])
        return None if scale is None else _uniform_step(ends, name, scale, faults)
    if coordinate.dtype.kind in "mM" and dimension == "time":
        return _time_stamps_step(coordinate.values, name, faults)
    scale = _scale_of(coordinate, dimension, faults)
    if scale is None:
        return None
    if coordinate.dtype.kind not in "iuf":
        faults.append(explain(name, wanted="real numbers", got=str(coordinate.dtype), cure="float64"))
        return None
    if coordinate.size == 1:
        return _told_step(coordinate, scale, faults)
    return _uniform_step(coordinate.values, name, scale, faults)


def _time_stamps_step(values: Any, name: str, faults: list[str]) -> float | None:
    """The step of datetime64 or timedelta64, s."""
    if len(values) == 1:
        return None
    since = (values - values[0]).astype("timedelta64[ns]")
    return _uniform_step(np.where(np.isnat(since), np.nan, since.astype(np.float64)), name, 1e-9, faults)


def _told_step(coordinate: Any, scale: float, faults: list[str]) -> float | None:
    """The step that the attribute ``step`` of a coordinate with one sample tells."""
    told = coordinate.attrs.get("step")
    if told is None:
        return None
    try:
        step = float(told)
    except (TypeError, ValueError):
        step = math.nan
    if math.isfinite(step) and step != 0 and (step > 0 or coordinate.name == dims.Y):
        return step * scale
    name = str(coordinate.name)
    faults.append(explain(f"{name}.step", wanted="a number above zero", got=repr(told), cure="drop this attribute"))
    return None


def _scale_of(coordinate: Any, dimension: str, faults: list[str]) -> float | None:
    """The factor to canonical units; None where units are missing or wrong."""
    name, wanted, units = str(coordinate.name), DIMENSIONS[dimension], coordinate.attrs.get("units")
    if units is None:
        faults.append(f"{name}: wanted units ({wanted.unit}), got none. Cure: .coords['{name}'].attrs['units'] = ...")
        return None
    try:
        parsed = parse_unit(units, name)
    except UnitError as error:
        faults.append(str(error))
        return None
    if not has_dimension(parsed, dimension):
        in_pixels = dimension == "angle" and (parsed == "px" or "pixel" in parsed)
        cure = "multiply by the pixel pitch" if in_pixels else f"a coordinate in {wanted.unit}"
        faults.append(explain(name, wanted=f"{wanted.wanted} in its units", got=parsed, cure=cure))
        return None
    return factor(parsed, wanted.unit, name)


def dequantified(data: Any) -> Any:
    """Take pint's wrapping off a DataArray or Dataset and its coordinates; the units stay as attributes."""
    variables = data.variables if hasattr(data, "data_vars") else {**data.coords, None: data.variable}
    wrapped = any(hasattr(getattr(value, "variable", value)._data, "units") for value in variables.values())
    if not wrapped and not any(type(index).__name__ == "PintIndex" for index in data.xindexes.values()):
        return data
    import pint_xarray  # noqa: F401 - registers the accessor

    return data.pint.dequantify(format="~C")


def _uniform_step(values: Any, name: str, scale: float, faults: list[str]) -> float | None:
    precise = values.astype(np.float64)
    if not np.isfinite(precise).all():
        faults.append(explain(name, wanted="finite coordinates", got="NaN or infinity", cure="drop these samples"))
        return None
    differences = np.diff(precise)
    step = (precise[-1] - precise[0]) / (len(precise) - 1)
    rounding = 2 * float(np.spacing(np.abs(values).max())) if values.dtype.kind == "f" else 0.0
    if (differences == 0).any():
        faults.append(
            explain(name, wanted="every coordinate once", got="duplicates", cure=f'drop_duplicates("{name}")')
        )
    elif (differences < 0).any() and name != dims.Y:
        faults.append(explain(name, wanted="ascending coordinates", got="descending ones", cure=f'sortby("{name}")'))
    elif 2 * rounding > abs(step):  # a sample that is missing could not be told from rounding
        got = f"{values.dtype}, too coarse for steps of {abs(step) * scale:.6g}"
        faults.append(explain(name, wanted="precise coordinates", got=got, cure="float64 coordinates"))
    elif np.abs(differences - step).max() > JITTER * abs(step) + rounding:
        low, high = float(differences.min() * scale), float(differences.max() * scale)
        cure = "convis_xr.io.resample(...) to a uniform grid"
        faults.append(explain(name, wanted="a uniform grid", got=f"steps from {low:.6g} to {high:.6g}", cure=cure))
    else:
        # rounded, so that every part of one grid gives the very same step
        return float(f"{step * scale:.9g}")
    return None


def _missing(who: str, what: str, cure: str) -> str:
    return explain(who, wanted=what, got="none", cure=f"data with labelled coordinates, or a default by {cure}")
