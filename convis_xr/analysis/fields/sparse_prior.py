"""`ard`: receptive fields with few weights, as the evidence says."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import cholesky
from scipy.linalg.lapack import dtrtri

from convis_xr.analysis.fields.evidence import as_tensor, evidence_told, evidence_words, gathered, log_evidence
from convis_xr.analysis.fields.normal_equations import Floats, Normal, normal_equations
from convis_xr.analysis.fields.penalties import evidence_penalty
from convis_xr.errors import ParameterError, explain
from convis_xr.scales import whole

#: a weight whose prior variance is below this part of the noise's, per unit of what the stimulus says, is left out
PRUNED = 1e-6
#: updates end where each log variance is this near to where the evidence would have it
SETTLED = 1e-2


def ard(moments: xr.Dataset, *, updates: Any = 500) -> xr.DataArray:
    r"""Automatic relevance determination: a prior variance for each weight, chosen by the evidence.

    Weights are :math:`N(0, \mathrm{diag}(v))`. With the posterior mean :math:`\mu` and variance :math:`\Sigma_{ii}`
    each variance is updated to :math:`v_i = \mu_i^2 / \gamma_i` with :math:`\gamma_i = 1 - \Sigma_{ii} / v_i`, and the
    noise to :math:`\sigma^2 = |y - X\mu|^2 / (n - \sum_i \gamma_i)` (MacKay 1992, Neural Computation 4:415; Sahani &
    Linden 2003, NIPS 15:317). A weight goes out where its variance falls to 0, or would, the
    others having settled.

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.
    updates : int
        Of the variances, at most.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept``, ``log_evidence``, ``noise_variance``, ``prior_variance`` (the largest), and
        ``relevant``, the number of weights that are not 0 (cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary.
    ParameterError
        No update.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = ard(sums)
    >>> int(abs(field[:, 1, 1]).argmax("time")), bool(field.relevant < 40)
    (2, True)
    """
    normal = normal_equations(moments)
    most = whole(updates, "updates")
    if most < 1:
        raise ParameterError(explain("updates", wanted="one update or more", got=str(most), cure="updates=500"))
    weights = np.full(normal.cross.shape, np.nan)
    told: list[dict[str, float]] = [{} for _ in weights]
    penalty = evidence_penalty(normal)
    for cell in np.flatnonzero(np.isfinite(normal.spread)):
        weights[cell], told[cell] = _relevant(normal, int(cell), float(penalty[cell]), most)
    words = {"relevant": ("1", "number of weights that are not 0"), **evidence_words(normal)}
    return normal.labelled(weights, "automatic relevance determination", gathered(told, words))


def _relevant(normal: Normal, cell: int, penalty: float, updates: int) -> tuple[Floats, dict[str, float]]:
    """The weights of one cell, and what is told of them."""
    cross, size = normal.cross[cell], len(normal.gram)
    kept, noise = np.arange(size), 1.0
    variances = np.full(size, noise / (penalty * normal.steps))
    for _ in range(updates):
        mean, after = _posterior(normal, kept, cross, variances, noise)
        relevance = np.clip(1 - after / variances, np.finfo(np.float64).eps, 1.0)
        error = normal.steps - 2 * cross[kept] @ mean + mean @ normal.gram[np.ix_(kept, kept)] @ mean
        noise = float(error / (normal.freedom - relevance.sum()))
        updated = mean**2 / relevance
        # where the evidence is greatest on each variance, the others being fixed (Tipping & Faul 2003, AISTATS)
        alone = (mean**2 - relevance * (1 - relevance) * variances) / relevance**2
        relevant = alone > 0
        moved = np.abs(np.log(updated[relevant] / variances[relevant])).max(initial=0.0)
        off = np.abs(np.log(alone[relevant] / variances[relevant])).max(initial=0.0)
        stays = relevant if moved < SETTLED else updated * normal.steps > PRUNED * noise
        kept, variances = kept[stays], updated[stays]
        if off < SETTLED and relevant.all():
            break
    root = np.sqrt(variances / noise)
    inner = root[:, None] * normal.gram[np.ix_(kept, kept)] * root
    value, _ = log_evidence(as_tensor(inner), as_tensor(cross[kept] * root), normal.steps, normal.freedom, noise)
    found = np.zeros(size)
    found[kept] = _posterior(normal, kept, cross, variances, noise)[0]
    largest = float(variances.max(initial=0.0))
    return found, {**evidence_told(normal, cell, float(value), noise, largest), "relevant": float(len(kept))}


def _posterior(normal: Normal, kept: Any, cross: Floats, variances: Floats, noise: float) -> tuple[Floats, Floats]:
    """Mean and variance of the weights that are kept, without an inverse of their prior."""
    if not len(kept):  # LAPACK takes no empty matrix
        return np.zeros(0), np.zeros(0)
    root = np.sqrt(variances / noise)
    factor = cholesky(np.eye(len(kept)) + root[:, None] * normal.gram[np.ix_(kept, kept)] * root, lower=True)
    inverse, _ = dtrtri(factor, lower=1)
    mean = root * (inverse.T @ (inverse @ (root * cross[kept])))
    return mean, variances * (inverse**2).sum(0)
