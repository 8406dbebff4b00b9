"""`smooth`: least squares, and a penalty on how fast a field changes in time and space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from scipy.fft import dct
from torch import Tensor

from convis_xr.analysis.fields.evidence import RATIO_RANGE, Projected, as_tensor, fit_prior
from convis_xr.analysis.fields.lengths import Lengths
from convis_xr.analysis.fields.normal_equations import Floats, Normal, normal_equations
from convis_xr.analysis.fields.penalties import TOLD, evidence_penalty, penalised
from convis_xr.errors import ParameterError, explain

#: where the evidence is climbed from: log variance above that of ridge regression, and lengths in samples
_STARTS = ((0.0, 0.3), (2.0, 3.0))


def smooth(
    moments: xr.Dataset,
    *,
    time: Any = None,
    space: Any = None,
    penalty: Any = "evidence",
    validation: xr.Dataset | Sequence[xr.Dataset] | None = None,
) -> xr.DataArray:
    r"""Smooth regression: least squares, and a penalty on squared weights and their differences.

    :math:`k` minimises :math:`\sum_t (y_t - b - k \cdot x_t)^2 + \lambda\, T\, v\, (|k|^2 + \ell_t^2 |\partial_t k|^2 +
    \ell_s^2 |\nabla k|^2)` with differences of neighbours for derivatives, free at the edges. The strengths are a
    length in time and a visual angle, and so do not depend on the sampling; ``penalty`` is that of `ridge`
    (Theunissen et al. 2001, Network 12:289, and Willmore & Smyth 2003, Network 14:553, on such priors).

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    time, space : quantity or number, optional
        :math:`\ell_t` [time] and :math:`\ell_s` [visual angle]; bare numbers count samples; 0 is no such penalty. One
        that is not given is chosen for each cell, by the evidence.
    penalty : float, ``"evidence"``, ``"gcv"`` or ``"validation"``
        As in `ridge`. All but ``"evidence"`` need both lengths.
    validation : Dataset or sequence of Dataset, optional
        As in `ridge`.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept``, ``penalty``, and where lengths were chosen those of `asd` (cell).

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary; validation of other cells or windows.
    ParameterError
        A length below 0; another penalty; a length that is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = smooth(sums, time="5 ms", space="0.1 deg")
    >>> int(abs(field[:, 1, 1]).argmax("time")), field.penalty.attrs["units"]
    (2, '1')
    """
    normal = normal_equations(moments)
    prior = _DifferencePrior(normal, time, space)
    name = "smooth regression"
    if not prior.lengths.free:
        basis = prior.basis * prior.spread(np.zeros(0)).numpy()
        found, chosen = penalised(normal, penalty, validation, basis)
        return normal.labelled(found, name, {"penalty": (chosen, "1", TOLD)})
    if penalty != "evidence" or validation is not None:
        got = f"penalty={penalty!r} and no {' nor '.join(prior.lengths.free)}"
        wanted = 'both lengths, or penalty="evidence" to have them chosen'
        cure = 'time="20 ms", space="0.2 deg"'
        raise ParameterError(explain("penalty", wanted=wanted, got=got, cure=cure))
    return fit_prior(normal, prior, name)


class _DifferencePrior:
    """The prior whose logarithm is the penalty: independent in cosines, into which differences with free ends fall."""

    def __init__(self, normal: Normal, time: Any, space: Any) -> None:
        self.lengths = Lengths(normal, time, space, 0.02, 20.0)
        self.words = {**self.lengths.words, "penalty": ("1", TOLD)}
        self.basis = np.ones((1, 1))
        for size in normal.window.shape:
            self.basis = np.kron(self.basis, dct(np.eye(size), norm="ortho", axis=0).T)
        inside = normal.within(self.basis)
        self._gram, self._cross, self._steps = as_tensor(inside.gram), as_tensor(inside.cross), normal.steps
        self._ridge = -np.log(evidence_penalty(normal) * normal.steps)
        self._basis = as_tensor(self.basis)
        self._squares = _squared_frequencies(normal)

    def spread(self, theta: Any) -> Tensor:
        """Standard deviation of each cosine, relative to that of the constant."""
        square = torch.ones(1, dtype=torch.float64)
        for dim, length in self.lengths.samples(theta).items():
            square = square + torch.as_tensor(length, dtype=torch.float64) ** 2 * self._squares[dim]
        return square.reshape(-1) ** -0.5

    def bounds(self, cell: int) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        middle = float(self._ridge[cell])
        return [(middle - RATIO_RANGE, middle + RATIO_RANGE), *self.lengths.bounds]

    def starts(self, cell: int) -> Sequence[Floats]:
        """Near ridge regression, and smooth."""
        return [np.array([self._ridge[cell] + rise, *self.lengths.start(0.0, least)]) for rise, least in _STARTS]

    def project(self, theta: Tensor, cell: int) -> Projected:
        """The responses of a cell, seen by the prior."""
        root = (0.5 * theta[0]).exp() * self.spread(theta[1:])
        inner = root[:, None] * self._gram * root
        return Projected(inner, self._cross[cell] * root, lambda u: self._basis @ (root * u))

    def told(self, theta: Floats) -> dict[str, float]:
        """Lengths in s and degree, and the penalty on squared weights."""
        return {**self.lengths.told(theta[1:]), "penalty": float(np.exp(-theta[0])) / self._steps}


def _squared_frequencies(normal: Normal) -> dict[str, Tensor]:
    """Squared norm of the differences of each cosine along each dimension, as the window lies."""
    found, axes = {}, normal.window.dims
    for axis, dim in enumerate(axes):
        size = normal.window.sizes[dim]
        shape = [1] * len(axes)
        shape[axis] = size
        square = 2 - 2 * np.cos(np.pi * np.arange(size) / size)
        found[str(dim)] = torch.from_numpy(square.reshape(shape))
    return found
