"""Convolution by multiplying and adding, for short kernels and for kernels in time alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d

from .padding import replicate_edges
from .windows import overlapping, windows

# Steps in a block of time: more waste work on the matrix's zeros, fewer keep the processor waiting.
_BLOCK = 128


def convolve(past: Tensor, weight: Tensor, finite: bool = True) -> Tensor:
    """Compute what ``reference.causal_convolution`` defines; ``finite`` says whether all of ``past`` is."""
    lag, height, width = weight.shape[2:]
    if height == width == 1 and finite:
        return _convolve_time(past, weight[..., 0, 0])
    correlated = weight.flip(2, 3, 4)
    padded = replicate_edges(past, height, width)
    if lag > 1:
        return conv3d(padded, correlated)
    frames = conv2d(padded.transpose(1, 2).flatten(0, 1), correlated[:, :, 0])
    return frames.unflatten(0, (past.shape[0], past.shape[2])).transpose(1, 2)


def _convolve_time(past: Tensor, weight: Tensor) -> Tensor:
    """Multiply blocks of time by a banded matrix (out, in, block, lag - 1 + block)."""
    lag = weight.shape[2]
    steps = past.shape[2] - lag + 1
    block = min(steps, max(_BLOCK // 4, min(lag, _BLOCK)))
    rows = torch.arange(block, device=weight.device)
    band = weight.new_zeros(*weight.shape[:2], block, lag - 1 + block)
    columns = (rows[:, None] + torch.arange(lag, device=weight.device)).expand(*weight.shape[:2], -1, -1)
    band = band.scatter(3, columns, weight.flip(2).unsqueeze(2).expand(-1, -1, block, -1))
    pieces = []
    spans = overlapping(steps, block, lag)
    for (start, stop), window in zip(spans, windows(past, spans), strict=True):
        seen, rows_wanted = window.flatten(3), stop - start - lag + 1
        matrix = band[:, :, :rows_wanted, : rows_wanted + lag - 1]
        products = [torch.matmul(matrix[:, i], seen[:, None, i]) for i in range(weight.shape[1])]
        pieces.append(sum(products[1:], start=products[0]))
    return torch.cat(pieces, dim=2).unflatten(3, past.shape[3:])
