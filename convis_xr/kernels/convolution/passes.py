"""Low rank in torch: the passes of ``low_rank``, for where the compiled loops cannot serve."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import direct
from .low_rank import decompose


def convolve(past: Tensor, weight: Tensor) -> Tensor:
    """Compute what ``reference.causal_convolution`` defines; nothing goes back to the weight."""
    precise = weight.detach().cpu().to(torch.float64 if weight.dtype == torch.float64 else torch.float32)
    steps = past.shape[2] - weight.shape[2] + 1
    y = past.new_zeros(past.shape[0], weight.shape[0], steps, *past.shape[3:])
    made = []
    for o, inputs in enumerate(decompose(np.ascontiguousarray(precise.numpy()))):
        total = y[:, o : o + 1]
        for i, products in enumerate(inputs):
            for product in products:
                course, along_y, along_x = (torch.from_numpy(part).to(weight) for part in product)
                frames = direct.convolve(past[:, i : i + 1], course.view(1, 1, -1, 1, 1))
                for rows, columns in zip(along_y, along_x, strict=True):
                    upright = direct.convolve(frames, rows.view(1, 1, 1, -1, 1))
                    total = total + direct.convolve(upright, columns.view(1, 1, 1, 1, -1))
        made.append(total)
    return torch.cat(made, dim=1)
