"""Room for the output of a kernel, and copies of what it starts from.

On the CPU numpy does both. torch would spread a copy of some 10 000 numbers over its own threads, and these keep
spinning for milliseconds afterwards, on the very cores that the compiled loops are about to use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .recycling import empty


def empty_like(x: Tensor) -> Tensor:
    """Return contiguous memory of a tensor's shape, dtype and device, its content undefined.

    On the CPU this is memory in large pages: the first touch of fresh memory in pages of 4 KiB costs twice as much as a
    whole low-pass over it. In a run it is that of an earlier block (`recycling`).

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
    return torch.from_numpy(empty(x.shape, _numpys(x.dtype)))


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


def cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a tensor in another dtype; itself where it has that.

    Parameters
    ----------
    x : Tensor
        The tensor.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    Tensor
        Of the same shape.

    Examples
    --------
    >>> cast(torch.arange(3, dtype=torch.uint8), torch.float32)
    tensor([0., 1., 2.])
    """
    if x.dtype == dtype or x.device.type != "cpu" or x.requires_grad:
        return x.to(dtype)
    made = empty(x.shape, _numpys(dtype))
    np.copyto(made, x.numpy(), casting="unsafe")
    return torch.from_numpy(made)


def joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Return tensors put together along a dimension.

    Parameters
    ----------
    parts : sequence of Tensor
        Of one dtype.
    dim : int
        Along which.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> joined([torch.zeros(1), torch.ones(2)], 0)
    tensor([0., 1., 1.])
    """
    if any(part.device.type != "cpu" or part.requires_grad for part in parts):
        return torch.cat(list(parts), dim)
    arrays = [part.numpy() for part in parts]
    shape = list(arrays[0].shape)
    shape[dim] = sum(array.shape[dim] for array in arrays)
    return torch.from_numpy(np.concatenate(arrays, dim, out=empty(shape, arrays[0].dtype)))


def _numpys(dtype: torch.dtype) -> np.dtype[Any]:
    return torch.empty(0, dtype=dtype).numpy().dtype
