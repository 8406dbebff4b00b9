"""`Events`: spikes one by one, as a layer hands them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from convis_xr.selection import Selection


@dataclass(frozen=True)
class Events:
    """Spikes of one chunk, one entry for each, in any order.

    A layer may give this instead of a tensor for an output whose samples are exact times.

    Parameters
    ----------
    step : Tensor (n,), int64
        Time step within the chunk.
    offset : Tensor (n,), float64 [s]
        Time since the beginning of the step.
    cell : Tensor (n,), int64
        Flat index of (batch, channel, y, x) in ``shape``.
    shape : four int
        Lengths of batch, channel, y and x.

    Examples
    --------
    >>> one = Events(torch.tensor([4]), torch.tensor([0.0005]).double(), torch.tensor([1]), (1, 1, 1, 2))
    >>> Events.join([one, one], [10, 10]).step.tolist()
    [4, 14]
    """

    step: torch.Tensor
    offset: torch.Tensor
    cell: torch.Tensor
    shape: tuple[int, int, int, int]

    @classmethod
    def join(cls, parts: Sequence[Events], lengths: Sequence[int]) -> Events:
        """Those of consecutive chunks of so many steps."""
        begins = [sum(lengths[:k]) for k in range(len(lengths))]
        step = torch.cat([part.step + begin for part, begin in zip(parts, begins, strict=True)])
        offset, cell = (torch.cat([getattr(part, name) for part in parts]) for name in ("offset", "cell"))
        return cls(step, offset, cell, parts[0].shape)

    def within(self, selection: Selection) -> Events:
        """Those of the cells that are selected."""
        *others, height, width = self.shape
        pixels = height * width
        taken, place = selection.places(self.cell % pixels, (height, width))
        empty = selection.take(torch.empty(1, 1, height, width)).shape[-2:]
        cell = self.cell[taken] // pixels * empty.numel() + place
        return Events(self.step[taken], self.offset[taken], cell, (others[0], others[1], *empty))
