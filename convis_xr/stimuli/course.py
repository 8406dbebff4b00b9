"""Time courses made of segments, each a level with a flicker about it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from convis_xr.stimuli.canvas import Canvas


class Segment(NamedTuple):
    """``level + (contrast[0] to contrast[1]) sin(phase)``, its frequency going from ``hertz[0]`` to ``hertz[1]``."""

    steps: int
    level: float = 0.0
    contrast: tuple[float, float] = (0.0, 0.0)
    hertz: tuple[float, float] = (0.0, 0.0)


def paint_course(
    canvas: Canvas, segments: list[Segment], long_name: str, contrast: float, attrs: dict[str, Any], disc: Any = None
) -> xr.DataArray:
    """Paint segments one after the other, over the full field or where ``disc`` is (elsewhere the background)."""
    kept = tuple(segment for segment in segments if segment.steps)
    mask = None if disc is None else partial(disc, *canvas.plane)
    signal = partial(_levels, segments=kept, dt=canvas.dt, ground=float(attrs.get("background", 0.0)), mask=mask)
    return canvas.paint(signal, long_name, contrast=contrast, **attrs)


def _levels(
    index: np.ndarray[Any, Any], *, segments: tuple[Segment, ...], dt: float, ground: float, mask: Any
) -> np.ndarray[Any, Any]:
    ends = np.cumsum([0, *(segment.steps for segment in segments)])
    values = np.zeros(len(index))
    for segment, (first, last) in zip(segments, pairwise(ends), strict=True):
        here = (index >= first) & (index < last)
        if here.any():
            values[here] = _segment((index[here] - first) * dt, segment, dt)
    course = values[:, None, None]
    return course if mask is None else ground + (course - ground) * mask()


def _segment(t: np.ndarray[Any, Any], segment: Segment, dt: float) -> np.ndarray[Any, Any]:
    length = segment.steps * dt
    (from_contrast, to_contrast), (from_hertz, to_hertz) = segment.contrast, segment.hertz
    cycles = from_hertz * t + (to_hertz - from_hertz) * t * t / (2 * length)
    return segment.level + (from_contrast + (to_contrast - from_contrast) * t / length) * np.sin(
        2 * np.pi * (cycles % 1.0)
    )
