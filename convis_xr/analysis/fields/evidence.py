r"""Evidence: how probable the responses are under a prior of receptive fields, whatever the field itself.

Responses are :math:`y = b + Xk + e` with noise :math:`e \sim N(0, \sigma^2)`, weights :math:`k \sim N(0, C)` and an
intercept :math:`b` that may be anything. So :math:`y`, without its mean, is :math:`N(0, XCX^T + \sigma^2 I)` in
:math:`n = T - 1` dimensions, and with :math:`C = \sigma^2 L L^T`

.. math:: 2 E = -n \log 2\pi\sigma^2 - \log |I + L^T X^T X L|
          - (y^T y - y^T X L\, (I + L^T X^T X L)^{-1} L^T X^T y) / \sigma^2,

which needs sums over the recording only. No prior covariance is inverted, so none needs a jitter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from scipy.optimize import minimize
from torch import Tensor

from convis_xr.analysis.fields.normal_equations import Floats, Normal, ratio

#: directions of the prior in which all that is known is worth less than this, in nats, are left out
NEGLIGIBLE = 1e-8
#: the climb ends where a step wins less than this, in nats
SETTLED = 1e-3
#: bounds of the logarithm of a prior's variance over the noise's, beside that of ridge regression
RATIO_RANGE = 15.0


@dataclass(frozen=True)
class Projected:
    r"""What the responses say on the coefficients ``u`` of a prior, ``k = L u``.

    Parameters
    ----------
    inner : Tensor (coefficient, coefficient)
        :math:`L^T X^T X L`.
    cross : Tensor (coefficient)
        :math:`L^T X^T y`.
    lift : callable
        :math:`u \mapsto L u`.
    """

    inner: Tensor
    cross: Tensor
    lift: Callable[[Tensor], Tensor]


class Prior(Protocol):
    """A family of priors; the first hyperparameter is the logarithm of the prior's variance over the noise's."""

    def bounds(self, cell: int) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        ...

    def starts(self, cell: int) -> Sequence[Floats]:
        """Hyperparameters from which the evidence is climbed."""
        ...

    def project(self, theta: Tensor, cell: int) -> Projected:
        """The responses of a cell, seen by the prior."""
        ...

    def told(self, theta: Floats) -> dict[str, float]:
        """Hyperparameters in words and units, but for the first."""
        ...

    #: unit and long name of what is told
    words: dict[str, tuple[str, str]]


def log_evidence(
    inner: Tensor, cross: Tensor, total: float, freedom: float, noise: Tensor | float | None = None
) -> tuple[Tensor, Tensor]:
    r"""The logarithm of the evidence, and the variance of the noise.

    The quadratic form of the posterior mean in Park & Pillow (2011, PLoS Comput Biol 7:e1002219) is to be read with the
    inverse of the posterior covariance, :math:`\mu^T \Lambda^{-1} \mu`; here it is
    :math:`\text{cross}^T (I + \text{inner})^{-1} \text{cross} / \sigma^2`.

    Parameters
    ----------
    inner, cross : Tensor (coefficient, coefficient), (coefficient)
        As in `Projected`.
    total : float
        :math:`y^T y`.
    freedom : float
        Dimensions of ``y``: steps beside the intercept.
    noise : Tensor or float, optional
        Its variance; by default the one of the greatest evidence.

    Examples
    --------
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> value, noise = log_evidence(one[:, None], one, 2.0, 1.0)  # y = 2^0.5, X L = 0.5^0.5 * [...]
    >>> float(noise)
    1.5
    """
    volume, explained = _Posterior.apply(inner, cross)
    unexplained = (total - explained).clamp_min(torch.finfo(inner.dtype).eps * total)
    variance = unexplained / freedom if noise is None else torch.as_tensor(noise, dtype=inner.dtype)
    value = -0.5 * (freedom * (2 * np.pi * variance).log() + volume + unexplained / variance)
    return value, variance


class _Posterior(torch.autograd.Function):
    """log |I + inner|, and cross' (I + inner)^-1 cross: with the slopes in closed form, a third of autograd's work."""

    @staticmethod
    def forward(context: Any, inner: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Volume and what is explained."""
        root = torch.linalg.cholesky(torch.eye(len(cross), dtype=inner.dtype) + inner)
        solution = torch.cholesky_solve(cross[:, None], root)[:, 0]
        context.save_for_backward(root, solution)
        return 2 * root.diagonal().log().sum(), cross @ solution

    @staticmethod
    def backward(context: Any, volume: Tensor, explained: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Slopes by ``inner`` and ``cross``."""
        root, solution = context.saved_tensors
        inner = volume * torch.cholesky_inverse(root) - explained * torch.outer(solution, solution)
        return inner, 2 * explained * solution


def posterior_mean(projected: Projected) -> Tensor:
    """The weights of the greatest posterior probability."""
    size = len(projected.cross)
    root = torch.linalg.cholesky(torch.eye(size, dtype=torch.float64) + projected.inner)
    return projected.lift(torch.cholesky_solve(projected.cross[:, None], root)[:, 0])


def climb(normal: Normal, prior: Prior, cell: int) -> tuple[Floats, float]:
    """Hyperparameters of the greatest evidence for one cell, and its logarithm."""

    def downhill(theta: Floats) -> tuple[float, Floats]:
        free = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
        projected = prior.project(free, cell)
        value, _ = log_evidence(projected.inner, projected.cross, normal.steps, normal.freedom)
        (slope,) = torch.autograd.grad(-value / normal.freedom, free)
        return -value.item() / normal.freedom, slope.numpy()

    bounds = prior.bounds(cell)
    low, high = np.array(bounds).T
    stop = {"maxiter": 200, "ftol": SETTLED / normal.freedom, "gtol": 0.0}
    starts = [np.clip(start, low, high) for start in prior.starts(cell)]
    found = [minimize(downhill, start, jac=True, method="L-BFGS-B", bounds=bounds, options=stop) for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    return np.asarray(best.x), -float(best.fun) * normal.freedom


def fit_prior(normal: Normal, prior: Prior, name: str) -> xr.DataArray:
    """Receptive fields under the prior of the greatest evidence, chosen for each cell."""
    weights = np.full(normal.cross.shape, np.nan)
    told: list[dict[str, float]] = [{} for _ in weights]
    for cell in np.flatnonzero(np.isfinite(normal.spread)):
        theta, value = climb(normal, prior, int(cell))
        with torch.no_grad():
            projected = prior.project(torch.from_numpy(theta), int(cell))
            _, noise = log_evidence(projected.inner, projected.cross, normal.steps, normal.freedom)
            weights[cell] = posterior_mean(projected).numpy()
        variance = float(noise)
        told[cell] = prior.told(theta) | evidence_told(normal, int(cell), value, variance, np.exp(theta[0]) * variance)
    return normal.labelled(weights, name, gathered(told, {**prior.words, **evidence_words(normal)}))


def evidence_told(normal: Normal, cell: int, value: float, noise: float, variance: float) -> dict[str, float]:
    """The evidence of responses in their own unit, and variances in theirs."""
    spread = float(normal.spread[cell])
    return {
        "log_evidence": value - normal.freedom * np.log(spread),
        "noise_variance": noise * spread**2,
        "prior_variance": variance * (spread / normal.scale) ** 2,
    }


def evidence_words(normal: Normal) -> dict[str, tuple[str, str]]:
    """Unit and long name of `evidence_told`."""
    response, stimulus = normal.units
    weight = ratio(response, stimulus)
    return {
        "log_evidence": ("1", "log evidence"),
        "noise_variance": (_square(response), "variance of the noise"),
        "prior_variance": (_square(weight), "scale of the prior variance of weights"),
    }


def gathered(told: Sequence[dict[str, float]], words: dict[str, tuple[str, str]]) -> dict[str, tuple[Floats, str, str]]:
    """What was told of each cell, as `Normal.labelled` takes it."""
    return {
        key: (np.array([one.get(key, np.nan) for one in told], np.float64), unit, text)
        for key, (unit, text) in words.items()
    }


def as_tensor(values: Any) -> Tensor:
    """Double precision, on the CPU."""
    return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float64)


def _square(unit: str) -> str:
    return unit if unit == "1" else f"({unit})^2"
