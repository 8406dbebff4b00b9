"""Lengths in time and in space, given as quantities or left to the evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from convis_xr import dims
from convis_xr.analysis.fields.normal_equations import Floats, Normal
from convis_xr.errors import ParameterError, explain
from convis_xr.sampling import Sampling
from convis_xr.units import is_bare, magnitude

#: the dimensions that a length is for, by the argument that gives it
KINDS = {"time": (dims.TIME,), "space": dims.SPACE}


class Lengths:
    """One length in time and one in space, in samples of each dimension of a window.

    Parameters
    ----------
    normal : Normal
    time, space : quantity or number, optional
        A bare number counts samples (pixels of the x pitch); None is free.
    low, high : float
        Bounds of a free length: samples, and parts of the window's size.
    """

    def __init__(self, normal: Normal, time: Any, space: Any, low: float, high: float) -> None:
        window = normal.window
        sampling = Sampling.of(window)
        pixel = sampling.pixel_deg or (np.nan, np.nan)
        self.pitch = {dims.TIME: sampling.dt_s or np.nan, dims.Y: pixel[0], dims.X: pixel[1]}
        self.sizes = {str(dim): size for dim, size in window.sizes.items()}
        long = {dim for dim, size in self.sizes.items() if size > 1}
        self._given = {"time": _given(time, "time", sampling), "space": _given(space, "space", sampling)}
        extents = {kind: max((self.sizes[dim] for dim in at if dim in long), default=0) for kind, at in KINDS.items()}
        #: kinds that are hyperparameters
        self.free = [kind for kind, extent in extents.items() if extent and self._given[kind] is None]
        self.bounds = [(float(np.log(low)), float(np.log(high * extents[kind]))) for kind in self.free]
        self.extents = extents
        at = {"length_time": (dims.TIME, "s"), "length_space": (dims.X, "degree")}
        self._told = {key: dim for key, (dim, _) in at.items() if dim in self.sizes}
        #: unit and long name of what is told
        self.words = {key: (at[key][1], key.replace("_", " in ")) for key in self._told}

    def start(self, part: float, least: float) -> Floats:
        """Free lengths that are a part of the window, and a number of samples at least."""
        return np.log([max(least, part * self.extents[kind]) for kind in self.free])

    def samples(self, theta: Tensor | Floats) -> dict[str, Any]:
        """The length along each dimension, in its own samples, for the logarithms of the free ones."""
        by_kind: dict[str, Any] = {kind: value for kind, value in self._given.items() if value is not None}
        for value, kind in zip(theta, self.free, strict=True):
            by_kind[kind] = value.exp() if isinstance(value, Tensor) else float(np.exp(value))
        found = {}
        for kind, at in KINDS.items():
            for dim in at:
                if dim in self.sizes:
                    aspect = self.pitch[dims.X] / self.pitch[dims.Y] if dim == dims.Y else 1.0
                    found[dim] = by_kind.get(kind, 1.0) * aspect
        return found

    def told(self, theta: Floats) -> dict[str, float]:
        """Lengths in s and degree."""
        at = self.samples(theta)
        return {key: float(at[dim]) * self.pitch[dim] for key, dim in self._told.items()}


def _given(value: Any, name: str, sampling: Sampling) -> float | None:
    """In samples."""
    if value is None:
        return None
    if is_bare(value):
        length = magnitude(value, "dimensionless", name)
    elif name == "time":
        length = magnitude(value, "time", name) / sampling.need_dt(name)
    else:
        length = sampling.pixels(value, name)
    if length < 0:
        raise ParameterError(explain(name, wanted="a length of 0 or more", got=repr(value), cure=f"{name}=None"))
    return length
