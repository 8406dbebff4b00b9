"""The definition of the time recursions: one plain loop over time, one over the poles."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cascade(x: Tensor, state: Tensor, tau: float, dt: float) -> tuple[Tensor, Tensor]:
    """Pass a movie through equal exponential low-passes, one after the other.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie.
    state : Tensor (pole, batch, channel, y, x)
        The last output of each low-pass.
    tau : float, s
        Time constant of each of them; 0 is the identity.
    dt : float, s
        Time step.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = c y[k-1] + (1-c) x[k]`` with ``c = exp(-dt/tau)``, repeated for every pole.
    state : Tensor, as state
        What the next chunk starts from.
    """
    c = math.exp(-dt / tau) if tau > 0 else 0.0
    y = torch.empty_like(x)
    state = state.clone()
    for k in range(x.shape[2]):
        value = x[:, :, k]
        for pole in range(state.shape[0]):
            state[pole] = c * state[pole] + (1 - c) * value
            value = state[pole]
        y[:, :, k] = value
    return y, state


def high_pass(x: Tensor, state: Tensor, tau: float, weight: float, dt: float) -> tuple[Tensor, Tensor]:
    """Take a part of its low-pass away from a movie: ``y = x - weight * low_pass(x)``.

    Parameters
    ----------
    x, tau, dt
        As in `cascade`.
    state : Tensor (1, batch, channel, y, x)
        The last output of the low-pass.
    weight : float, dimensionless
        The part; the gain at rest is ``1 - weight``.

    Returns
    -------
    y, state : Tensor
        As in `cascade`.
    """
    low, state = cascade(x, state, tau, dt)
    return x - weight * low, state
