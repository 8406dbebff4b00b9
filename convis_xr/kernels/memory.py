"""Room for the output of a kernel, and copies of what it starts from.

On the CPU numpy does both. torch would spread a copy of some 10 000 numbers over its own threads, and these keep
spinning for milliseconds afterwards, on the very cores that the compiled loops are about to use.
"""

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


def zeros_like(x: Tensor) -> Tensor:
    """Return contiguous zeros of a tensor's shape, dtype and device.

    Parameters
    ----------
    x : Tensor
        The tensor to be like.

    Returns
    -------
    Tensor, as x

    Examples
    --------
    >>> zeros_like(torch.ones(2))
    tensor([0., 0.])
    """
    if x.device.type != "cpu":
        return torch.zeros_like(x, memory_format=torch.contiguous_format)
    zeros = empty_like(x)
    zeros.numpy().fill(0)
    return zeros


def copied(x: Tensor) -> Tensor:
    """Return a contiguous copy of a tensor, cut from any graph.

    Parameters
    ----------
    x : Tensor
        The tensor.

    Returns
    -------
    Tensor, as x
        In memory of its own.

    Examples
    --------
    >>> copied(torch.zeros(2, 3).mT).stride()
    (2, 1)
    """
    if x.device.type != "cpu":
        return x.detach().clone(memory_format=torch.contiguous_format)
    return torch.from_numpy(np.array(x.detach().numpy(), order="C"))
