"""VirtualRetina's static nonlinearity of ganglion cells: that of the paper, with a soft ceiling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dispatch import choose
from ..nonlinearity import check_nonlinearity, ganglion_nonlinearity
from ..scalars import Scalar, number
from . import reference
from .ceiling import CEILING


def ceiled_current(v: Tensor, threshold: Scalar, baseline: Scalar, slope: Scalar) -> Tensor:
    """Turn the drive of ganglion cells into a current, as `kernels.nonlinearity` does, but below a ceiling.

    Parameters
    ----------
    v, threshold, baseline, slope
        As in `kernels.nonlinearity.ganglion_nonlinearity`.

    Returns
    -------
    Tensor, as v, Hz
        ``i0 + y/(1 + y/(5e5 - i0))`` with ``y = lambda (v - v0)`` for ``v >= v0``: the whole current stays below 5e5
        Hz. Below the threshold what the paper says.

    Raises
    ------
    ValueError
        As in `kernels.nonlinearity.ganglion_nonlinearity`; or the baseline leaves no room below the ceiling.

    Examples
    --------
    >>> ceiled_current(torch.tensor([-0.5, 0.0, 50.0]), 0.0, 50.0, 100.0)
    tensor([  25.0000,   50.0000, 5000.4902])
    """
    check_nonlinearity("ceiled_current", threshold, baseline, slope)
    if number(baseline) >= CEILING:
        raise ValueError(f"ceiled_current: baseline: wanted less than {CEILING:g} Hz, got {number(baseline)}")
    route = choose("ceiled_current", v, threshold, baseline, slope)
    if route == "reference":
        flat = v.detach().double().cpu().numpy()
        values = reference.current_of(flat, number(threshold), number(baseline), number(slope))
        return torch.from_numpy(values).to(v)
    if route == "torch":
        return _torch(v, ganglion_nonlinearity(v, threshold, baseline, slope), threshold, baseline, slope)
    from . import loops  # numba is loaded when first used

    return loops.ceiled_current(v, number(threshold), number(baseline), number(slope))


def _torch(v: Tensor, below: Tensor, threshold: Scalar, baseline: Scalar, slope: Scalar) -> Tensor:
    start, floor, steep = (
        torch.as_tensor(value, dtype=v.dtype, device=v.device) for value in (threshold, baseline, slope)
    )
    # Held at 0 where it does not count: so its denominator never vanishes there.
    rise = (steep * (v - start)).clamp(min=0)
    return torch.where(v >= start, floor + rise / (1 + rise / (CEILING - floor)), below)
