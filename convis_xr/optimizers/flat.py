"""The parameters of an optimizer as one vector, and the parts that quasi-Newton methods share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain

#: how often a step is shortened before it is given up
TRIES = 30
#: Armijo's constant: the part of what the slope promises that a step must gain
GAIN = 1e-4


class Flat:
    """Parameters that may be moved, of any shapes and real dtypes, as one vector of the widest dtype among them."""

    def __init__(self, parameters: Sequence[Tensor], who: str) -> None:
        self.parts = [part for part in parameters if part.requires_grad]
        values = sum(part.numel() for part in self.parts)
        if not values or not all(part.is_floating_point() for part in self.parts):
            got = "none" if not values else "complex ones"
            wanted, cure = "real parameters that may be fitted", "parameter.requires_grad_(True) for those that may"
            raise ParameterError(explain(who, wanted=wanted, got=got, cure=cure))
        self.dtype = reduce(torch.promote_types, (part.dtype for part in self.parts))
        #: the one whose dtype no state loses by: torch casts what is kept for a parameter to that parameter's dtype
        self.anchor = max(self.parts, key=lambda part: part.element_size())
        self.device = self.anchor.device

    def get(self) -> Tensor:
        """The values."""
        return torch.cat([self._row(part) for part in self.parts])

    def set(self, values: Tensor) -> None:
        """Write the values."""
        with torch.no_grad():
            sizes = [part.numel() for part in self.parts]
            for part, piece in zip(self.parts, values.split(sizes), strict=True):
                part.copy_(piece.view(part.shape))

    def gradient(self) -> Tensor:
        """The gradients; 0 where the loss does not depend on a parameter."""
        return torch.cat([self._row(torch.zeros_like(p) if p.grad is None else p.grad) for p in self.parts])

    def scales(self) -> Tensor:
        """How large each value is: its own size or the mean one of its parameter, 1 where all of that is 0."""
        rows = []
        for part in self.parts:
            row = self._row(part)
            mean = row.square().mean().sqrt()
            rows.append(torch.maximum(row.abs(), mean if float(mean) > 0 else torch.ones_like(mean)))
        return torch.cat(rows)

    def _row(self, part: Tensor) -> Tensor:
        return part.detach().to(self.device, self.dtype).reshape(-1)


class Trial(NamedTuple):
    """Where a search along a line ended."""

    values: Tensor
    loss: float


def search(
    start: Tensor, loss: float, step: Tensor, slope: float, look: Callable[[Tensor], float], noise: float = 0.0
) -> Trial | None:
    """Shorten a step until it gains what its slope promises (Armijo's rule); None where no length does.

    Parameters
    ----------
    start, step : Tensor (value,)
        Where from, and the first step that is tried.
    loss, slope : float
        Loss at the start, and its derivative along the step, below 0.
    look : callable
        Loss at a place.
    noise : float
        A loss may be off by so much; then a step may lose twice that (Berahas, Byrd & Nocedal 2019, eq. 2.10).

    Notes
    -----
    A loss that is not finite is a step too far. The next length is the minimum of the parabola through what is known,
    between a tenth and a half of the last (Nocedal & Wright 2006, section 3.5).
    """
    length = 1.0
    for _ in range(TRIES):
        values = start + length * step
        found = look(values)
        if math.isfinite(found) and found <= loss + GAIN * length * slope + 2 * noise:
            return Trial(values, found)
        curve = found - loss - length * slope
        best = -slope * length**2 / (2 * curve) if math.isfinite(curve) and curve > 0 else 0.5 * length
        length = min(max(best, 0.1 * length), 0.5 * length)
    return None


def is_trusted(s: Tensor, y: Tensor, gradient: float, caution: float, power: float) -> bool:
    """Whether a step ``s`` and the change ``y`` of the gradient along it shall enter the curvature.

    ``y's / s's >= caution * |gradient|**power`` (Li & Fukushima 2001, SIAM J Optim 11:1054, eq. 2.10): so the curvature
    stays positive and bounded from below, for losses that are not convex too.
    """
    size, bend = float(s @ s), float(y @ s)
    # without caution, too: a straight piece of a loss has no curvature to divide by
    return size > 0 and bend > 0 and bend / size >= caution * gradient**power
