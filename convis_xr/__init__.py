"""Simulate and fit filter-based models of early vision on labelled data that do not fit into memory.

Everything here is imported when it is first used: ``import convis_xr`` itself costs next to nothing.
"""

# ruff: noqa: F401 - the imports under TYPE_CHECKING tell type checkers what __getattr__ finds

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from convis_xr.after_import import after_import as _after_import

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
    "as_stimulus": "contract",
    "from_tensor": "tensors",
    "Layer": "layer",
    "Parameter": "parameters",
    "Derived": "parameters",
    "State": "parameters",
    "open_stimulus": "io",
    "sample": "samples",
    "run": "engine",
    "plan": "engine",
}
#: public modules
_ROOMS = ("units", "stimuli", "io", "filters", "spiking", "models", "analysis", "plotting")

__all__ = ["__version__", *_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"convis_xr.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'convis_xr' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"convis_xr.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


# xarray's objects get their `.convis` with xarray itself, which may come first, later or, for `convis-xr --help`, never
_after_import("xarray", lambda: importlib.import_module("convis_xr.accessor"))

if TYPE_CHECKING:
    from convis_xr import analysis, filters, io, models, plotting, spiking, stimuli, units
    from convis_xr.contract import as_stimulus
    from convis_xr.engine import plan as plan
    from convis_xr.engine import run as run
    from convis_xr.errors import ContractError, ConvisError, FormatError, ParameterError, ResumeError, UnitError
    from convis_xr.io import open_stimulus
    from convis_xr.layer import Layer
    from convis_xr.options import set_options
    from convis_xr.parameters import Derived, Parameter, State
    from convis_xr.samples import sample
    from convis_xr.sampling import Sampling
    from convis_xr.tensors import from_tensor
