"""Static nonlinearities, sample by sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.footprint import Footprint
from convis_xr.layer import Layer
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.units import parse_unit


class NLRectify(Layer):
    r"""Half-wave rectification above a threshold: :math:`y = \max(x - \theta,\ 0)`.

    Parameters
    ----------
    threshold : quantity or number, optional
        :math:`\theta`, in a unit that the input converts to; a number is for dimensionless input. By default 0, for
        input of any unit, in which the threshold is then counted.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray. Output: in the unit of the threshold, by default that of
    the input. At the threshold itself the derivative is 0.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> x = cx.as_stimulus(np.array([-1.0, 0, 1, 2]), dt="1 ms", units="mV")
    >>> cx.filters.NLRectify()(x).values
    array([0., 0., 1., 2.])
    >>> cx.filters.NLRectify("0.5 mV")(x).values
    array([0. , 0. , 0.5, 1.5])
    """

    units_out = None

    def __init__(self, threshold: Any = None) -> None:
        super().__init__()
        given = 0.0 if threshold is None else threshold
        self.units_in = None if threshold is None else _unit_of(threshold, "threshold")
        self.threshold = Parameter(given, self.units_in or "dimensionless", doc="where it begins", label="threshold")

    def forward(self, x: Tensor) -> Tensor:
        """Rectify (batch, channel, time, y, x)."""
        return torch.relu(x - self.threshold.to(x.dtype))

    def footprint(self, sampling: Sampling) -> Footprint:
        """No memory, no reach."""
        return Footprint()


class _Affine(Layer):
    """Scale and bias ahead of a nonlinearity: ``bias + scale x``."""

    #: the power of the unit of ``bias + scale x`` that comes out
    power = 1

    def __init__(self, scale: Any = 1.0, bias: Any = None) -> None:
        super().__init__()
        self.scale_units = _unit_of(scale, "scale")
        bias_units = None if bias is None else _unit_of(bias, "bias")
        self.units_in = None if bias_units is None else _times(bias_units, self.scale_units, -1)
        self.scale = Parameter(scale, self.scale_units, doc="what the input is multiplied with", label="scale")
        self.bias = Parameter(
            0.0 if bias is None else bias, bias_units or "dimensionless", doc="what is added then", label="bias"
        )

    def drive(self, x: Tensor) -> Tensor:
        """``bias + scale x``."""
        return self.bias.to(x.dtype) + self.scale.to(x.dtype) * x

    def output_units(self, name: str, input_units: str) -> str:
        """That of scale times input, or its square."""
        driven = _times(self.units_in or input_units, self.scale_units, 1)
        return driven if self.power == 1 else _times(driven, driven, 1)

    def footprint(self, sampling: Sampling) -> Footprint:
        """No memory, no reach."""
        return Footprint()


class NLRectifyScale(_Affine):
    r"""Scaled rectification: :math:`y = \max(b + s x,\ 0)`.

    Parameters
    ----------
    scale : number or quantity
        :math:`s`; a quantity such as ``"100 Hz"`` turns dimensionless input into a rate.
    bias : number or quantity, optional
        :math:`b`, in the unit of the output. By default 0, for input of any unit.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, where a bias is given in the unit of ``bias / scale`` or
    one that converts to it. Output: in the unit of scale times input.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> x = cx.as_stimulus(np.array([-1.0, 0, 1, 2]), dt="1 ms", units="1")
    >>> rate = cx.filters.NLRectifyScale("10 Hz", bias="5 Hz")(x)
    >>> rate.values, rate.attrs["units"]
    (array([ 0.,  5., 15., 25.]), 'Hz')
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (batch, channel, time, y, x)."""
        return torch.relu(self.drive(x))


class NLSquare(_Affine):
    r"""Square: :math:`y = (b + s x)^2`, as in energy models (Adelson & Bergen 1985, J Opt Soc Am A 2:284).

    Parameters
    ----------
    scale : number or quantity
        :math:`s`.
    bias : number or quantity, optional
        :math:`b`, in the unit of scale times input. By default 0, for input of any unit.

    Notes
    -----
    Input: as in `NLRectifyScale`. Output: in the unit of scale times input, squared.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> x = cx.as_stimulus(np.array([-1.0, 0, 3]), dt="1 ms", units="mV")
    >>> power = cx.filters.NLSquare(scale=2.0)(x)
    >>> power.values, power.attrs["units"]
    (array([ 4.,  0., 36.]), 'mV^2')
    """

    power = 2

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (batch, channel, time, y, x)."""
        drive = self.drive(x)
        return drive * drive


class NLRectifySquare(_Affine):
    r"""Half-squaring: :math:`y = \max(b + s x,\ 0)^2` (Heeger 1992, Vis Neurosci 9:181).

    Parameters
    ----------
    scale : number or quantity
        :math:`s`.
    bias : number or quantity, optional
        :math:`b`, in the unit of scale times input. By default 0, for input of any unit.

    Notes
    -----
    Input: as in `NLRectifyScale`. Output: in the unit of scale times input, squared.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> x = cx.as_stimulus(np.array([-1.0, 0, 3]), dt="1 ms", units="1")
    >>> cx.filters.NLRectifySquare(bias=0.5)(x).values
    array([ 0.  ,  0.25, 12.25])
    """

    power = 2

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (batch, channel, time, y, x)."""
        drive = torch.relu(self.drive(x))
        return drive * drive


class NLRectifyPower(_Affine):
    r"""Power law above a threshold: :math:`y = \max(b + s x,\ 0)^p` (Albrecht & Hamilton 1982, J Neurophysiol 48:217).

    Parameters
    ----------
    scale : number or quantity
        :math:`s`; scale times input must be dimensionless, since its power could have no unit.
    bias : number
        :math:`b`.
    exponent : number
        :math:`p`, above 0; can be fitted.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in the inverse unit of scale. Output: dimensionless.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> x = cx.as_stimulus(np.array([-1.0, 0, 4]), dt="1 ms", units="1")
    >>> cx.filters.NLRectifyPower(exponent=1.5)(x).values
    array([0., 0., 8.])
    """

    def __init__(self, scale: Any = 1.0, bias: Any = 0.0, exponent: Any = 2.0) -> None:
        super().__init__(scale, bias)
        self.exponent = Parameter(exponent, "dimensionless", bounds=(1e-3, None), doc="power", label="exponent")

    def forward(self, x: Tensor) -> Tensor:
        """Apply to (batch, channel, time, y, x)."""
        drive = self.drive(x)
        above = drive > 0
        # below, neither the value nor a gradient may come of a logarithm
        return torch.where(above, torch.exp(self.exponent.to(x.dtype) * torch.log(torch.where(above, drive, 1.0))), 0.0)


def _unit_of(value: Any, name: str) -> str:
    """The base unit in which a parameter of that value is held."""
    return Parameter(value, requires_grad=False, label=name).units


def _times(unit: str, other: str, power: int) -> str:
    return parse_unit(f"({unit}) * ({other})**{power}", "units")
