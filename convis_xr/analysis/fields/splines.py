"""`spline_fit`: receptive fields that are sums of B-splines in time and space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import BSpline

from convis_xr.analysis.fields.normal_equations import Floats, Normal, normal_equations
from convis_xr.analysis.fields.penalties import TOLD, penalised
from convis_xr.errors import ParameterError, explain
from convis_xr.scales import whole


def spline_fit(
    moments: xr.Dataset,
    *,
    functions: int | Mapping[str, int] | None = None,
    degree: int = 3,
    penalty: Any = "evidence",
    validation: xr.Dataset | Sequence[xr.Dataset] | None = None,
) -> xr.DataArray:
    r"""Ridge regression on the coefficients of B-splines.

    The field is :math:`\sum_{abc} c_{abc} B_a(t) B_b(y) B_c(x)` with B-splines on evenly spaced knots from the first to
    the last sample (`scipy.interpolate.BSpline`), each of norm 1 over the samples; the penalty is on :math:`|c|^2`
    (Theunissen et al. 2001, Network 12:289; Huang, Ran & Euler 2021, J Vis 21(9):2843, on splines for this).

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    functions : int or mapping of str to int, optional
        Number of B-splines along each dimension: more than the degree and no more than the samples; by default half as
        many as samples, or as many as the degree wants. As many as samples leaves a dimension as it is.
    degree : int
        Of the polynomials: 3 is cubic.
    penalty : float, ``"evidence"``, ``"gcv"`` or ``"validation"``
        As in `ridge`, for the coefficients.
    validation : Dataset or sequence of Dataset, optional
        As in `ridge`.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept`` and ``penalty`` (cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary; validation of other cells or windows.
    ParameterError
        A number of functions that does not fit; another penalty.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = spline_fit(sums, functions={"time": 5, "y": 4, "x": 3}, degree=2)
    >>> int(abs(field[:, 1, 1]).argmax("time"))
    2
    """
    normal = normal_equations(moments)
    order = whole(degree, "degree")
    sides = [_basis(normal.window.sizes[dim], count, order) for dim, count in _counts(normal, functions, order).items()]
    basis = reduce(_product, sides)
    found, chosen = penalised(normal, penalty, validation, basis)
    return normal.labelled(found, "spline regression", {"penalty": (chosen, "1", TOLD)})


def _product(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.kron(one, other), np.float64)


def _counts(normal: Normal, functions: Any, degree: int) -> dict[str, int]:
    """How many B-splines along each dimension of the window."""
    sizes = {str(dim): size for dim, size in normal.window.sizes.items()}
    given = dict(functions) if isinstance(functions, Mapping) else dict.fromkeys(sizes, functions)
    strange = [dim for dim in given if dim not in sizes]
    if strange:
        cure = f"functions={dict.fromkeys(sizes, degree + 1)}"
        got = ", ".join(map(repr, strange))
        raise ParameterError(explain("functions", wanted=f"dimensions among {list(sizes)}", got=got, cure=cure))
    counts = {}
    for dim, size in sizes.items():
        count = given.get(dim)
        fits = min(size, max(degree + 1, -(-size // 2)))
        counts[dim] = fits if count is None else whole(count, f"functions[{dim!r}]")
        if not (degree < counts[dim] <= size or counts[dim] == size):
            wanted = f"{degree + 1} to {size} along {dim}" if degree < size else f"{size} along {dim}"
            cure = f"functions={{{dim!r}: {fits}}}, or a lower degree"
            raise ParameterError(explain("functions", wanted=wanted, got=str(counts[dim]), cure=cure))
    return counts


def _basis(size: int, count: int, degree: int) -> Floats:
    """B-splines (sample, function) of norm 1."""
    if count == size:
        return np.eye(size)
    inner = np.linspace(0.0, size - 1.0, count - degree + 1)
    knots = np.concatenate([[0.0] * degree, inner, [size - 1.0] * degree])
    values = BSpline.design_matrix(np.arange(size, dtype=np.float64), knots, degree).toarray()
    return np.asarray(values / np.linalg.norm(values, axis=0))
