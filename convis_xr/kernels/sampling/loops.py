"""Bilinear sampling as a compiled loop: each frame is looked at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..threads import parallel, split


def bilinear(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Compute what ``reference.bilinear`` defines."""
    height, width = x.shape[-2:]
    frames = x.detach().contiguous().view(-1, height, width).numpy()
    row = rows.detach().clamp(0, height - 1).numpy()
    column = columns.detach().clamp(0, width - 1).numpy()
    corners = [side(place).astype(np.int64) for place in (row, column) for side in (np.floor, np.ceil)]
    down, across = (
        (place - corner).astype(frames.dtype) for place, corner in ((row, corners[0]), (column, corners[2]))
    )
    out = np.empty((len(frames), len(row)), frames.dtype)
    parallel(
        lambda piece: _sample(frames, out, *corners, down, across, *piece), split(len(frames), torch.get_num_threads())
    )
    return torch.from_numpy(out).view(*x.shape[:-2], len(row))


@compiled
def _sample(x, out, top, bottom, left, right, down, across, start, stop):  # type: ignore[no-untyped-def]
    for k in range(start, stop):
        for n in range(len(top)):
            first, second = x[k, top[n], left[n]], x[k, bottom[n], left[n]]
            above = first + across[n] * (x[k, top[n], right[n]] - first)
            below = second + across[n] * (x[k, bottom[n], right[n]] - second)
            out[k, n] = above + down[n] * (below - above)
