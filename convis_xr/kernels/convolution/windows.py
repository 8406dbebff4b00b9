"""Windows of time for autograd, at a cost that is linear in their lengths.

The gradient of a slice is as long as what was sliced: of a movie cut into n windows, n movies of zeros. Here all of
them are one node, whose gradient is added up in one movie. They can be followed any number of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Spans = Sequence[tuple[int, int]]


def overlapping(steps: int, block: int, lag: int) -> Spans:
    """Return the spans of `past` that blocks of so many outputs are made of: each needs lag - 1 frames before it."""
    return [(start, min(start + block, steps) + lag - 1) for start in range(0, steps, block)]


def windows(past: Tensor, spans: Spans) -> Sequence[Tensor]:
    """Return ``past[:, :, start:stop]`` for each span (start, stop) of axis 2; windows may overlap."""
    return _Windows.apply(past, spans)  # type: ignore[no-any-return]


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, past: Tensor, spans: Spans) -> tuple[Tensor, ...]:
        ctx.spans, ctx.length = spans, past.shape[2]
        return tuple(past[:, :, start:stop] for start, stop in spans)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Overlaid.apply(ctx.spans, ctx.length, *gradients), None


class _Overlaid(torch.autograd.Function):
    """The adjoint of windows: they are added up where they came from."""

    @staticmethod
    def forward(ctx: Any, spans: Spans, length: int, *parts: Tensor) -> Tensor:
        ctx.spans = spans
        whole = parts[0].new_zeros(*parts[0].shape[:2], length, *parts[0].shape[3:])
        for (start, stop), part in zip(spans, parts, strict=True):
            whole[:, :, start:stop] += part
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *_Windows.apply(gradient, ctx.spans)
