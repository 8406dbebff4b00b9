"""Physical numbers that may be fitted: a float, or a 0-d tensor that autograd follows."""

from __future__ import annotations

from torch import Tensor

Scalar = float | Tensor


def number(value: Scalar) -> float:
    """Return the value alone, cut from any graph.

    Parameters
    ----------
    value : float or 0-d Tensor
        The number.

    Returns
    -------
    float
        Its value.

    Examples
    --------
    >>> import torch
    >>> number(torch.tensor(0.5, requires_grad=True))
    0.5
    """
    return float(value.detach() if isinstance(value, Tensor) else value)
