"""Centre minus surround."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..scalars import Scalar, number
from . import reference

__all__ = ["weighted_difference"]


def weighted_difference(center: Tensor, surround: Tensor, gain: Scalar, weight: Scalar) -> Tensor:
    """Subtract a surround from a centre, both amplified.

    Parameters
    ----------
    center, surround : Tensor of one shape, in one unit
        What is compared.
    gain : float or 0-d Tensor
        Amplification of both.
    weight : float or 0-d Tensor, dimensionless
        Weight of the surround.

    Returns
    -------
    Tensor, as center
        ``gain (center - weight surround)``.

    Raises
    ------
    ValueError
        If the two differ in shape, dtype or device.

    Examples
    --------
    >>> weighted_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]), 10.0, 0.5)
    tensor([ 5., 15.])
    """
    if (center.shape, center.dtype, center.device) != (surround.shape, surround.dtype, surround.device):
        raise ValueError(
            f"weighted_difference: surround: wanted {center.dtype} of shape {tuple(center.shape)} on {center.device}, "
            f"got {surround.dtype} of shape {tuple(surround.shape)} on {surround.device}"
        )
    operands = center, surround, gain, weight
    route = choose("weighted_difference", *operands, triton=not gradient_wanted(*operands), adjoint=True)
    if route == "torch":
        a, b = (torch.as_tensor(factor, dtype=center.dtype, device=center.device) for factor in (gain, gain * weight))
        return a * center - b * surround
    if route == "reference":
        return reference.weighted_difference(center, surround, number(gain), number(weight))
    if route == "triton":
        from . import triton_loops  # Triton is loaded when first used

        return triton_loops.weighted_difference(center, surround, number(gain), number(weight))
    from . import adjoint, loops  # numba is loaded when first used

    if gradient_wanted(*operands):
        return adjoint.weighted_difference(*operands)
    return loops.weighted_difference(center, surround, number(gain), number(weight))
