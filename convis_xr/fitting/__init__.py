"""Fitting models to recordings: losses, regularisers, optimizers, the fit itself. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

#: public name to the module that holds it
_HOMES = {
    "Correlation": "losses",
    "Loss": "losses",
    "Mean": "losses",
    "evaluate": "evaluation",
    "fit": "loop",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = attach(__name__, _HOMES)

if TYPE_CHECKING:  # `as` says that these are meant for others
    from convis_xr.fitting.evaluation import evaluate as evaluate
    from convis_xr.fitting.loop import fit as fit
    from convis_xr.fitting.losses import Correlation as Correlation
    from convis_xr.fitting.losses import Loss as Loss
    from convis_xr.fitting.losses import Mean as Mean
