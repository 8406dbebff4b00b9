"""Kernels and coefficients as plain data, and kernels put together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.filters import weighted
from convis_xr.filters.geometry import upright
from convis_xr.filters.kernels.exponential_kernel import ExponentialKernel
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import magnitude

Coefficients = np.ndarray[Any, np.dtype[np.float64]]


def gamma_cascade(tau: Any, n: int = 0, *, length: Any = None, dt: Any = None) -> xr.DataArray:
    """Impulse response of `GammaLowPass`, step by step the same; sum 1 after truncation. See `ExponentialKernel`.

    `stimuli.kernels.gamma` has samples of the continuous density instead.

    Parameters
    ----------
    tau : quantity [time]
        Time constant (n = 0) or time to peak.
    n : int
        Order.
    length : int or quantity, optional
        By default what leaves out less than 1e-6.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (time,) [1]

    Examples
    --------
    >>> kernel = gamma_cascade("20 ms", 4, dt="1 ms")
    >>> int(kernel.values.argmax()), round(float(kernel.sum()), 12)
    (18, 1.0)
    """
    return ExponentialKernel(tau, n, length=length).impulse_response(dt)


def exponential_high_pass(tau: Any, weight: Any = 1.0, *, length: Any = None, dt: Any = None) -> xr.DataArray:
    """Impulse response of `PartialHighPass`: a 1 minus ``weight`` times an exponential; the sum is ``1 - weight``.

    Parameters
    ----------
    tau : quantity [time]
        Time constant.
    weight : float
        How much is taken away.
    length, dt
        As in `gamma_cascade`.

    Returns
    -------
    DataArray (time,) [1]

    Examples
    --------
    >>> kernel = exponential_high_pass("10 ms", 0.75, dt="1 ms")
    >>> round(float(kernel.sum()), 12), bool(kernel[0] > 0 > kernel[1])
    (0.25, True)
    """
    low = gamma_cascade(tau, length=length, dt=dt)
    kernel = (low[dims.TIME] == 0) - magnitude(weight, "dimensionless", "weight") * low
    kernel.attrs = {**low.attrs, "long_name": "exponential high-pass kernel"}
    return kernel.rename("kernel")


def low_pass_coefficients(tau: Any, n: int = 0, *, dt: Any = None) -> tuple[Coefficients, Coefficients]:
    """Coefficients ``(b, a)`` of `GammaLowPass` for `scipy.signal.lfilter`.

    Parameters
    ----------
    tau : quantity [time]
        Time constant (n = 0) or time to peak.
    n : int
        Order: ``n + 1`` poles.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    b, a : ndarray (1,), (n + 2,)

    Examples
    --------
    >>> b, a = low_pass_coefficients("10 ms", dt="10 ms")
    >>> b.round(3), a.round(3)
    (array([0.632]), array([ 1.   , -0.368]))
    """
    checked = ExponentialKernel(tau, n)
    seconds, order = float(checked.tau), int(checked.n)
    step = Sampling(dt).need_dt("dt")
    c = math.exp(-max(order, 1) * step / seconds) if seconds else 0.0
    a = np.ones(1)
    for _ in range(order + 1):
        a = np.convolve(a, [1.0, -c])
    return np.array([(1 - c) ** (order + 1)]), a


def five_axes(kernel: Any) -> Tensor:
    """A kernel as the Tensor (out, in, lag, y, x) that `Conv3d` and `RF` hold, for use with plain torch.

    Parameters
    ----------
    kernel : DataArray, array or Tensor
        By the names of its dimensions, or by their number: (lag), (y, x), (lag, y, x), (in, lag, y, x).

    Returns
    -------
    Tensor (out, in, lag, y, x)
        Row 0 on top. An impulse response; `torch.nn.Conv3d`, which correlates, wants it flipped.

    Examples
    --------
    >>> five_axes(gamma_cascade("5 ms", dt="1 ms", length=20)).shape
    torch.Size([1, 1, 20, 1, 1])
    """
    plain = dequantified(kernel) if hasattr(kernel, "dims") else kernel
    return weighted.five_axes(plain, torch.empty(1, 1, 1, 1, 1))


def sum_kernels(*kernels: xr.DataArray) -> xr.DataArray:
    """Sum of kernels of different size, laid over each other by their coordinates: lag 0 on lag 0, origin on origin.

    Parameters
    ----------
    *kernels : DataArray (any of time, y, x)
        All with the same dimensions, time step and pixel pitch.

    Returns
    -------
    DataArray
        Large enough for all of them.

    Raises
    ------
    ContractError
        Dimensions or steps differ, or there is no kernel.

    Examples
    --------
    >>> import convis_xr as cx
    >>> narrow = cx.stimuli.kernels.gaussian("0.1 deg", size=3, pixel_size="0.1 deg")
    >>> wide = cx.stimuli.kernels.gaussian("0.2 deg", size=7, pixel_size="0.1 deg")
    >>> total = sum_kernels(narrow, -0.5 * wide)
    >>> total.shape, round(float(total.sum()), 12)
    ((7, 7), 0.5)
    """
    if not kernels:
        raise ContractError(explain("kernels", wanted="at least one", got="none", cure="sum_kernels(a, b)"))
    for kernel in kernels:
        if not isinstance(kernel, xr.DataArray) or not kernel.size:
            got, cure = type(kernel).__name__, "kernels of cx.stimuli.kernels or cx.filters.kernels"
            raise ContractError(explain("kernels", wanted="labelled ones that are not empty", got=got, cure=cure))
    names = [dim for dim in dims.STIMULUS if dim in kernels[0].dims]
    plain = [upright(dequantified(kernel)) for kernel in kernels]
    total, steps = plain[0].transpose(*names), Sampling.of(plain[0])
    for kernel in plain[1:]:
        if set(kernel.dims) != set(names) or not Sampling.of(kernel).agrees(steps):
            wanted, got = f"{names}, {steps}", f"{list(kernel.dims)}, {Sampling.of(kernel)}"
            raise ContractError(
                explain("kernels", wanted=wanted, got=got, cure="kernels made with one dt and pixel_size")
            )
        total = _over(total, kernel.transpose(*names))
    total.attrs = {"long_name": "sum of kernels", "units": "1"}
    return total.rename("kernel")


def _over(one: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Pad both to one grid and add."""
    ours, theirs, coordinates = {}, {}, {}
    for dim in one.dims:
        shift = _origin(one[dim]) - _origin(other[dim])  # where the other begins
        end = shift + other.sizes[dim] - one.sizes[dim]
        ours[dim] = (max(0, -shift), max(0, end))
        theirs[dim] = (max(0, shift), max(0, -end))
        steps = np.arange(one.sizes[dim] + sum(ours[dim])) - ours[dim][0]
        coordinates[dim] = (dim, float(one[dim][0]) + steps * _step(one[dim]), one[dim].attrs)
    padded = [kernel.pad(width, constant_values=0.0) for kernel, width in ((one, ours), (other, theirs))]
    return xr.DataArray(padded[0].values + padded[1].values, coordinates, one.dims)


def _step(coordinate: xr.DataArray) -> float:
    return float(coordinate[1] - coordinate[0]) if coordinate.size > 1 else float(coordinate.attrs.get("step", 1.0))


def _origin(coordinate: xr.DataArray) -> int:
    """Index of the coordinate 0."""
    return round(-float(coordinate[0]) / _step(coordinate))
