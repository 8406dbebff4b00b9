"""The weighted difference with its adjoint, for autograd: both factors times the gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..memory import empty_like
from ..scalars import Scalar, number
from . import loops

#: Values that are added up in their own dtype; the sums of pieces are added up in float64.
_PIECE = 1 << 14


def weighted_difference(center: Tensor, surround: Tensor, gain: Scalar, weight: Scalar) -> Tensor:
    """Compute what ``reference.weighted_difference`` defines; autograd can follow it once."""
    y: Tensor = _WeightedDifference.apply(center, surround, gain, weight)
    return y


class _WeightedDifference(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, center: Tensor, surround: Tensor, gain: Scalar, weight: Scalar) -> Tensor:
        ctx.scalars = [value.detach() if isinstance(value, Tensor) else value for value in (gain, weight)]
        ctx.save_for_backward(*((center, surround) if any(ctx.needs_input_grad[2:]) else ()))
        return loops.weighted_difference(center, surround, number(gain), number(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gain, weight = (number(value) for value in ctx.scalars)
        wants_center, wants_surround, *wants_scalars = ctx.needs_input_grad
        in_center = torch.mul(grad, gain, out=empty_like(grad)) if wants_center else None
        in_surround = torch.mul(grad, -gain * weight, out=empty_like(grad)) if wants_surround else None
        if not any(wants_scalars):
            return in_center, in_surround, None, None
        by_center, by_surround = (_product(grad, entered) for entered in ctx.saved_tensors)
        slopes = by_center - weight * by_surround, -gain * by_surround
        in_scalars = (
            like.new_tensor(slope) if wanted else None
            for like, slope, wanted in zip(ctx.scalars, slopes, wants_scalars, strict=True)
        )
        return in_center, in_surround, *in_scalars


def _product(a: Tensor, b: Tensor) -> float:
    """Return ``sum(a * b)``."""
    pairs = zip(a.flatten().split(_PIECE), b.detach().flatten().split(_PIECE), strict=True)
    return sum(float(torch.dot(one, other)) for one, other in pairs)
