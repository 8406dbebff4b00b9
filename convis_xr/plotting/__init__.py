"""Labelled data in, holoviews pictures out, for bokeh and matplotlib. Imported lazily.

However long the recording is, a picture reads a bounded number of its time steps: no more than it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.plotting.film_strip import frames as frames
    from convis_xr.plotting.impulse import impulse_space as impulse_space
    from convis_xr.plotting.impulse import impulse_time as impulse_time
    from convis_xr.plotting.matrix import matshow as matshow
    from convis_xr.plotting.overview import plot as plot
    from convis_xr.plotting.spike_raster import raster as raster
    from convis_xr.plotting.time_course import lines as lines

_WHERE = {
    "frames": "film_strip",
    "impulse_space": "impulse",
    "impulse_time": "impulse",
    "lines": "time_course",
    "matshow": "matrix",
    "plot": "overview",
    "raster": "spike_raster",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
