"""Receptive fields by least squares: whitened spike-triggered average and ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.analysis.fields.normal_equations import for_cells, normal_equations
from convis_xr.analysis.fields.penalties import TOLD, penalised
from convis_xr.errors import ParameterError, explain
from convis_xr.units import magnitude


def whitened_sta(moments: xr.Dataset, *, floor: Any = 1e-10) -> xr.DataArray:
    r"""Least squares: the spike-triggered average, freed of the correlations within the stimulus.

    :math:`k = (X^T X)^{-1} X^T y` for windows and responses without their means. The average of windows before spikes
    with the inverse of the stimulus' covariance before it (Paninski 2003, Network 14:437) is this, divided by the mean
    response; as it stands here, ``k`` predicts the response, whatever its kind.

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    floor : float
        Directions in which the stimulus varies less than by this part of its largest variance are left out: the
        solution of the smallest norm.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinate ``intercept`` (cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary.
    ParameterError
        A floor that is not from 0 to 1.

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x"))
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = whitened_sta(sums)
    >>> abs(field[2, 1]).values.round(3).tolist(), field.attrs["units"]
    ([0.0, 2.5, 2.5, 0.0], 'Hz')
    """
    normal = normal_equations(moments)
    values, vectors = normal.spectrum
    part = magnitude(floor, "dimensionless", "floor")
    if not 0 <= part < 1:
        raise ParameterError(explain("floor", wanted="0 to 1", got=f"{part:g}", cure="floor=1e-10"))
    kept = values > part * values.max()
    whitener = vectors[:, kept] / np.sqrt(values[kept])
    found = for_cells(normal, lambda cell: whitener @ (normal.cross[cell] @ whitener))
    return normal.labelled(found, "least squares")


def ridge(
    moments: xr.Dataset, *, penalty: Any = "evidence", validation: xr.Dataset | Sequence[xr.Dataset] | None = None
) -> xr.DataArray:
    r"""Ridge regression: least squares, and a penalty on squared weights.

    :math:`k` minimises :math:`\sum_t (y_t - b - k \cdot x_t)^2 + \lambda\, T\, v\, |k|^2`, ``T`` being the number of
    steps and ``v`` the mean variance of the window's values: so ``penalty`` (:math:`\lambda`) has no unit, and means
    the same for a longer recording (Hoerl & Kennard 1970, Technometrics 12:55).

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    penalty : float, ``"evidence"``, ``"gcv"`` or ``"validation"``
        :math:`\lambda`; or how it is chosen, for each cell: by the evidence (MacKay 1992, Neural Computation 4:415), by
        generalised cross-validation (Golub, Heath & Wahba 1979, Technometrics 21:215), or by the error on other data.
        1e-8 to 1e4 are tried; 1e4 says that nothing was found.
    validation : Dataset or sequence of Dataset, optional
        Moments of data that were not fitted, for ``"validation"``.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept`` and ``penalty`` (cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary; validation of other cells or windows.
    ParameterError
        Another penalty; no validation where it is needed, or one that is not.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = ridge(sums, penalty=0.1)
    >>> int(abs(field[:, 1, 1]).argmax("time")), float(field.penalty)
    (2, 0.1)
    """
    normal = normal_equations(moments)
    found, chosen = penalised(normal, penalty, validation)
    return normal.labelled(found, "ridge regression", {"penalty": (chosen, "1", TOLD)})
