"""The vocabulary of VirtualRetina's files: which attribute is which field, in which unit, within which bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convis_xr.errors import UnitError
from convis_xr.units import DIMENSIONS, Quantity, magnitude, unit_of

Number = int | float
#: makes the exception to raise of what was wanted, what came and the cure
Fault = Callable[[str, str, str], Exception]
NUMBERS = (bool, int, float, np.integer, np.floating, np.bool_)

#: how numbers are written in the files; Python itself would also take "1_0", "nan" and other scripts' digits
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)
#: endings of names, and the units that they stand for
_ENDINGS = {"__inv-deg": "/deg", "pixels-per-degree": "/deg", "__deg": " deg", "__sec": " s", "__Hz": " Hz"}
_DIMENSIONS = {"": "dimensionless", "/deg": "spatial_frequency", " deg": "angle", " s": "time", " Hz": "rate"}


@dataclass(frozen=True)
class Attribute:
    """One attribute of an element, and the field of a configuration that holds it."""

    name: str
    field: str
    #: what VirtualRetina takes where it is missing, in the unit of the name; None: it has to be there
    default: Number | bool | None = None
    #: the least value, and whether it is itself out of bounds
    low: float = -math.inf
    above: bool = False
    #: "number", "whole" (0 or more), "switch" (0 or 1), "sign" (1 or -1)
    kind: str = "number"
    #: may be missing without a word
    optional: bool = False
    #: a value of 0 means that there is none, which the field says by None
    zero_is_none: bool = False

    @property
    def unit(self) -> str:
        """As it stands behind a number: ``" deg"``, ``"/deg"``, ``""``."""
        return next((unit for ending, unit in _ENDINGS.items() if self.name.endswith(ending)), "")

    @property
    def dimension(self) -> str:
        """Key of `convis_xr.units.DIMENSIONS`."""
        return _DIMENSIONS[self.unit]

    @property
    def missing(self) -> Any:
        """What the field holds where the attribute is missing and may be."""
        return (
            None if self.default is None or (self.zero_is_none and self.default == 0) else self.field_of(self.default)
        )

    def field_of(self, number: Number | bool) -> Any:
        """What the field holds for a number in the unit of the name."""
        return f"{number!r}{self.unit}" if self.unit else number

    def number(self, value: Any) -> Number:
        """What a field holds as a number in the unit of the name; switches are 0 and 1.

        Raises
        ------
        UnitError
            A value of another dimension.
        """
        if value is None:
            return 0
        if not self.unit and type(value) in (bool, int, float):
            return value if type(value) is not bool else int(value)
        text = value.removesuffix(self.unit) if isinstance(value, str) else ""
        if NUMBER.fullmatch(text):
            return parse_number(text)
        number = magnitude(value, self.dimension, self.name)
        # 9 ms are 0.009 s, not 0.009000000000000001 s; but a fitted value keeps all its digits
        exact = unit_of(value, self.name) == DIMENSIONS[self.dimension].unit
        rounded = float(f"{number:.15g}")
        return rounded if not exact and math.isclose(rounded, number, rel_tol=4e-16) else number

    def quantity(self, value: Any) -> Any:
        """What a field holds as a quantity in the unit of the name; plain where there is none."""
        number = self.number(value)
        if self.kind == "switch":
            return bool(number)
        return Quantity(number, DIMENSIONS[self.dimension].unit) if self.unit else number

    def read(self, value: Any, fault: Fault, units: bool) -> Any:
        """Check a value, and give it in the form that the field holds it.

        Parameters
        ----------
        value : number, bool, str or quantity
            A bare number is in the unit of the name.
        fault : callable
            Makes the exception to raise of what was wanted, what came and the cure.
        units : bool
            Whether texts and quantities with a unit are taken.
        """
        bare = isinstance(value, NUMBERS) and not isinstance(value, bool)
        if self.kind == "switch" and isinstance(value, bool):
            return value
        if not bare and not (units and self.kind == "number" and not isinstance(value, NUMBERS)):
            raise fault(self.wanted, repr(value), self.example)
        try:
            number = _python(value) if bare else self.number(value if value is not None else math.nan)
        except UnitError as error:
            raise fault(self.wanted, repr(value), self.example) from error
        self._check(number, value, fault)
        if self.zero_is_none and number == 0:
            return None
        if self.kind != "number":
            return bool(number) if self.kind == "switch" else int(number)
        return value if isinstance(value, str) and self.unit else self.field_of(number)

    def _check(self, number: Number, value: Any, fault: Fault) -> None:
        allowed = {"switch": number in (0, 1), "sign": number in (1, -1), "whole": number in range(17)}
        within = math.isfinite(number) and (number > self.low if self.above else number >= self.low)
        if not allowed.get(self.kind, within):
            raise fault(self.wanted, repr(value), self.example)

    @property
    def wanted(self) -> str:
        """What values it takes, in words."""
        told = {"switch": "0 or 1", "sign": "1 (ON) or -1 (OFF)", "whole": "a whole number from 0 to 16"}
        if self.kind in told:
            return told[self.kind]
        bound = "" if self.low == -math.inf else f" above {self.low:g}" if self.above else f", {self.low:g} or more"
        return f"a number{' of' + self.unit.replace('/', ' 1/') if self.unit else ''}{bound}"

    @property
    def example(self) -> str:
        """A cure."""
        return f'{self.name}="{1 if self.default is None or self.default == 0 else int(self.default) or self.default}"'


def parse_number(text: str) -> Number:
    """A number as it is written in a file: whole ones stay whole, so that they are written alike.

    Examples
    --------
    >>> parse_number("255"), parse_number("20.0"), parse_number("1e-3")
    (255, 20.0, 0.001)
    """
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def _python(number: Any) -> Number:
    """A plain number; what is too large for a float is infinite, and so out of every bound."""
    plain: Number = number.item() if isinstance(number, np.generic) else number
    return math.inf if isinstance(plain, int) and abs(plain) >= 10**300 else plain


def _size(name: str, field: str) -> Attribute:
    return Attribute(name, field, 0, low=0, optional=True, zero_is_none=True)


RETINA = (
    Attribute("temporal-step__sec", "time_step", low=0, above=True, optional=True),
    Attribute("input-luminosity-range", "input_range", low=0, above=True, optional=True),
    Attribute("pixels-per-degree", "pixels_per_degree", low=0, above=True, optional=True),
)
LOG_POLAR = (
    Attribute("fovea-radius__deg", "fovea_radius", low=0, above=True),
    Attribute("scaling-factor-outside-fovea__inv-deg", "scaling_factor", low=0),
)
LINEAR = (
    Attribute("center-sigma__deg", "center_sigma", 0, low=0),
    Attribute("surround-sigma__deg", "surround_sigma", 1, low=0),
    Attribute("center-tau__sec", "center_tau", 0.01, low=0),
    Attribute("center-n__uint", "center_n", 0, kind="whole", optional=True),
    Attribute("surround-tau__sec", "surround_tau", 0.01, low=0),
    Attribute("opl-amplification", "amplification", 1),
    Attribute("opl-relative-weight", "surround_weight", 0),
    Attribute("leaky-heat-equation", "leaky_heat_equation", False, kind="switch", optional=True),
)
UNDERSHOOT = (
    Attribute("relative-weight", "undershoot_weight"),
    Attribute("tau__sec", "undershoot_tau", low=0),
)
CONTRAST = (
    Attribute("opl-amplification__Hz", "input_amplification", 100),
    Attribute("bipolar-inert-leaks__Hz", "g_leak", 10, low=0),
    Attribute("adaptation-sigma__deg", "adaptation_sigma", 1, low=0),
    Attribute("adaptation-tau__sec", "adaptation_tau", 0.01, low=0),
    Attribute("adaptation-feedback-amplification__Hz", "adaptation_gain", 100, low=0),
)
GANGLION = (
    Attribute("sign", "sign", 1, kind="sign"),
    Attribute("transient-tau__sec", "transient_tau", 0.04, low=0),
    Attribute("transient-relative-weight", "transient_weight", 0.75),
    Attribute("bipolar-linear-threshold", "threshold", 0),
    Attribute("value-at-linear-threshold__Hz", "baseline", 70, low=0),
    Attribute("bipolar-amplification__Hz", "slope", 100, low=0),
    Attribute("sigma-pool__deg", "pooling_sigma", 0, low=0, optional=True),
)
SPIKES = (
    Attribute("g-leak__Hz", "g_leak", 50, low=0),
    Attribute("sigma-V", "noise", 0, low=0),
    Attribute("refr-mean__sec", "refractory_mean", 0.003, low=0),
    Attribute("refr-stdev__sec", "refractory_sd", 0, low=0),
    Attribute("random-init", "random_init", False, kind="switch", optional=True),
)
SQUARE = (
    _size("size-x__deg", "size_x"),
    _size("size-y__deg", "size_y"),
    Attribute("uniform-density__inv-deg", "density", 1, low=0, above=True),
)
CIRCULAR = (
    _size("diameter__deg", "diameter"),
    Attribute("fovea-density__inv-deg", "fovea_density", 1, low=0, above=True),
)
MICROSACCADES = (
    Attribute("pixels-per-degree", "pixels_per_degree", low=0, above=True, optional=True),
    Attribute("temporal-step__sec", "time_step", low=0, above=True, optional=True),
    Attribute("angular-noise__pi-radians", "angular_noise", low=0),
    Attribute("period-mean__sec", "period_mean", low=0),
    Attribute("period-stdev__sec", "period_sd", low=0),
    Attribute("amplitude-mean__deg", "amplitude_mean", low=0),
    Attribute("amplitude-stdev__deg", "amplitude_sd", low=0),
    Attribute("saccade-duration-mean__sec", "duration_mean", low=0),
    Attribute("saccade-duration-stdev__sec", "duration_sd", low=0),
)
