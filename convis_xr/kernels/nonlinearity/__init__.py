"""The ganglion cells' static nonlinearity (Wohrer & Kornprobst 2009, eq. 14)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..scalars import Scalar, number
from . import reference

__all__ = ["check_nonlinearity", "ganglion_nonlinearity"]


def ganglion_nonlinearity(v: Tensor, threshold: Scalar, baseline: Scalar, slope: Scalar) -> Tensor:
    """Turn the drive of ganglion cells into a current: linear above a threshold, and never negative.

    Parameters
    ----------
    v : Tensor of any shape, dimensionless
        What drives the cells.
    threshold : float or 0-d Tensor, dimensionless
        v0, where the linear part begins.
    baseline : float or 0-d Tensor, Hz
        i0, the current at the threshold.
    slope : float or 0-d Tensor, Hz
        lambda, the slope above it.

    Returns
    -------
    Tensor, as v, Hz
        ``i0 + lambda (v - v0)`` for ``v >= v0``, else ``i0^2 / (i0 - lambda (v - v0))``, which goes on with the same
        slope and tends to 0; with ``i0 = 0`` it is 0.

    Raises
    ------
    ValueError
        If a parameter is not finite, or `baseline` or `slope` is negative: the current would have a pole.

    Examples
    --------
    >>> ganglion_nonlinearity(torch.tensor([-0.5, 0.0, 0.5]), 0.0, 50.0, 100.0)
    tensor([ 25.,  50., 100.])
    """
    values = check_nonlinearity("ganglion_nonlinearity", threshold, baseline, slope)
    operands = v, threshold, baseline, slope
    route = choose("ganglion_nonlinearity", *operands, triton=not gradient_wanted(*operands), adjoint=True)
    if route == "reference":
        return reference.ganglion_nonlinearity(v, *values)
    if route == "torch":
        return _torch(
            v, *(torch.as_tensor(value, dtype=v.dtype, device=v.device) for value in (threshold, baseline, slope))
        )
    if route == "triton":
        from . import triton_loops  # Triton is loaded when first used

        return triton_loops.ganglion_nonlinearity(v, *values)
    from . import adjoint, loops  # numba is loaded when first used

    if gradient_wanted(*operands):
        return adjoint.ganglion_nonlinearity(*operands)
    return loops.ganglion_nonlinearity(v, *values)


def check_nonlinearity(
    operation: str, threshold: Scalar, baseline: Scalar, slope: Scalar
) -> tuple[float, float, float]:
    """Return the parameters as numbers, or raise a ValueError that names what does not fit."""
    values = number(threshold), number(baseline), number(slope)
    for name, value in zip(("threshold", "baseline", "slope"), values, strict=True):
        if not math.isfinite(value) or (value < 0 and name != "threshold"):
            wanted = "a finite number" if name == "threshold" else "a finite number of 0 or more"
            raise ValueError(f"{operation}: {name}: wanted {wanted}, got {value}")
    return values


def _torch(v: Tensor, threshold: Tensor, baseline: Tensor, slope: Tensor) -> Tensor:
    rise = slope * (v - threshold)
    above = v >= threshold
    # Where a branch is not taken, its gradient must be 0 and not 0 * inf: so no denominator may vanish.
    below = torch.where(above | (rise == baseline), 1, baseline - rise)
    return torch.where(above, baseline + rise, torch.where(rise == baseline, baseline, baseline**2 / below))
