"""`asd`: receptive fields that are smooth, as much as the evidence says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr.analysis.fields.evidence import NEGLIGIBLE, RATIO_RANGE, Projected, as_tensor, fit_prior
from convis_xr.analysis.fields.lengths import Lengths
from convis_xr.analysis.fields.normal_equations import Floats, Normal, normal_equations
from convis_xr.analysis.fields.penalties import evidence_penalty

#: shorter than this part of a sample there is no correlation of neighbours
SHORTEST = 0.2
#: a length of 0, in samples: no neighbours are correlated
POINT = 1e-3
#: eigenvalues below this part of the largest are of no meaning, in double precision
ROUNDING = 1e-12


def asd(moments: xr.Dataset, *, time: Any = None, space: Any = None) -> xr.DataArray:
    r"""Automatic smoothness determination: a prior of smooth fields, its lengths chosen by the evidence.

    Weights are :math:`N(0, C)` with :math:`C_{ij} = \rho \exp(-\Delta t_{ij}^2 / 2 \ell_t^2 - \Delta r_{ij}^2 / 2
    \ell_s^2)` (Sahani & Linden 2003, NIPS 15:317), noise is Gaussian. For each cell the variances of prior and noise
    and the two lengths have the greatest evidence (`convis_xr.analysis.fields.evidence`), and the field is the
    posterior mean.
    :math:`C` is a Kronecker product: only small matrices are decomposed, and directions that it has not are left out.

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    time, space : quantity or number, optional
        :math:`\ell_t` [time] and :math:`\ell_s` [visual angle], where they are known; bare numbers count samples.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept``, ``log_evidence``, ``noise_variance``, ``prior_variance``, ``length_time``
        [s], ``length_space`` [degree] (cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = asd(sums)
    >>> int(abs(field[:, 1, 1]).argmax("time")), field.length_space.attrs["units"]
    (2, 'degree')
    """
    normal = normal_equations(moments)
    return fit_prior(normal, SmoothPrior(normal, time, space), "automatic smoothness determination")


class SmoothPrior:
    """Squared exponential covariance over a window; hyperparameters: log variance ratio, log free lengths [samples]."""

    def __init__(self, normal: Normal, time: Any = None, space: Any = None) -> None:
        self.lengths = Lengths(normal, time, space, SHORTEST, 4.0)
        self.words = self.lengths.words
        self._gram, self._cross = as_tensor(normal.gram), as_tensor(normal.cross)
        self._power = float(normal.spectrum[0].max())
        self._ridge = -np.log(evidence_penalty(normal) * normal.steps)
        self._squares = [_squared_distances(size) for size in normal.window.shape]

    def bounds(self, cell: int) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        middle = float(self._ridge[cell])
        return [(middle - RATIO_RANGE, middle + RATIO_RANGE), *self.lengths.bounds]

    def starts(self, cell: int) -> Sequence[Floats]:
        """Neighbours that are alike."""
        return [np.array([self._ridge[cell], *self.lengths.start(0.1, 2.0)])]

    def project(self, theta: Tensor, cell: int) -> Projected:
        """The responses of a cell, seen by the prior."""
        lengths = self.lengths.samples(theta[1:]).values()
        sides = [_root(square, length) for square, length in zip(self._squares, lengths, strict=True)]
        factors = [factor for factor, _ in sides]
        spread = _products([variances for _, variances in sides])
        root = (0.5 * theta[0]).exp()
        kept = spread * self._power * root.detach() ** 2 > NEGLIGIBLE
        kept[spread.argmax()] = True
        half = turned(self._gram, factors)[kept]
        inner = turned(half.T, factors)[kept] * root**2
        cross = turned(self._cross[cell][:, None], factors)[kept, 0] * root
        return Projected(inner, cross, lambda u: root * _lifted(u, kept, factors))

    def told(self, theta: Floats) -> dict[str, float]:
        """Lengths in s and degree."""
        return self.lengths.told(theta[1:])


def turned(matrix: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """The Kronecker product of ``factors``, transposed, times a matrix (weight, any) -> (coefficient, any)."""
    values = matrix.reshape(*(len(factor) for factor in factors), -1)
    for axis, factor in enumerate(factors):
        values = torch.tensordot(factor, values, dims=([0], [axis])).movedim(0, axis)
    return values.reshape(-1, matrix.shape[-1])


def _root(square: Tensor, length: Any) -> tuple[Tensor, Tensor]:
    r"""A root of the covariance along one dimension, and its eigenvalues.

    The root is :math:`U S^{1/2}` in value. Derivatives do not go through the eigenvectors, which are not unique where
    eigenvalues meet: as :math:`\frac12 (C + C_0) U S^{-1/2}`, around :math:`C_0 = U S U^T`, it has the derivative that
    makes :math:`d(L L^T) = dC`.
    """
    covariance = (-0.5 * square / torch.as_tensor(length, dtype=torch.float64).clamp_min(POINT) ** 2).exp()
    fixed = covariance.detach()
    variances, vectors = torch.linalg.eigh(fixed)
    kept = variances > ROUNDING * variances.max()
    variances, vectors = variances[kept], vectors[:, kept]
    return 0.5 * (covariance + fixed) @ (vectors / variances.sqrt()), variances


def _lifted(coefficients: Tensor, kept: Tensor, factors: Sequence[Tensor]) -> Tensor:
    whole = torch.zeros(len(kept), dtype=torch.float64)
    whole[kept] = coefficients
    ranks = [factor.shape[1] for factor in factors]
    values = whole.reshape(*ranks)
    for axis, factor in enumerate(factors):
        values = torch.tensordot(factor, values, dims=([1], [axis])).movedim(0, axis)
    return values.reshape(-1)


def _products(variances: Sequence[Tensor]) -> Tensor:
    found = torch.ones(1, dtype=torch.float64)
    for one in variances:
        found = torch.kron(found, one)
    return found


def _squared_distances(size: int) -> Tensor:
    at = torch.arange(size, dtype=torch.float64)
    return (at[:, None] - at[None]) ** 2
