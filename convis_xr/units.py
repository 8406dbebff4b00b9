"""The only door by which units come on and off: `quantity` and `magnitude`.

Inside the library values are plain floats in the canonical unit of their dimension (s, degree, Hz, ...).
"""

from __future__ import annotations

import datetime
import math
import operator
import re
import tokenize
from dataclasses import dataclass
from typing import Any

import numpy as np
import pint

from convis_xr.errors import UnitError, explain

#: pint's application registry, stock definitions only: a unit of our own would be unknown to a dask worker.
registry = pint.get_application_registry()
Quantity = registry.Quantity

#: pint reads "3 4 s", "[3, 4] s" and "1..2 s" as products, and works out "9**9**9 s" for hours; nobody means that
_ODD_TEXT = re.compile(r"[\d.]\s+[\d.]|\.\d*\s*\.|[\d)]\s*(\*\*|\^)|(\*\*|\^)[\s(+-]*\d{3}|[^\w\s.+\-*/^()°·%²³]")
#: a text says how much: a unit alone does not mean 1 of it
_NUMBER = re.compile(r"[\s(+-]*(\d|\.\d|pi\b|nan\b|inf\b)", re.IGNORECASE)
_LONGEST_TEXT = 100
#: not within another word
_MILLICANDELA = re.compile(r"(?<![^\W\d_])mcd(?!\w)")
#: what pint, and Python's tokenizer to which it hands some texts, raise on what they cannot read
_UNREADABLE = (
    pint.errors.PintError,
    tokenize.TokenError,
    SyntaxError,
    ValueError,
    AssertionError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


@dataclass(frozen=True)
class Dimension:
    """What kind of quantity an argument wants, and the unit that is used inside."""

    unit: str
    wanted: str
    example: str
    #: a factor "cycle" or "rad" in the numerator counts cycles and is taken off
    cyclic: bool = False
    #: a factor "count" in the numerator is taken off
    counted: bool = False


DIMENSIONS = {
    "time": Dimension("s", "a time", "10 ms"),
    "angle": Dimension("degree", "a visual angle", "0.05 deg"),
    "frequency": Dimension("Hz", "a temporal frequency", "4 Hz", cyclic=True),
    "rate": Dimension("Hz", "a rate or conductance", "50 Hz", counted=True),
    "spatial_frequency": Dimension("1/degree", "a spatial frequency", "0.5 cycle/deg", cyclic=True),
    "speed": Dimension("degree/s", "an angular speed", "5 deg/s"),
    "luminance": Dimension("cd/m^2", "a luminance", "100 cd/m^2"),
    "dimensionless": Dimension("1", "a dimensionless number", "0.5"),
}


def quantity(value: Any, dimension: str, name: str) -> Any:
    """``value`` as a pint quantity in the canonical unit of ``dimension``.

    Parameters
    ----------
    value : pint.Quantity, str, 0-d DataArray with units, timedelta; a bare number only for ``"dimensionless"``
        A finite, real scalar.
    dimension : str
        A key of `DIMENSIONS`: time, angle, frequency, rate, spatial_frequency, speed, luminance, dimensionless; or a
        unit such as ``"mV"``.
    name : str
        The argument's name, for the message.

    Returns
    -------
    pint.Quantity

    Raises
    ------
    UnitError
        A bare number where a dimension is expected, the wrong dimension, an unknown unit, NaN, infinity or an array.

    Examples
    --------
    >>> quantity("10 ms", "time", "tau")
    <Quantity(0.01, 'second')>
    >>> quantity("4 cycle/s", "frequency", "temporal_frequency")
    <Quantity(4.0, 'hertz')>
    """
    wanted = dimension_of(dimension)
    parsed = _precise(_parse(value, wanted, name))
    converted = _convert(parsed, wanted)
    if converted is None:
        raise UnitError(explain(name, wanted=_wanted(wanted), got=_shown(value), cure=_cure(parsed, wanted, name)))
    number = _scalar(converted.magnitude, value, wanted, name)
    return Quantity(number, converted.units)


def dimension_of(dimension: str) -> Dimension:
    """The entry of `DIMENSIONS`; any other text is a unit, in which the value is then kept.

    Examples
    --------
    >>> dimension_of("mV").wanted
    'a quantity in mV'
    """
    if dimension in DIMENSIONS:
        return DIMENSIONS[dimension]
    unit = parse_unit(dimension, "dimension")
    if unit == "1":
        return DIMENSIONS["dimensionless"]
    return Dimension(unit, f"a quantity in {unit}", f"1 {unit}")


def dimension_for(unit: str) -> str:
    """The dimension of a value in ``unit`` where nothing else is said: a key of `DIMENSIONS`, or the unit itself.

    Examples
    --------
    >>> dimension_for("ms"), dimension_for("Hz"), dimension_for("mV")
    ('time', 'rate', 'mV')
    """
    order = ("dimensionless", "time", "angle", "rate", "spatial_frequency", "frequency", "speed", "luminance")
    return next((key for key in order if has_dimension(unit, key)), unit)


def magnitude(value: Any, dimension: str, name: str) -> float:
    """``value`` as a float in the canonical unit of ``dimension``; see `quantity`.

    Examples
    --------
    >>> magnitude("3 arcmin", "angle", "sigma")
    0.05
    """
    return float(quantity(value, dimension, name).magnitude)


def is_bare(value: Any) -> bool:
    """Whether ``value`` is a number without a unit (0-d arrays and tensors included).

    Examples
    --------
    >>> is_bare(3), is_bare("3 s")
    (True, False)
    """
    return not isinstance(value, str | datetime.timedelta | np.timedelta64) and _units_of(value) is None


def unit_of(value: Any, name: str) -> str:
    """The unit that a value carries, ``"1"`` for a bare number.

    Examples
    --------
    >>> unit_of("10 ms", "tau"), unit_of(3, "n")
    ('ms', '1')
    """
    if isinstance(value, str):
        return _unit_string(_parse_text(value, DIMENSIONS["dimensionless"], name).units)
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return "s"
    units = _units_of(value)
    return "1" if units is None else parse_unit(units, name)


def parse_unit(text: Any, name: str) -> str:
    """Check that ``text`` names a unit that pint knows, and return it in the form that is written to files.

    Raises
    ------
    UnitError
        Not a string or unit, or unknown to pint.

    Examples
    --------
    >>> parse_unit("cd/m**2", "units"), parse_unit("dimensionless", "units"), parse_unit("deg", "units")
    ('cd/m^2', '1', 'degree')
    """
    example = '"1", "cd/m^2", "s", "degree"'
    try:
        unit = registry.Unit(_spelled(text)) if isinstance(text, str) else registry.Unit(str(text))
    except _UNREADABLE as error:
        message = explain(name, wanted="a unit that pint knows", got=repr(text), cure=f"one such as {example}")
        raise UnitError(message) from error
    return _unit_string(unit)


def factor(source: str, target: str, name: str) -> float:
    """The number that turns a value in ``source`` into one in ``target``.

    Examples
    --------
    >>> factor("ms", "s", "time")
    0.001
    """
    unit = registry.Unit(_spelled(source))
    if _root(unit) != _root(registry.Unit(_spelled(target))):
        raise UnitError(explain(name, wanted=f"a unit that converts to {target}", got=source, cure=f'use "{target}"'))
    converted: float = Quantity(1.0, unit).to(_spelled(target)).magnitude
    return float(converted)


def has_dimension(unit: str, dimension: str) -> bool:
    """Whether values in ``unit`` can be turned into the canonical unit of ``dimension``.

    Examples
    --------
    >>> has_dimension("arcmin", "angle"), has_dimension("1", "angle")
    (True, False)
    """
    return _convert(Quantity(1.0, registry.Unit(_spelled(unit))), DIMENSIONS[dimension]) is not None


def _spelled(text: str) -> str:
    """As pint understands it: ``cpd`` is no unit of its own, and ``mcd`` it takes for a micro-day."""
    text = _MILLICANDELA.sub("millicandela", text)
    return " ".join("cycle/degree" if word == "cpd" else word for word in text.replace("cpd", " cpd ").split())


def _unit_string(unit: Any) -> str:
    text = _MILLICANDELA.sub("millicandela", f"{unit:~C}").replace("**", "^").replace("Δ", "")
    short = {"": "1", "dimensionless": "1", "deg": "degree", "°": "degree"}
    return short.get(text, text.replace("deg", "degree") if "degree" not in text else text)


def _units_of(value: Any) -> Any:
    """The unit that a value carries, or None."""
    inner = getattr(value, "data", None) if hasattr(value, "dims") else None
    for candidate in (value, inner):
        if candidate is not None and hasattr(candidate, "magnitude") and hasattr(candidate, "units"):
            return f"{candidate.units:C}"  # whatever format its registry prefers
    attrs = getattr(value, "attrs", None)
    if isinstance(attrs, dict) and "units" in attrs:
        return str(attrs["units"])
    return None


def _precise(parsed: Any) -> Any:
    """A real scalar in double precision, before anything is multiplied."""
    number = _as_array(parsed.magnitude)
    real = number.ndim == 0 and number.dtype.kind in "iuf"
    return Quantity(float(number), parsed.units) if real else parsed


def _parse(value: Any, wanted: Dimension, name: str) -> Any:
    own = getattr(value, "value", None)  # a Parameter shows itself as a quantity
    if isinstance(own, pint.Quantity):
        return own
    if isinstance(value, str):
        return _parse_text(value, wanted, name)
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return _parse_timedelta(value, wanted, name)
    units = _units_of(value)
    if units is not None:
        inner = value.data if hasattr(value, "dims") else value
        return Quantity(getattr(inner, "magnitude", inner), registry.Unit(parse_unit(units, name)))
    if isinstance(value, list | tuple) or hasattr(value, "data_vars"):
        raise UnitError(_refusal(value, wanted, name))
    number = _as_array(value)
    if number.dtype.kind == "m" and number.ndim == 0:
        return _parse_timedelta(number[()], wanted, name)
    if number.dtype.kind not in "iufc":
        raise UnitError(_refusal(value, wanted, name))
    return Quantity(number[()], "")


def _parse_timedelta(value: Any, wanted: Dimension, name: str) -> Any:
    span = np.timedelta64(value)
    if np.datetime_data(span.dtype)[0] in ("generic", "Y", "M"):  # no fixed length
        raise UnitError(_refusal(value, wanted, name))
    return Quantity(float(span / np.timedelta64(1, "ns")), "ns").to("s")


def _parse_text(text: str, wanted: Dimension, name: str) -> Any:
    if len(text) > _LONGEST_TEXT or not _NUMBER.match(text) or _ODD_TEXT.search(text):
        raise UnitError(_refusal(text, wanted, name))
    try:
        return Quantity(_spelled(text))
    except _UNREADABLE as error:
        raise UnitError(_refusal(text, wanted, name)) from error


def _convert(parsed: Any, wanted: Dimension) -> Any:
    """``parsed`` in the wanted unit, or None where that cannot be: pint itself takes degrees for bare numbers."""
    rest, scale = parsed.units, 1.0
    if wanted.unit == "1" and any(_root(registry.Unit(unit)) == {"radian": 1} for unit, _ in parsed.unit_items()):
        return None  # "1 cycle/degree" is no number
    for unit, exponent in dict(parsed.unit_items()).items():
        single = registry.Unit(unit)
        # degrees count no cycles: "5 deg/s" where a frequency is wanted is a speed
        if exponent == 1 and wanted.cyclic and unit in ("turn", "radian") and rest != single:
            scale *= Quantity(1.0, single).to("turn").magnitude
            rest = rest / single
        if exponent == 1 and wanted.counted and unit == "count":
            rest = rest / single
    target = registry.Unit(wanted.unit)
    if _root(rest) != _root(target):
        return None
    return Quantity(parsed.magnitude if scale == 1.0 else parsed.magnitude * scale, rest).to(target)


def _root(unit: Any) -> dict[str, Any]:
    return dict(Quantity(1.0, unit).to_root_units().unit_items())


def _scalar(number: Any, value: Any, wanted: Dimension, name: str) -> float:
    array = _as_array(number)
    if array.ndim != 0 or array.dtype.kind not in "iuf":
        raise UnitError(explain(name, wanted=f"{_wanted(wanted)}, one real number", got=_shown(value), cure="a scalar"))
    if not math.isfinite(array):
        raise UnitError(explain(name, wanted=f"{_wanted(wanted)}, finite", got=_shown(value), cure="a finite number"))
    return float(array)


def _as_array(number: Any) -> np.ndarray[Any, Any]:
    return np.asarray(number.detach().cpu() if hasattr(number, "detach") else number)


def _wanted(wanted: Dimension) -> str:
    return f'{wanted.wanted} (such as "{wanted.example}")'


def _refusal(value: Any, wanted: Dimension, name: str) -> str:
    return explain(name, wanted=_wanted(wanted), got=_shown(value), cure=f'{name}="{wanted.example}"')


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return _short(repr(value))
    units = _units_of(value)
    inner = value.data if hasattr(value, "dims") and not hasattr(value, "data_vars") else value
    if units is not None:
        return f"{_short(str(getattr(inner, 'magnitude', inner)))} {units}"
    bare = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.timedelta64)
    return f"{_short(repr(inner))} ({'a bare number' if bare else type(value).__name__})"


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_TEXT else f"{one_line[:_LONGEST_TEXT]}..."


