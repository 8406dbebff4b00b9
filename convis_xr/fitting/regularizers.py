"""What a fit may be charged for besides its loss: sizes, roughness in time and in space, forms that are not expected.

Each is a callable that takes the model and gives a scalar: ``cx.fitting.L2("conv.weight", 0.1)(model)``.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling
from convis_xr.units import magnitude


@dataclass(frozen=True)
class Regularizer(ABC):
    """A penalty on one parameter.

    Parameters
    ----------
    path : str
        Of the parameter, as in ``model.p``.
    strength : float
        What the penalty is multiplied by.

    Raises
    ------
    ParameterError
        The strength is no number of 0 or more; when called: the model has no parameter of that path.
    """

    path: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.strength, numbers.Real) and math.isfinite(self.strength) and self.strength >= 0):
            got, cure = repr(self.strength), f"{type(self).__name__}({self.path!r}, 0.1)"
            raise ParameterError(explain("strength", wanted="a number of 0 or more", got=got, cure=cure))

    def __call__(self, model: Layer) -> Tensor:
        """The penalty, a scalar that gradients flow through."""
        try:
            parameter = model.p[self.path]
        except KeyError as error:
            raise ParameterError(error.args[0]) from None
        if not isinstance(parameter, Tensor):
            below = ", ".join(f"{self.path}.{name}" for name in parameter)
            wanted, cure = "one parameter", f"one of {below}"
            raise ParameterError(explain(self.path, wanted=wanted, got="several", cure=cure))
        return float(self.strength) * self.penalty(parameter, self._sampling(model))

    @abstractmethod
    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""

    def _sampling(self, model: Layer) -> Sampling:
        """That of the layer which the parameter belongs to, or else of the model."""
        owner = model.get_submodule(self.path.rpartition(".")[0])
        own = owner.sampling if isinstance(owner, Layer) else Sampling()
        whole = model.sampling
        return Sampling(own.dt or whole.dt, own.pixel_size if own.pixel_deg else whole.pixel_size)


class L1(Regularizer):
    r"""The sum of absolute values, :math:`\sum |w|`: many of them become 0.

    Parameters
    ----------
    path, strength
        As of `Regularizer`. A parameter with a unit counts in its base unit (s, degree, Hz).

    Examples
    --------
    >>> import convis_xr as cx
    >>> model = cx.models.LN((3, 1, 1))
    >>> model.conv.set_weight([1.0, -2.0, 0.0])
    >>> L1("conv.weight", 0.1)(model).item(), L2("conv.weight", 0.1)(model).item()
    (0.30000001192092896, 0.5)
    """

    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""
        return parameter.abs().sum()


class L2(Regularizer):
    r"""The sum of squares, :math:`\sum w^2`: with a squared error, ridge regression (Hoerl & Kennard 1970).

    Parameters
    ----------
    path, strength
        As of `Regularizer`. A parameter with a unit counts in its base unit (s, degree, Hz).
    """

    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""
        return parameter.square().sum()


@dataclass(frozen=True)
class SmoothTime(Regularizer):
    r"""Roughness over the lag: :math:`\tau^5 \int (k'')^2\,dt` of the kernel :math:`k = w / dt`, by second differences.

    :math:`\tau` makes it a number, and says at which scale a kernel has to be smooth. The same kernel costs the same at
    any time step. Beyond its ends a kernel costs nothing.

    Parameters
    ----------
    path : str
        Of a weight (..., lag, y, x).
    strength : float
        What the penalty is multiplied by.
    scale : quantity [time]
        :math:`\tau`.

    Raises
    ------
    ParameterError
        When called: a scale that is not above 0.
    ContractError
        When called: the time step is not known (no labelled data were shown, no `set_options(dt=)`), or the parameter
        is no weight over time.

    Examples
    --------
    >>> import convis_xr as cx
    >>> model = cx.models.LN((4, 1, 1))
    >>> with cx.set_options(dt="10 ms"):
    ...     model.conv.set_weight([1.0, 2.0, 3.0, 4.0])
    ...     straight = SmoothTime("conv.weight", 1.0, scale="10 ms")(model).item()
    ...     model.conv.set_weight([1.0, -1.0, 1.0, -1.0])
    ...     straight, SmoothTime("conv.weight", 1.0, scale="10 ms")(model).item()
    (0.0, 32.0)
    """

    scale: Any = "10 ms"

    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""
        kernel = _weight(self.path, parameter)
        steps = _scale(self.scale, "time") / sampling.need_dt(f"SmoothTime of {self.path}")
        return steps**5 * kernel.diff(n=2, dim=-3).square().sum()


@dataclass(frozen=True)
class SmoothSpace(Regularizer):
    r"""Roughness over the frame, the energy of a thin plate: :math:`\sigma^6 \iint k_{yy}^2 + 2 k_{xy}^2 + k_{xx}^2`.

    Of the kernel :math:`k = w / dx\,dy`, by second differences (Wahba 1990, Spline Models for Observational Data, ch.
    2). :math:`\sigma` makes it a number, and says at which scale a kernel has to be smooth. The same kernel costs the
    same with pixels of any size.

    Parameters
    ----------
    path : str
        Of a weight (..., y, x).
    strength : float
        What the penalty is multiplied by.
    scale : quantity [visual angle]
        :math:`\sigma`.

    Raises
    ------
    ParameterError
        When called: a scale that is not above 0.
    ContractError
        When called: the pixel size is not known, or the parameter is no weight over a frame.
    """

    scale: Any = "0.1 deg"

    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""
        kernel = _weight(self.path, parameter)
        pitch = sampling.need_pixel(f"SmoothSpace of {self.path}")
        y, x = (_scale(self.scale, "angle") / step for step in pitch)
        along_y, along_x = kernel.diff(n=2, dim=-2) * y**2, kernel.diff(n=2, dim=-1) * x**2
        across = kernel.diff(dim=-2).diff(dim=-1) * (y * x)
        return y * x * (along_y.square().sum() + along_x.square().sum() + 2 * across.square().sum())


@dataclass(frozen=True)
class DoG(Regularizer):
    r"""What of a kernel's frames is no difference of two Gaussians of given sizes.

    :math:`\sum_k \lVert w_k - P w_k \rVert^2`, where P projects the frame of each lag onto all weighted sums of a
    centre and a surround: their weights are free at each lag, and cost nothing.

    Parameters
    ----------
    path : str
        Of a weight (..., y, x).
    strength : float
        What the penalty is multiplied by.
    center, surround : quantity [visual angle]
        Standard deviations.
    position : pair (y, x) of quantities [visual angle]
        Their middle, from that of the kernel; y grows upward, x to the right.

    Raises
    ------
    ContractError
        When called: the pixel size is not known, the parameter is no weight over a frame, or the Gaussians cannot be
        told apart on its pixels.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> model = cx.models.LN((1, 9, 9))
    >>> far = np.arange(-4, 5) ** 2 + np.arange(-4, 5)[:, None] ** 2
    >>> with cx.set_options(pixel_size="0.1 deg"):
    ...     expected = DoG("conv.weight", 1.0, center="0.1 deg", surround="0.3 deg")
    ...     model.conv.set_weight(1.0)
    ...     flat = expected(model).item()
    ...     model.conv.set_weight(3 * np.exp(-far / 2) - 0.2 * np.exp(-far / 18))
    ...     flat > 1, expected(model).item() < 1e-6
    (True, True)
    """

    center: Any = "0.1 deg"
    surround: Any = "0.3 deg"
    position: Any = ("0 deg", "0 deg")

    def penalty(self, parameter: Tensor, sampling: Sampling) -> Tensor:
        """Of a strength of 1."""
        kernel = _weight(self.path, parameter)
        height, width = kernel.shape[-2:]
        basis, _ = torch.linalg.qr(self._gaussians(height, width, sampling).to(kernel.device))
        frames = kernel.reshape(-1, height * width).double()
        return (frames - frames @ basis @ basis.T).square().sum().to(kernel.dtype)

    def _gaussians(self, height: int, width: int, sampling: Sampling) -> Tensor:
        """Centre and surround (pixel, 2)."""
        pitch = sampling.need_pixel(f"DoG of {self.path}")
        if isinstance(self.position, str) or len(self.position) != 2:
            got, cure = repr(self.position), 'position=("0 deg", "0.1 deg")'
            raise ParameterError(explain("position", wanted="a pair (y, x) of angles", got=got, cure=cure))
        middle = [magnitude(place, "angle", "position") for place in self.position]
        rows = -(torch.arange(height, dtype=torch.float64) - (height - 1) / 2) * pitch[0] - middle[0]
        columns = (torch.arange(width, dtype=torch.float64) - (width - 1) / 2) * pitch[1] - middle[1]
        square = rows[:, None] ** 2 + columns**2
        sizes = [
            magnitude(size, "angle", name) for size, name in ((self.center, "center"), (self.surround, "surround"))
        ]
        made = [torch.exp(-square / (2 * sigma**2)) for sigma in sizes]
        # far outside of the kernel nothing of a Gaussian is left
        both = torch.stack([one.flatten() / (one.norm() if one.any() else 1.0) for one in made], 1)
        if not min(sizes) > 0 or not float(torch.linalg.svdvals(both)[-1]) > 1e-4:
            got, cure = (
                f"center {self.center}, surround {self.surround} on {height} x {width} px",
                "a larger surround, in the kernel",
            )
            wanted = "two Gaussians that the pixels tell apart"
            raise ContractError(explain("center, surround", wanted=wanted, got=got, cure=cure))
        return both


def _scale(given: Any, dimension: str) -> float:
    """A scale in base units; below 0 it would reward what is rough."""
    found = magnitude(given, dimension, "scale")
    if found > 0:
        return found
    cure = 'scale="10 ms"' if dimension == "time" else 'scale="0.1 deg"'
    raise ParameterError(explain("scale", wanted="a scale above 0", got=repr(given), cure=cure))


def _weight(path: str, parameter: Tensor) -> Tensor:
    if parameter.ndim >= 3:
        return parameter
    wanted, got = "a weight (..., lag, y, x)", f"shape {tuple(parameter.shape)}"
    raise ContractError(explain(path, wanted=wanted, got=got, cure="the path of a weight, such as conv.weight"))
