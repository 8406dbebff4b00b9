"""Models, and a user's own."""

from __future__ import annotations

import torch

import convis_xr as cx
from tests.properties.cases.case import Case


class Stack(cx.Layer):
    """A user's own model, with plain torch within."""

    def __init__(self) -> None:
        super().__init__()
        self.first = cx.filters.LowPass("7 ms")
        self.mix = torch.nn.Conv3d(2, 3, 1)
        self.last = cx.filters.Conv3d(3, (6, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.last(self.mix(self.first(x))))


CASES = [
    Case("LN", lambda: cx.models.LN((5, 3, 3), in_channels=2), rounding=True),
    Case("LN, one cell", lambda: cx.models.LN((5, 4, 4), population=False, in_channels=2), rounding=True),
    # plain torch modules compute in their own precision
    Case("a user's own", Stack, rounding=True, smooth=False, close=False),
]
