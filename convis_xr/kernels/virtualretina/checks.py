"""What the recursions of VirtualRetina's convention take: movies in double precision, and states like their frames."""

from __future__ import annotations

import torch
from torch import Tensor


def check_movie(operation: str, x: Tensor, *states: Tensor) -> None:
    """Raise a ValueError where a shape or a dtype does not fit."""
    if x.dim() != 5 or x.dtype != torch.float64 or 0 in x.shape:
        raise ValueError(
            f"{operation}: x: wanted float64 (batch, channel, time, y, x), none of them empty, "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    shape = (*x.shape[:2], *x.shape[3:])
    for state in states:
        if state.shape != shape or state.dtype != x.dtype or state.device != x.device:
            raise ValueError(
                f"{operation}: state: wanted {x.dtype} of shape {shape} on {x.device}, "
                f"got {state.dtype} of shape {tuple(state.shape)} on {state.device}"
            )
