"""The definition of the two convolutions: one plain loop over the entries of the weight."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor


def causal_convolution(past: Tensor, weight: Tensor) -> Tensor:
    """Convolve, the weight being the impulse response.

    Parameters
    ----------
    past : Tensor (batch, in, lag - 1 + time, y, x)
        The history and the movie, one after the other.
    weight : Tensor (out, in, lag, ky, kx)
        Impulse response, its spatial origin at index ``size // 2``.

    Returns
    -------
    Tensor (batch, out, time, y, x)
        ``y[t, i, j] = sum weight[l, m, n] x[t - l, i - m + ky//2, j - n + kx//2]``, indices held inside the frame.
    """
    steps = past.shape[2] - weight.shape[2] + 1
    height, width = past.shape[3:]
    y = past.new_zeros(past.shape[0], weight.shape[0], steps, height, width)
    for lag, m, n in product(*map(range, weight.shape[2:])):
        rows = (torch.arange(height) - m + weight.shape[3] // 2).clamp(0, height - 1).to(past.device)
        columns = (torch.arange(width) - n + weight.shape[4] // 2).clamp(0, width - 1).to(past.device)
        start = weight.shape[2] - 1 - lag
        shifted = past[:, :, start : start + steps].index_select(3, rows).index_select(4, columns)
        y = y + torch.einsum("oi,bityx->botyx", weight[:, :, lag, m, n], shifted)
    return y


def receptive_field(past: Tensor, weight: Tensor) -> Tensor:
    """Weigh what one cell per output channel sees.

    Parameters
    ----------
    past : Tensor (batch, in, lag - 1 + time, y, x)
        The history and the movie, cut to the weight's part of the frame.
    weight : Tensor (out, in, lag, y, x)
        Receptive field; lag 0 is the same step.

    Returns
    -------
    Tensor (batch, out, time)
        ``y[t] = sum weight[l, i, j] x[t - l, i, j]``.
    """
    steps = past.shape[2] - weight.shape[2] + 1
    y = past.new_zeros(past.shape[0], weight.shape[0], steps)
    for lag in range(weight.shape[2]):
        start = weight.shape[2] - 1 - lag
        y = y + torch.einsum("oiyx,bityx->bot", weight[:, :, lag], past[:, :, start : start + steps])
    return y
