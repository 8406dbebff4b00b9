"""The static nonlinearity with its adjoint, for autograd. It keeps what entered the forward pass, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..compiled import compiled
from ..memory import empty_like
from ..scalars import Scalar, number
from ..threads import parallel, split
from . import loops

#: Values whose share in the gradients of the parameters is added up together: these sums do not depend on threads.
_PIECE = 1 << 16

#: Sums that run beside each other, along vectors.
_LANES = 1024


def ganglion_nonlinearity(v: Tensor, threshold: Scalar, baseline: Scalar, slope: Scalar) -> Tensor:
    """Compute what ``reference.ganglion_nonlinearity`` defines; autograd can follow it once."""
    current: Tensor = _Nonlinearity.apply(v, threshold, baseline, slope)
    return current


class _Nonlinearity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, v: Tensor, *parameters: Scalar) -> Tensor:
        ctx.parameters = [value.detach() if isinstance(value, Tensor) else value for value in parameters]
        ctx.save_for_backward(v)
        return loops.ganglion_nonlinearity(v, *(number(value) for value in parameters))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_v, sums = _gradients(grad, ctx.saved_tensors[0], [number(value) for value in ctx.parameters])
        wants_v, *wanted = ctx.needs_input_grad
        in_parameters = (
            like.new_tensor(total) if wants else None
            for like, total, wants in zip(ctx.parameters, sums, wanted, strict=True)
        )
        return grad_v if wants_v else None, *in_parameters


def _gradients(grad: Tensor, v: Tensor, parameters: list[float]) -> tuple[Tensor, list[float]]:
    grad, v = grad.contiguous(), v.detach().contiguous()
    grad_v = empty_like(v)
    grads, values, out = (tensor.numpy().reshape(-1) for tensor in (grad, v, grad_v))
    n = loops.Nonlinearity.of(values.dtype, *parameters)
    pieces = split(values.size, -(-values.size // _PIECE))
    sums = parallel(lambda piece: _fill(grads, values, out, n, *piece), pieces)
    return grad_v, [sum(column) for column in zip(*sums, strict=True)] or [0.0, 0.0, 0.0]


@compiled
def _fill(grads, v, out, n, start, stop):  # type: ignore[no-untyped-def]
    """Write the gradient in v, and return the sums of those in threshold, baseline and slope.

    With ``q = i0 / (i0 - lambda (v - v0))`` below the threshold, and 1 above, the derivatives are ``lambda q^2`` in v,
    ``q (2 - q)`` in the baseline, and ``q^2 (v - v0)`` in the slope.
    """
    sums, zero, one = np.zeros((3, _LANES)), v.dtype.type(0), v.dtype.type(1)
    for first in range(start, stop, _LANES):
        for j in range(min(_LANES, stop - first)):
            g, lift = grads[first + j], v[first + j] - n.threshold
            rise, above = n.slope * lift, v[first + j] >= n.threshold
            q = n.baseline / (n.baseline - rise)
            # Where slope and baseline are 0 the fraction is 0/0, and the current 0 whatever the slope.
            flat = not above and rise == n.baseline
            q, lift = one if above or flat else q, zero if flat else lift
            weight = g * q
            in_v = weight * q * n.slope
            out[first + j] = in_v
            sums[0, j] -= in_v
            sums[1, j] += weight * (2 - q)
            sums[2, j] += weight * q * lift
    return sums[0].sum(), sums[1].sum(), sums[2].sum()
