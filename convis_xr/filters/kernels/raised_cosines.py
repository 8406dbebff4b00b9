"""Raised cosines on a stretched axis of time: few weights for what is sharp soon after a spike and smooth later."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.units import magnitude

#: samples of a basis; more are a mistake in the offset
LONGEST = 10**6


def raised_cosines(
    n: int,
    first: Any,
    last: Any,
    *,
    offset: Any = "1 ms",
    normalize: bool = True,
    orthogonal: bool = False,
    dt: Any = None,
) -> xr.DataArray:
    r"""Bumps whose peaks are evenly spaced on a logarithmic axis of time (Pillow et al. 2008, Nature 454:995, methods).

    :math:`b_j(t) = \tfrac12 \cos(a \ln(t + c) - \phi_j) + \tfrac12` where the argument is within :math:`\pm\pi`, else
    0. The :math:`\phi_j` are :math:`\pi/2` apart: peaks are evenly spaced in :math:`\ln(t + c)`, and from the second
    peak to the last but one four bumps overlap, whose sum is 2 before they are normalised.

    Parameters
    ----------
    n : int
        Number of bumps, at least 2.
    first, last : quantity [time]
        Peak of the first and of the last one.
    offset : quantity [time]
        c: the larger, the more evenly are the peaks spaced in time.
    normalize : bool
        Scale each bump to a sum of squares of 1.
    orthogonal : bool
        Turn them into an orthonormal basis of the same space (the nearest one, by symmetric orthogonalisation: Löwdin
        1950, J Chem Phys 18:365), in which estimates of weights depend on each other less.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (component, time) [1]
        ``time`` is the time since the first sample that is weighed, up to where the last bump ends; ``peak``
        (component) [s] are the peaks.

    Raises
    ------
    ContractError
        Times out of order, or more bumps than the samples can tell apart.

    Examples
    --------
    >>> basis = raised_cosines(5, "2 ms", "50 ms", dt="1 ms")
    >>> basis.sizes["component"], (basis.idxmax("time").values * 1000).round()
    (5, array([ 2.,  5., 11., 24., 50.]))
    >>> bool(np.allclose((basis**2).sum("time"), 1))
    True
    """
    sampling, times = Sampling(dt), [magnitude(t, "time", name) for t, name in ((first, "first"), (last, "last"))]
    step, shift = sampling.need_dt("raised_cosines"), magnitude(offset, "time", "offset")
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
        raise ContractError(explain("n", wanted="a whole number from 2", got=repr(n), cure="n=5"))
    if not (0 <= times[0] < times[1] and shift > 0):
        got = f"first {times[0]:g} s, last {times[1]:g} s, offset {shift:g} s"
        wanted, cure = "0 <= first < last and an offset above 0", 'first="2 ms", last="50 ms", offset="1 ms"'
        raise ContractError(explain("first, last", wanted=wanted, got=got, cure=cure))
    ends = [math.log(t + shift) for t in times]
    spacing = (ends[1] - ends[0]) / (n - 1)
    peaks = ends[0] + spacing * np.arange(n)
    # a bump ends two peaks after its own
    count = math.floor((math.exp(peaks[-1] + 2 * spacing) - shift) / step) + 1
    if count > LONGEST:
        got, cure = f"{count} samples, as the last bump ends two peaks after its own", "more bumps, or a larger offset"
        raise ContractError(explain("offset", wanted=f"at most {LONGEST} samples", got=got, cure=cure))
    away = (np.log(np.arange(count) * step + shift) - peaks[:, None]) * (math.pi / 2 / spacing)
    values = np.where(np.abs(away) < math.pi, 0.5 * np.cos(away) + 0.5, 0.0)
    return _labelled(_scaled(values, normalize, orthogonal), np.exp(peaks) - shift, sampling)


def _scaled(values: np.ndarray[Any, Any], normalize: bool, orthogonal: bool) -> np.ndarray[Any, Any]:
    left, singular, right = np.linalg.svd(values, full_matrices=False)
    if len(singular) < len(values) or not singular[-1] >= 1e-6 * singular[0] > 0:
        wanted, got = f"fewer bumps than {len(values)}", f"samples that cannot tell them apart: {values.shape[1]}"
        raise ContractError(explain("n", wanted=wanted, got=got, cure="fewer bumps, a larger offset, or a smaller dt"))
    if orthogonal:
        return left @ right
    return values / np.sqrt((values**2).sum(1, keepdims=True)) if normalize else values


def _labelled(values: np.ndarray[Any, Any], peaks: np.ndarray[Any, Any], sampling: Sampling) -> xr.DataArray:
    coordinates = grid({dims.TIME: values.shape[1]}, sampling)
    coordinates[dims.TIME].attrs["long_name"] = "lag"
    attrs = {"long_name": "raised cosines of log time", "units": "1"}
    basis = xr.DataArray(values, coordinates, (dims.COMPONENT, dims.TIME), "basis", attrs)
    told = xr.Variable(dims.COMPONENT, peaks, {"units": "s", "long_name": "peak"})
    return basis.assign_coords({dims.COMPONENT: np.arange(len(values)), "peak": told})
