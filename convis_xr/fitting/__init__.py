"""Fitting models to recordings: losses, regularisers, the fit itself, what surrounds it. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

#: public name to the module that holds it
_HOMES = {
    "Correlation": "losses",
    "DoG": "regularizers",
    "L1": "regularizers",
    "L2": "regularizers",
    "Loss": "losses",
    "Mean": "losses",
    "SmoothSpace": "regularizers",
    "SmoothTime": "regularizers",
    "between": "landscape",
    "difference_gradient": "landscape",
    "directions": "landscape",
    "evaluate": "evaluation",
    "fit": "loop",
    "fit_glm": "glm",
    "optimize_stimulus": "stimulus",
    "random_direction": "landscape",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = attach(__name__, _HOMES)

if TYPE_CHECKING:  # `as` says that these are meant for others
    from convis_xr.fitting.evaluation import evaluate as evaluate
    from convis_xr.fitting.glm import fit_glm as fit_glm
    from convis_xr.fitting.landscape import between as between
    from convis_xr.fitting.landscape import difference_gradient as difference_gradient
    from convis_xr.fitting.landscape import directions as directions
    from convis_xr.fitting.landscape import random_direction as random_direction
    from convis_xr.fitting.loop import fit as fit
    from convis_xr.fitting.losses import Correlation as Correlation
    from convis_xr.fitting.losses import Loss as Loss
    from convis_xr.fitting.losses import Mean as Mean
    from convis_xr.fitting.regularizers import L1 as L1
    from convis_xr.fitting.regularizers import L2 as L2
    from convis_xr.fitting.regularizers import DoG as DoG
    from convis_xr.fitting.regularizers import SmoothSpace as SmoothSpace
    from convis_xr.fitting.regularizers import SmoothTime as SmoothTime
    from convis_xr.fitting.stimulus import optimize_stimulus as optimize_stimulus
