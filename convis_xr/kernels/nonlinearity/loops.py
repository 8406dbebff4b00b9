"""The static nonlinearity as a compiled loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled, compiled_inline
from ..memory import empty_like
from ..threads import parallel, split

_PIECE = 1 << 16


class Nonlinearity(NamedTuple):
    """Threshold v0, baseline i0 and slope lambda, in the dtype of the values."""

    threshold: Any
    baseline: Any
    slope: Any

    @classmethod
    def of(cls, dtype: np.dtype[Any], threshold: float, baseline: float, slope: float) -> Nonlinearity:
        """Round the parameters to a dtype."""
        return cls(dtype.type(threshold), dtype.type(baseline), dtype.type(slope))


def ganglion_nonlinearity(v: Tensor, threshold: float, baseline: float, slope: float) -> Tensor:
    """Compute what ``reference.ganglion_nonlinearity`` defines."""
    v = v.detach().contiguous()
    out = empty_like(v)
    values, currents = v.numpy().reshape(-1), out.numpy().reshape(-1)
    n = Nonlinearity.of(values.dtype, threshold, baseline, slope)
    pieces = split(values.size, min(torch.get_num_threads(), -(-values.size // _PIECE)))
    parallel(lambda piece: _fill(values, currents, n, *piece), pieces)
    return out


@compiled
def _fill(v, out, n, start, stop):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        out[i] = current_of(v[i], n)


@compiled_inline
def current_of(v, n):  # type: ignore[no-untyped-def]
    """Return N(v)."""
    rise = n.slope * (v - n.threshold)
    # Without slope and baseline both branches are 0, and the lower one is 0/0.
    low = n.baseline * n.baseline / (n.baseline - rise)
    low = n.baseline if rise == n.baseline else low
    return n.baseline + rise if v >= n.threshold else low
