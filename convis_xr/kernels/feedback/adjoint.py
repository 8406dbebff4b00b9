"""The feedback loop with its adjoint, for autograd: the same loop with its lags turned round.

What a step hands on goes back to the steps that it read: ``l[k - j] -= w[j] l[k]``, from the last step to the first.
The node keeps past and outputs where the gradient in the weights is wanted, and nothing else but the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..compiled import compiled
from ..memory import empty_like
from ..threads import parallel
from ..tiles import tiles, units
from . import loops


def feedback(x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.feedback`` defines; autograd can follow it once."""
    y, end = _Feedback.apply(x, past, weight)
    return y, end


class _Feedback(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, past: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        y, end = loops.feedback(x, past, weight)
        ctx.save_for_backward(weight, *((past, y) if ctx.needs_input_grad[2] else ()))
        return y, end

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_end: Tensor) -> tuple[Tensor | None, ...]:
        weight, *known = ctx.saved_tensors
        grad, sums = _gradients(grad_y, grad_end, weight, known)
        lags = weight.shape[1]
        grad_weight = sums.unflatten(0, grad_y.shape[:2]).sum((0, 3)) if known else None
        if grad_weight is not None and len(weight) == 1:
            grad_weight = grad_weight.sum(0, keepdim=True)
        return (
            grad[:, :, lags:].contiguous(),
            grad[:, :, :lags].clone(),
            None if grad_weight is None else grad_weight.to(weight.dtype),
        )


def _gradients(grad_y: Tensor, grad_end: Tensor, weight: Tensor, known: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the gradients in the past and, behind it, the movie; and those in the weights, (unit, lag, pixel)."""
    lags, steps = weight.shape[1], grad_y.shape[2]
    grad = empty_like(grad_y.new_empty(1).expand(*grad_y.shape[:2], lags + steps, *grad_y.shape[3:]))
    grad[:, :, :lags] = 0
    grad[:, :, lags:] = grad_y
    grad[:, :, steps:] += grad_end
    memory, taps = units(grad), loops.taps_of(weight, grad_y.shape[1])
    outputs = units(torch.cat(known, 2) if known else grad[:, :, :0])
    sums = np.zeros((len(memory), lags if known else 0, memory.shape[2]))
    parallel(lambda tile: _back(memory, outputs, taps, sums, *tile), tiles(memory, loops.TILE))
    return grad, torch.from_numpy(sums)


@compiled
def _back(memory, outputs, taps, sums, unit, start, stop):  # type: ignore[no-untyped-def]
    """Turn the gradients in the outputs, behind those in the past, into the gradients in the movie, in place."""
    weights = taps[unit % taps.shape[0]]
    lags = weights.shape[0]
    for k in range(memory.shape[1] - 1, lags - 1, -1):
        value = memory[unit, k, start:stop]
        for j in range(1, lags + 1):
            before, weight = memory[unit, k - j, start:stop], weights[j - 1]
            for p in range(stop - start):
                before[p] -= weight * value[p]
        for j in range(1, sums.shape[1] + 1):
            y, total = outputs[unit, k - j, start:stop], sums[unit, j - 1, start:stop]
            for p in range(stop - start):
                total[p] -= value[p] * y[p]
