"""Least squares with a penalty on the squared weights: one spectrum for all penalties and all cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar

from convis_xr.analysis.fields.normal_equations import Floats, Normal, each, for_cells, normal_equations
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.units import magnitude

#: logarithms (base 10) of the penalties that are tried, relative to the stimulus' variance summed over the recording
GRID = np.linspace(-8.0, 4.0, 49)

#: how a penalty may be chosen
CHOICES = ("evidence", "gcv", "validation")

#: what the coordinate ``penalty`` says
TOLD = "penalty on squared weights, relative to the summed variance of the stimulus"

#: the error of penalties for one cell
_Score = Callable[[int, Floats], Floats]


def penalised(
    normal: Normal,
    penalty: Any,
    validation: xr.Dataset | Sequence[xr.Dataset] | None = None,
    basis: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Weights that minimise squared errors and the penalty, for each cell.

    Parameters
    ----------
    normal : Normal
    penalty : float, or one of `CHOICES`
    validation : Dataset or sequence of Dataset, optional
        Moments on which penalties are judged, for ``"validation"``.
    basis : array (weight, coefficient), optional
        The weights are ``basis @ coefficients``, and the coefficients are penalised.

    Returns
    -------
    weights : array (cell, weight)
    penalty : array (cell)
    """
    inside = normal if basis is None else normal.within(basis)
    if isinstance(penalty, str) and penalty in CHOICES:
        _check_validation(penalty, validation)
        scores = {"evidence": lambda: _evidence(inside), "gcv": lambda: _generalised_cross_validation(inside)}
        score = scores[penalty]() if penalty in scores else _on_others(inside, validation, normal, basis)
        chosen = best(score, len(normal.cross))
    else:
        _check_validation("", validation)
        chosen = np.full(len(normal.cross), _given(penalty))
    found = for_cells(inside, lambda cell: _solution(inside, chosen[cell], cell))
    return (found if basis is None else found @ basis.T), chosen


def evidence_penalty(normal: Normal) -> Floats:
    """The penalty (cell) of the greatest evidence: noise variance over prior variance, divided by ``normal.steps``."""
    return best(_evidence(normal), len(normal.cross))


def best(score: _Score, cells: int) -> Floats:
    """The penalty (cell) of the smallest error: the best of a grid, and then the best between its neighbours."""
    chosen = np.empty(cells)
    for cell in range(cells):
        tried = score(cell, 10.0**GRID)
        middle = int(np.argmin(tried))
        ends = GRID[max(0, middle - 1)], GRID[min(len(GRID) - 1, middle + 1)]

        def one(exponent: float, cell: int = cell) -> float:
            return float(score(cell, np.array([10.0**exponent]))[0])

        found = minimize_scalar(one, bounds=ends, method="bounded", options={"xatol": 1e-3})
        chosen[cell] = 10.0 ** (found.x if found.fun < tried[middle] else GRID[middle])
    return chosen


def _solution(normal: Normal, penalty: float, cell: int) -> Floats:
    values, vectors = normal.spectrum
    return vectors @ ((normal.cross[cell] @ vectors) / _shifted(values, penalty * normal.steps))


def _shifted(values: Floats, penalty: Any) -> Floats:
    """Eigenvalues and penalty; infinite where both vanish, which leaves these directions out."""
    summed = values + penalty
    floor = np.finfo(np.float64).eps * len(values) * values.max()
    return np.where(summed > floor, summed, np.inf)


def _evidence(normal: Normal) -> _Score:
    r"""Minus the log evidence of a prior of one variance, the noise at its best, but for constants.

    :math:`n \log \hat y^T (I + \hat X \hat X^T / \alpha)^{-1} \hat y + \log |I + \hat X^T \hat X / \alpha|` with
    :math:`\alpha` noise variance over prior variance (MacKay 1992, Neural Computation 4:415).
    """
    values, vectors = normal.spectrum
    turned = (normal.cross @ vectors) ** 2

    def score(cell: int, penalty: Floats) -> Floats:
        shifted = values + normal.steps * penalty[:, None]
        unexplained = normal.steps - (turned[cell] / shifted).sum(-1)
        volume = np.log1p(values / (normal.steps * penalty[:, None])).sum(-1)
        return normal.freedom * np.log(_positive(unexplained, normal)) + volume

    return score


