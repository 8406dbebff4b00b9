"""The Gaussian blur with its adjoint, for autograd: the blur by the transposed matrices.

They are as narrow as the blur's own and pass through the same loop. The frames are kept only where the gradient in a
sigma is wanted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..scalars import Scalar, number
from . import adjoint_loops, loops


def blur(x: Tensor, sigma_px: tuple[Scalar, Scalar]) -> Tensor:
    """Compute what ``reference.blur`` defines; autograd can follow it once."""
    y: Tensor = _Blur.apply(x, *sigma_px)
    return y


class _Blur(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *sigmas: Scalar) -> Tensor:
        ctx.sigmas = [sigma.detach() if isinstance(sigma, Tensor) else sigma for sigma in sigmas]
        ctx.save_for_backward(*((x,) if any(ctx.needs_input_grad[1:]) else ()))
        return loops.blur(x, (number(sigmas[0]), number(sigmas[1])))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        wants_x, *wants_sigmas = ctx.needs_input_grad
        if not any(wants_sigmas):
            return loops.between(grad, *loops.bands(grad, ctx.sigmas, "turned")), None, None
        grad_x, slopes = adjoint_loops.blur(grad, ctx.saved_tensors[0], ctx.sigmas, wants_x)
        in_sigmas = (
            sigma.new_tensor(slope) if wanted else None
            for sigma, slope, wanted in zip(ctx.sigmas, slopes, wants_sigmas, strict=True)
        )
        return grad_x, *in_sigmas
