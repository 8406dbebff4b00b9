"""One look for both of holoviews' backends."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import holoviews as hv

from convis_xr.io.faults import needed

#: Okabe and Ito's colours, told apart by everyone
BLUE, SKY = "#0072B2", "#56B4E9"
COLORS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
#: of a picture in a browser [px]
FRAME_HEIGHT = 160
FONT_SIZES = {"title": 9, "labels": 8, "ticks": 7, "legend": 7, "cticks": 7, "clabel": 8}


@cache
def load_backends() -> None:
    """Load whichever of holoviews' backends are installed; the one in use stays the one in use."""
    modules = {"bokeh": "bokeh", "matplotlib": "mpl"}
    found = [name for name in modules if find_spec(name) is not None]
    if not found:
        needed("matplotlib", "viz")
    chosen = hv.Store.current_backend if hv.Store.loaded_backends() else found[0]
    for name in found:
        needed(f"holoviews.plotting.{modules[name]}", "viz")
    hv.Store.set_current_backend(chosen)


def styled(element: Any, common: dict[str, Any], *, bokeh: dict[str, Any], matplotlib: dict[str, Any]) -> Any:
    """``element`` with its look in each backend that is there."""
    load_backends()
    for name, own in (("bokeh", bokeh), ("matplotlib", matplotlib)):
        if name in hv.Store.loaded_backends():
            element = element.opts(backend=name, **common, **own)
    return element
