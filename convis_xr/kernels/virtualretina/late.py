"""A link that reads the value of one step before."""

from __future__ import annotations

import torch
from torch import Tensor


def late(x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Delay a movie by one step.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    before : Tensor (batch, channel, y, x), as x
        The sample before its first.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = x[k-1]``.
    before : Tensor
        What the next chunk starts from: the last sample.

    Examples
    --------
    >>> late(torch.arange(3.0).view(1, 1, 3, 1, 1), torch.full((1, 1, 1, 1), 9.0))[0].flatten()
    tensor([9., 0., 1.])
    """
    return torch.cat([before.unsqueeze(2), x[:, :, :-1]], 2), x[:, :, -1]
