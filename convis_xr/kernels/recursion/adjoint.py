"""The time recursions with their adjoints, for autograd: one node for a whole chunk, however long it is.

The node keeps the movie and the start state where the gradient in tau or the weight is wanted, and nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..scalars import Scalar, number
from . import adjoint_loops, loops


def cascade(x: Tensor, state: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.cascade`` defines; autograd can follow it once."""
    y, end = _Cascade.apply(x, state, rate)
    return y, end


def high_pass(x: Tensor, state: Tensor, rate: Tensor, weight: Scalar) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.high_pass`` defines; autograd can follow it once."""
    y, end = _HighPass.apply(x, state, rate, weight)
    return y, end


class _Cascade(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        ctx.rate = number(rate)
        ctx.save_for_backward(*((x, state, rate) if ctx.needs_input_grad[2] else ()))
        return loops.cascade(x, state, ctx.rate)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_end: Tensor) -> tuple[Tensor | None, ...]:
        x, state, rate = ctx.saved_tensors or (None, None, None)
        entered = None if x is None else (x, state)
        grad_x, grad_state, slope = adjoint_loops.cascade(grad_y, grad_end, ctx.rate, entered, ctx.needs_input_grad[0])
        return grad_x, grad_state, None if rate is None else rate.new_tensor(slope)


class _HighPass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, rate: Tensor, weight: Scalar) -> tuple[Tensor, Tensor]:
        ctx.numbers = number(rate), number(weight)
        ctx.scalars = rate.detach(), weight.detach() if isinstance(weight, Tensor) else None
        ctx.save_for_backward(*((x, state) if any(ctx.needs_input_grad[2:]) else ()))
        return loops.high_pass(x, state, *ctx.numbers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_end: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_state, *slopes = adjoint_loops.high_pass(
            grad_y, grad_end, *ctx.numbers, ctx.saved_tensors or None, ctx.needs_input_grad[0]
        )
        in_scalars = (
            like.new_tensor(slope) if wanted else None
            for like, slope, wanted in zip(ctx.scalars, slopes, ctx.needs_input_grad[2:], strict=True)
        )
        return grad_x, grad_state, *in_scalars