def _cure(parsed: Any, wanted: Dimension, name: str) -> str:
    names = dict(parsed.unit_items())
    if (
        not names
        and wanted.unit != "1"
        and _as_array(parsed.magnitude).dtype.kind in "iuf"
        and np.ndim(parsed.magnitude) == 0
    ):
        unit = "cycle/deg" if wanted.unit == "1/degree" else wanted.unit.replace("degree", "deg")
        return f'say the unit: {name}="{float(parsed.magnitude):g} {unit}"'
    if {"pixel", "css_pixel"} & set(names) and wanted.unit == "degree":
        return f'multiply by the pixel pitch, for instance 3 * 0.05 deg -> {name}="0.15 deg"'
    if _root(parsed.units) == {"radian": 1, "second": -1} and wanted.unit == "Hz":
        return f'an angular frequency is no rate; give {name} in Hz, as "{wanted.example}"'
    return f'{name}="{wanted.example}"'


def byte_count(value: Any, name: str) -> int:
    """A number of bytes, given as such or as ``"2 GiB"``, ``"500 MB"``.

    Raises
    ------
    UnitError
        Neither; or not positive.

    Examples
    --------
    >>> byte_count("2 KiB", "memory")
    2048
    """
    from dask.utils import parse_bytes

    wanted, cure = "a positive number of bytes", f'{name}="2 GiB"'
    try:
        if isinstance(value, bool):
            raise TypeError("a truth value")
        count = int(parse_bytes(value)) if isinstance(value, str) else int(operator.index(value))
    except (ValueError, TypeError) as error:
        raise UnitError(explain(name, wanted=wanted, got=repr(value), cure=cure)) from error
    if count <= 0:
        raise UnitError(explain(name, wanted=wanted, got=repr(value), cure=cure))
    return count
