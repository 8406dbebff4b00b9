"""Events of a layer: joined in time, narrowed in space."""

from __future__ import annotations

import torch

from convis_xr.events import Events
from convis_xr.selection import Box, Pixels

SHAPE = (2, 3, 4, 5)


def spikes(number: int = 200, steps: int = 10) -> Events:
    draw = torch.Generator().manual_seed(1)
    cell = torch.randint(0, 2 * 3 * 4 * 5, (number,), generator=draw)
    step = torch.randint(0, steps, (number,), generator=draw)
    return Events(step, torch.rand(number, generator=draw, dtype=torch.float64), cell, SHAPE)


def counts(events: Events, steps: int = 10) -> torch.Tensor:
    made = torch.zeros(*events.shape[:2], steps, *events.shape[2:], dtype=torch.int64)
    flat = made.movedim(2, 0).reshape(steps, -1)
    flat.index_put_((events.step, events.cell), torch.ones(len(events.step), dtype=torch.int64), accumulate=True)
    return flat.view(steps, *events.shape).movedim(0, 2)


def test_parts_are_joined_in_time() -> None:
    parts = [spikes(30, 4), spikes(50, 7)]
    whole = Events.join(parts, [4, 7])
    assert torch.equal(counts(whole, 11), torch.cat([counts(parts[0], 4), counts(parts[1], 7)], 2))


def test_what_is_selected_is_what_frames_of_counts_would_give() -> None:
    events = spikes()
    for selection in (Box(1, 2, 2, 3), Pixels((0, 3, 0), (4, 1, 4))):
        taken = events.within(selection)
        assert torch.equal(counts(taken), selection.take(counts(events)))
        assert set(taken.offset.tolist()) <= set(events.offset.tolist())
