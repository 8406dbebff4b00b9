"""Convolution by overlap-save: products of spectra, for long kernels.

Time is cut into blocks of one length, which depends on the kernel alone; the edges of the frame are replicated first,
and what the circular convolution wraps around is thrown away.
"""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from .padding import replicate_edges
from .windows import overlapping, windows

# Samples of a kernel in time alone that are transformed at once.
_SAMPLES = 2**21


def convolve(past: Tensor, weight: Tensor) -> Tensor:
    """Compute what ``reference.causal_convolution`` defines."""
    lag, height, width = weight.shape[2:]
    if height == width == 1:
        # Pixels do not meet: a few rows at a time, so that the spectra of a long kernel do not fill the memory.
        rows = max(1, _SAMPLES // ((lag - 1 + block_length(lag)) * past.shape[4]))
        return torch.cat([_convolve(slab, weight) for slab in past.split(rows, dim=3)], dim=3)
    return _convolve(past, weight)


def block_length(lag: int) -> int:
    """Say how many steps one block yields: twice the kernel's length, so that a third of the work is thrown away."""
    return max(2 * lag, 32)


def _convolve(past: Tensor, weight: Tensor) -> Tensor:
    lag, height, width = weight.shape[2:]
    steps, block = past.shape[2] - lag + 1, block_length(lag)
    sizes = (lag - 1 + min(block, steps), past.shape[3] + height - 1, past.shape[4] + width - 1)
    # An axis along which the kernel is one sample long needs no transform; but there must be one.
    axes = [axis for axis in (2, 3, 4) if weight.shape[axis] > 1] or [4]
    lengths = [next_fast_len(sizes[axis - 2], real=True) for axis in axes]
    spectrum = torch.fft.rfftn(weight, s=lengths, dim=axes)
    valid = (..., slice(height - 1, sizes[1]), slice(width - 1, sizes[2]))
    pieces = []
    spans = overlapping(steps, block, lag)
    for (start, stop), window in zip(spans, windows(past, spans), strict=True):
        seen = torch.fft.rfftn(replicate_edges(window, height, width), s=lengths, dim=axes)
        product = sum(seen[:, None, i] * spectrum[:, i] for i in range(weight.shape[1]))
        pieces.append(torch.fft.irfftn(product, s=lengths, dim=axes)[:, :, lag - 1 : stop - start][valid])
    return torch.cat(pieces, dim=2)
