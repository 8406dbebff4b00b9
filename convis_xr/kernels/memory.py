"""Room for the output of a kernel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def empty_like(x: Tensor) -> Tensor:
    """Return contiguous memory of a tensor's shape, dtype and device, its content undefined.

    On the CPU numpy provides it, because numpy asks the system for large pages: the first touch of fresh memory in
    pages of 4 KiB costs twice as much as a whole low-pass over it.

    Parameters
    ----------
    x : Tensor
        The tensor to be like.

    Returns
    -------
    Tensor, as x
        Not initialised.

    Examples
    --------
    >>> empty_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    if x.device.type != "cpu":
        return torch.empty_like(x, memory_format=torch.contiguous_format)
    return torch.from_numpy(np.empty(x.shape, torch.empty(0, dtype=x.dtype).numpy().dtype))
