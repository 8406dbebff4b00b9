"""Simulate and fit filter-based models of early vision on labelled data that do not fit into memory.

Everything here is imported when it is first used: ``import convis_xr`` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from convis_xr.after_import import after_import as _after_import
from convis_xr.lazy import attach as _attach

__version__ = "0.1.0"

#: public name to the module that holds it
_HOMES = {
    "ContractError": "errors",
    "ConvisError": "errors",
    "FormatError": "errors",
    "ParameterError": "errors",
    "ResumeError": "errors",
    "UnitError": "errors",
    "set_options": "options",
    "Sampling": "sampling",
    "align": "alignment",
    "as_stimulus": "contract",
    "from_tensor": "tensors",
    "Layer": "layer",
    "Parameter": "parameters",
    "Derived": "parameters",
    "State": "parameters",
    "RetinaConfig": "models",
    "open_stimulus": "io",
    "open_recording": "recordings",
    "describe": "describing",
    "sample": "samples",
    "Runner": "background",
    "Stream": "streams",
    "run": "engine",
    "plan": "engine",
    "fit": "fitting",
}
#: public modules
_ROOMS = (
    "units",
    "stimuli",
    "io",
    "streams",
    "recordings",
    "filters",
    "spiking",
    "models",
    "analysis",
    "fitting",
    "plotting",
)

__all__ = ["__version__", *_HOMES, *_ROOMS]


__getattr__, __dir__ = _attach(__name__, _HOMES, _ROOMS)

# xarray's objects get their `.convis` with xarray itself, which may come first, later or, for `convis-xr --help`, never
_after_import("xarray", lambda: importlib.import_module("convis_xr.accessor"))

if TYPE_CHECKING:  # `as` says that these are meant for others
    from convis_xr import analysis as analysis
    from convis_xr import filters as filters
    from convis_xr import fitting as fitting
    from convis_xr import io as io
    from convis_xr import models as models
    from convis_xr import plotting as plotting
    from convis_xr import recordings as recordings
    from convis_xr import spiking as spiking
    from convis_xr import stimuli as stimuli
    from convis_xr import streams as streams
    from convis_xr import units as units
    from convis_xr.alignment import align as align
    from convis_xr.background import Runner as Runner
    from convis_xr.contract import as_stimulus as as_stimulus
    from convis_xr.describing import describe as describe
    from convis_xr.engine.runner import plan as plan
    from convis_xr.engine.runner import run as run
    from convis_xr.errors import ContractError as ContractError
    from convis_xr.errors import ConvisError as ConvisError
    from convis_xr.errors import FormatError as FormatError
    from convis_xr.errors import ParameterError as ParameterError
    from convis_xr.errors import ResumeError as ResumeError
    from convis_xr.errors import UnitError as UnitError
    from convis_xr.fitting.loop import fit as fit
    from convis_xr.io import open_stimulus as open_stimulus
    from convis_xr.layer import Layer as Layer
    from convis_xr.models import RetinaConfig as RetinaConfig
    from convis_xr.options import set_options as set_options
    from convis_xr.parameters import Derived as Derived
    from convis_xr.parameters import Parameter as Parameter
    from convis_xr.parameters import State as State
    from convis_xr.recordings import open_recording as open_recording
    from convis_xr.samples import sample as sample
    from convis_xr.sampling import Sampling as Sampling
    from convis_xr.streams import Stream as Stream
    from convis_xr.tensors import from_tensor as from_tensor