def _generalised_cross_validation(normal: Normal) -> _Score:
    """Squared error over the squared freedom that is left (Golub, Heath & Wahba 1979, Technometrics 21:215)."""
    values, vectors = normal.spectrum
    turned = (normal.cross @ vectors) ** 2

    def score(cell: int, penalty: Floats) -> Floats:
        shifted = values + normal.steps * penalty[:, None]
        error = normal.steps + (turned[cell] * (values / shifted**2 - 2 / shifted)).sum(-1)
        left = normal.freedom - (values / shifted).sum(-1)
        return np.where(left > 0, _positive(error, normal) / np.where(left > 0, left, 1.0) ** 2, np.inf)

    return score


def _on_others(inside: Normal, validation: Any, normal: Normal, basis: Floats | None) -> _Score:
    """Squared error on other moments, whose means are theirs."""
    values, vectors = inside.spectrum
    turned = inside.cross @ vectors
    squares, products, constant = _seen(normal, each(validation))
    turn = vectors if basis is None else basis @ vectors
    seen, crossed = turn.T @ squares @ turn, products @ turn

    def score(cell: int, penalty: Floats) -> Floats:
        weights = turned[cell] / _shifted(values, inside.steps * penalty[:, None])
        return ((weights @ seen) * weights).sum(-1) - 2 * weights @ crossed[cell] + constant[cell]

    return score


def _seen(normal: Normal, others: list[xr.Dataset]) -> tuple[Floats, Floats, Floats]:
    """Sums over the steps of others, around the means of ``normal`` and scaled as it is."""
    size, cells = len(normal.gram), len(normal.cross)
    squares, products, constant = np.zeros((size, size)), np.zeros((cells, size)), np.zeros(cells)
    spread = np.where(np.isfinite(normal.spread), normal.spread, 1.0)
    for moments in others:
        other = normal_equations(moments)
        _check_alike(normal, other)
        scale = other.scale / normal.scale
        size_of = np.nan_to_num(other.spread) / spread
        shift = (other.mean_stimulus - normal.mean_stimulus) / normal.scale
        rise = (other.mean_response - normal.mean_response) / spread
        squares += other.gram * scale**2 + other.steps * np.outer(shift, shift)
        products += other.cross * (size_of * scale)[:, None] + other.steps * np.outer(rise, shift)
        constant += other.steps * (size_of**2 + rise**2)
    return squares, products, constant


def _positive(error: Floats, normal: Normal) -> Floats:
    """What rounding may have taken below 0, where all is explained."""
    return np.maximum(error, normal.steps * np.finfo(np.float64).eps)


def _given(penalty: Any) -> float:
    names = ", ".join(f'"{choice}"' for choice in CHOICES)
    if isinstance(penalty, str) and not penalty[:1].isdigit():
        cure = 'penalty="evidence"'
        raise ParameterError(explain("penalty", wanted=f"a number, or one of {names}", got=repr(penalty), cure=cure))
    number = magnitude(penalty, "dimensionless", "penalty")
    if number < 0:
        cure = 'penalty=0.1, or "evidence"'
        raise ParameterError(explain("penalty", wanted="0 or more", got=f"{number:g}", cure=cure))
    return number


def _check_validation(penalty: str, validation: Any) -> None:
    if (penalty == "validation") != (validation is not None):
        cure = 'penalty="validation", validation=moments of steps that were not fitted'
        got = "none" if validation is None else f"some, but penalty={penalty or 'a number'!r}"
        wanted = 'moments where, and only where, penalty="validation"'
        raise ParameterError(explain("validation", wanted=wanted, got=got, cure=cure))


def _check_alike(normal: Normal, other: Normal) -> None:
    same = normal.window.sizes == other.window.sizes and normal.cells.sizes == other.cells.sizes
    if not same or normal.units != other.units:
        got = f"{dict(other.cells.sizes)}, {dict(other.window.sizes)}, {other.units}"
        wanted = f"cells, window and units as fitted: {dict(normal.cells.sizes)}, {dict(normal.window.sizes)}, "
        wanted += f"{normal.units}"
        cure = "moments of the same cells with the same window"
        raise ContractError(explain("validation", wanted=wanted, got=got, cure=cure))
