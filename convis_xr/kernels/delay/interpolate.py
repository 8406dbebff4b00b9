"""Delays as slices of the past, or, where each pixel has its own, as a gather."""

from __future__ import annotations

import torch
from torch import Tensor


def delay(past: Tensor, frames: int, steps: Tensor) -> Tensor:
    """Compute what ``reference.delay`` defines."""
    whole = steps.detach().floor()
    part = (steps - whole).to(past.dtype)
    wants_gradient = part.requires_grad and torch.is_grad_enabled()
    if not wants_gradient and not bool(part.any()):
        return _at(past, frames, whole)
    later, earlier = _at(past, frames, whole), _at(past, frames, whole + 1)
    between = later + part * (earlier - later)  # a constant is reproduced to the bit
    # where nothing is to be mixed, what is not finite must not be mixed either: 0 * inf
    return between if wants_gradient else torch.where(part == 0, later, between)


def _at(past: Tensor, frames: int, whole: Tensor) -> Tensor:
    """The movie ``whole`` samples ago."""
    length = past.shape[2] - frames
    if whole.dim() == 0:
        start = frames - int(whole)
        return past[:, :, start : start + length].clone()
    first = frames - whole.to(torch.int64)
    index = first + torch.arange(length, device=past.device)[:, None, None]
    return past.gather(2, index.expand(*past.shape[:2], -1, -1, -1))
