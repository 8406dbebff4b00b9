"""The time recursions with their adjoints, for autograd: one node for a whole chunk, however long it is.

The node keeps the movie and the start state where the gradient in tau or the weight is wanted, and nothing else.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..scalars import Scalar, number
from . import adjoint_loops, loops


def loops_of(route: str) -> ModuleType:
    """Return the loops of a route, "compiled" or "triton"; their adjoints have the same names in `_adjoints_of`."""
    if route == "compiled":
        return loops
    from . import triton_loops  # Triton is loaded when first used

    return triton_loops


def _adjoints_of(route: str) -> ModuleType:
    if route == "compiled":
        return adjoint_loops
    from . import triton_adjoint

    return triton_adjoint


def cascade(x: Tensor, state: Tensor, rate: Tensor, route: str) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.cascade`` defines; autograd can follow it once."""
    y, end = _Cascade.apply(x, state, rate, route)
    return y, end


def high_pass(x: Tensor, state: Tensor, rate: Tensor, weight: Scalar, route: str) -> tuple[Tensor, Tensor]:
    """Compute what ``reference.high_pass`` defines; autograd can follow it once."""
    y, end = _HighPass.apply(x, state, rate, weight, route)
    return y, end


class _Cascade(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, rate: Tensor, route: str) -> tuple[Tensor, Tensor]:
        ctx.rate, ctx.route = rate.detach(), route
        ctx.save_for_backward(*((x, state) if ctx.needs_input_grad[2] else ()))
        return loops_of(route).cascade(x, state, number(rate))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_end: Tensor) -> tuple[Tensor | None, ...]:
        wants_x, _, wants_rate, _ = ctx.needs_input_grad
        entered = ctx.saved_tensors or None
        grad_x, grad_state, slope = _adjoints_of(ctx.route).cascade(
            grad_y, grad_end, number(ctx.rate), entered, wants_x
        )
        return grad_x, grad_state, ctx.rate.new_tensor(slope) if wants_rate else None, None


class _HighPass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, rate: Tensor, weight: Scalar, route: str) -> tuple[Tensor, Tensor]:
        ctx.rate, ctx.weight = rate.detach(), weight.detach() if isinstance(weight, Tensor) else weight
        ctx.route = route
        ctx.save_for_backward(*((x, state) if any(ctx.needs_input_grad[2:4]) else ()))
        return loops_of(route).high_pass(x, state, number(rate), number(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_end: Tensor) -> tuple[Tensor | None, ...]:
        wants_x, _, wants_rate, wants_weight, _ = ctx.needs_input_grad
        grad_x, grad_state, in_rate, in_weight = _adjoints_of(ctx.route).high_pass(
            grad_y, grad_end, number(ctx.rate), number(ctx.weight), ctx.saved_tensors or None, wants_x
        )
        grad_rate = ctx.rate.new_tensor(in_rate) if wants_rate else None
        return grad_x, grad_state, grad_rate, ctx.weight.new_tensor(in_weight) if wants_weight else None, None
