"""Receptive fields by least squares: whitened spike-triggered average and ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.analysis.normal_equations import for_cells, normal_equations
from convis_xr.analysis.penalties import TOLD, penalised
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
    """
    normal = normal_equations(moments)
    values, vectors = normal.spectrum
    kept = values > magnitude(floor, "dimensionless", "floor") * values.max()
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
    """
    normal = normal_equations(moments)
    found, chosen = penalised(normal, penalty, validation)
    return normal.labelled(found, "ridge regression", {"penalty": (chosen, "1", TOLD)})
