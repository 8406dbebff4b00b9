"""Weighted means, squares and products of two series, from parts that merge to those of the whole.

Chan, Golub & LeVeque 1983 (Am Stat 37:242): deviations are taken from the mean of each part, so that nothing is lost
where a mean is large beside its spread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convis_xr.analysis.scores.reduction import Floats, Sums

#: sum of the weights w and of their squares, means of x and y, sums of w (x - mean)^2, w (y - mean)^2 and of products
COMOMENTS = ("weight", "weight_squared", "mean_x", "mean_y", "xx", "yy", "xy")


def comoments(weight: Floats, x: Floats, y: Floats, axis: int) -> dict[str, Floats]:
    """Of a part; where the weight is 0, x and y may be anything but must not be missing from the axis."""
    used = weight > 0
    x, y = np.where(used, x, 0.0), np.where(used, y, 0.0)
    total = weight.sum(axis, keepdims=True)
    mean_x, mean_y = (_ratio((weight * one).sum(axis, keepdims=True), total) for one in (x, y))
    dx, dy = (np.where(used, one - mean, 0.0) for one, mean in ((x, mean_x), (y, mean_y)))
    sums = {"weight": weight, "weight_squared": weight**2, "xx": weight * dx * dx, "yy": weight * dy * dy}
    sums["xy"] = weight * dx * dy
    made = {name: value.sum(axis) for name, value in sums.items()}
    return made | {"mean_x": mean_x.squeeze(axis), "mean_y": mean_y.squeeze(axis)}


def merged(parts: Sums) -> dict[str, Any]:
    """Of the whole, from parts along the last axis. A mean of nothing is 0."""
    weight = parts["weight"]
    total = weight.sum(-1)
    means = {name: (weight * parts[name]).sum(-1) / _at_least_one(total, weight) for name in ("mean_x", "mean_y")}
    dx, dy = (parts[name] - means[name][..., None] for name in ("mean_x", "mean_y"))
    made = {"weight": total, "weight_squared": parts["weight_squared"].sum(-1), **means}
    made["xx"] = (parts["xx"] + weight * dx * dx).sum(-1)
    made["yy"] = (parts["yy"] + weight * dy * dy).sum(-1)
    made["xy"] = (parts["xy"] + weight * dx * dy).sum(-1)
    return made


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _at_least_one(total: Any, weight: Any) -> Any:
    """A divisor: 1 where there is no weight at all."""
    return total + (total == 0)
