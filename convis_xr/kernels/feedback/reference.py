"""The definition of the feedback loop: a plain loop over time, one over the lags."""

from __future__ import annotations

import torch
from torch import Tensor


def feedback(x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Take a weighted sum of its own past outputs away from a movie.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie.
    past : Tensor (batch, channel, lag, y, x)
        The outputs before it, the last one last.
    weight : Tensor (channel or 1, lag)
        ``weight[c, j - 1]`` weighs the output ``j`` steps ago.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = x[k] - sum_j weight[j - 1] y[k - j]``, ``j = 1 ... lag``.
    past : Tensor, as past
        What the next chunk starts from.
    """
    lags = past.shape[2]
    outputs = torch.cat([past, torch.zeros_like(x)], dim=2)
    for k in range(x.shape[2]):
        value = x[:, :, k].clone()
        for j in range(1, lags + 1):
            value -= weight[:, j - 1, None, None] * outputs[:, :, lags + k - j]
        outputs[:, :, lags + k] = value
    return outputs[:, :, lags:].clone(), outputs[:, :, x.shape[2] :].clone()
