"""The definition of a delay: one plain loop over steps and pixels."""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor


def delay(past: Tensor, frames: int, steps: Tensor) -> Tensor:
    """Delay every pixel, between samples by linear interpolation.

    Parameters
    ----------
    past : Tensor (batch, channel, frames + time, y, x)
        The history and the movie, one after the other.
    frames : int
        Length of the history.
    steps : Tensor, 0-d or (y, x), samples
        The delays.

    Returns
    -------
    Tensor (batch, channel, time, y, x)
        ``(1 - f) x[t - i] + f x[t - i - 1]``, ``i = floor(steps)``, ``f = steps - i``.
    """
    delays = steps.expand(past.shape[3:])
    rows = []
    for y, x in product(range(past.shape[3]), range(past.shape[4])):
        whole = math.floor(float(delays[y, x].detach()))
        part = (delays[y, x] - whole).to(past.dtype)
        samples = []
        for t in range(frames, past.shape[2]):
            later, earlier = past[:, :, t - whole, y, x], past[:, :, t - whole - 1, y, x]
            samples.append((1 - part) * later + part * earlier)
        rows.append(torch.stack(samples, dim=2))
    return torch.stack(rows, dim=3).unflatten(3, past.shape[3:])
