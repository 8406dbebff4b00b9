"""Labelled data in, holoviews pictures out, for bokeh and matplotlib. Imported lazily.

However long the recording is, a picture reads a bounded number of its time steps: no more than it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convis_xr.plotting.film_strip import frames as frames
    from convis_xr.plotting.matrix import matshow as matshow
    from convis_xr.plotting.overview import plot as plot
    from convis_xr.plotting.time_course import lines as lines

_WHERE = {"frames": "film_strip", "lines": "time_course", "matshow": "matrix", "plot": "overview"}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
