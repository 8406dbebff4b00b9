"""`fit_gaussian`, `fit_dog`: place, size and orientation of receptive fields."""

from __future__ import annotations

from typing import Any

import xarray as xr

from convis_xr.analysis.fields.profiles import Difference, Gaussian, fit_profiles


def fit_gaussian(field: xr.DataArray, *, baseline: bool = True, contour: Any = 1.5) -> xr.Dataset:
    r"""Fit a two-dimensional Gaussian to the spatial part of receptive fields.

    :math:`a \exp(-|L^{-1}(r - c)|^2 / 2) + b`, by least squares. The spatial part of a field over time is its best
    product of one course in time and one map, at the lag where that course is largest (a singular value decomposition;
    where a baseline is fitted, of the field minus its median if that is nearer to such a product).

    Parameters
    ----------
    field : DataArray (any dims, time, y, x) [any unit]
        ``time`` may be missing. ``y`` and ``x`` have units of visual angle.
    baseline : bool
        Whether :math:`b` is fitted, or 0. A spike-triggered average has the mean of the stimulus for a baseline.
    contour : float
        The size is that of the ellipse of so many standard deviations, 1.5 as usual for retinal ganglion cells.

    Returns
    -------
    Dataset (the other dims)
        ``amplitude``, ``baseline`` [unit of the field]; ``center_y``, ``center_x``, ``sigma_major``, ``sigma_minor``
        [degree]; ``orientation`` [degree] of the longer axis, counterclockwise from the x axis, 0 to 180; ``area``
        [degree^2] and ``diameter`` [degree] (of the circle of that area) of the contour; each with its standard error,
        ``..._error``; ``r2`` and ``reason``. Where a fit fails all is NaN, and ``reason`` says why: NaN in the field,
        a field that does not vary, too few pixels, a centre outside, wider than the field, no convergence.

    Raises
    ------
    ContractError
        No ``y`` and ``x`` with units of visual angle.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> frame = cx.as_stimulus(np.zeros((9, 9)), dt="10 ms", pixel_size="0.1 deg", units="1")[0]
    >>> blob = 2 * np.exp(-0.5 * ((frame.x - 0.1) ** 2 + frame.y**2) / 0.15**2).transpose("y", "x")
    >>> found = fit_gaussian(blob.assign_attrs(units="1"))
    >>> round(float(found.center_x), 3), round(float(found.sigma_major), 3), str(found.reason.item())
    (0.1, 0.15, '')
    """
    return fit_profiles(field, Gaussian(baseline), contour)


def fit_dog(field: xr.DataArray, *, baseline: bool = True, contour: Any = 1.5) -> xr.Dataset:
    r"""Fit a difference of two Gaussians of one centre and shape to the spatial part of receptive fields.

    :math:`a\,(e^{-q/2} - w\, e^{-q / 2 k^2}) + b` with :math:`q = |L^{-1}(r - c)|^2`, :math:`k > 1` and
    :math:`w \ge 0` (Rodieck 1965, Vision Res 5:583), by least squares.

    Parameters
    ----------
    field, baseline, contour
        As in `fit_gaussian`; a baseline and a surround wider than the field can hardly be told apart.

    Returns
    -------
    Dataset (the other dims)
        As of `fit_gaussian`, for the centre; and ``surround_amplitude`` (:math:`w a`) [unit of the field],
        ``surround_ratio`` (:math:`k`), ``surround_strength`` (:math:`w k^2`, the surround's volume over the centre's).

    Raises
    ------
    ContractError
        As `fit_gaussian`.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> frame = cx.as_stimulus(np.zeros((15, 15)), dt="10 ms", pixel_size="0.1 deg", units="1")[0]
    >>> square = (frame.x**2 + frame.y**2).transpose("y", "x")
    >>> field = 2 * np.exp(-0.5 * square / 0.15**2) - 0.4 * np.exp(-0.5 * square / 0.3**2)
    >>> found = fit_dog(field.assign_attrs(units="1"), baseline=False)
    >>> round(float(found.surround_ratio), 2), round(float(found.surround_strength), 2)
    (2.0, 0.8)
    """
    return fit_profiles(field, Difference(baseline), contour)
