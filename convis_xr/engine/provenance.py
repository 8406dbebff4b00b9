"""What a result was made of: model, parameters, stimulus, versions.

Two runs with the same provenance give the same numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

import convis_xr
from convis_xr import dims
from convis_xr.engine.request import Request
from convis_xr.layer import Layer
from convis_xr.parameters.files import unit_of_parameter
from convis_xr.selection import Selection

#: arrays with more values are told by their digest only
MOST_VALUES = 4096
_LIBRARIES = ("torch", "numpy", "xarray", "zarr")
_PLAIN = (bool, int, float, str, type(None))


def provenance(request: Request, names: tuple[str, ...]) -> dict[str, Any]:
    """Everything that the numbers depend on, fit for JSON; no times of day, no places on this machine.

    Parameters
    ----------
    request : Request
    names : tuple of str
        The outputs.

    Returns
    -------
    dict
    """
    model, stimulus = request.model, request.stimulus
    kind = type(model)
    return {
        "model": {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "repr": re.sub(r" at 0x[0-9a-f]+", "", repr(model)),
            "settings": _settings(model),
            "parameters": {path: _value(value, unit_of_parameter(value)) for path, value in model.named_parameters()}
            | {path: _value(torch.as_tensor(value.get()), value.units) for path, value in model.derived.items()},
            "buffers": {path: _value(value, "1") for path, value in model.named_buffers()},
        },
        "outputs": list(names),
        "seed": request.seed,
        "initial": None if request.initial is None else str(request.initial),
        "state": {path: digest(value.cpu().numpy()) for path, value in request.state.items()} or None,
        "dtype": str(request.dtype).removeprefix("torch."),
        "nan": request.nan,
        "repeats": request.repeats,
        "selection": _selection(request.selection),
        "stimulus": {
            "name": None if stimulus.name is None else str(stimulus.name),
            "sizes": {str(name): size for name, size in stimulus.sizes.items()},
            "dtype": str(stimulus.dtype),
            "attrs": {str(name): _plain(value) for name, value in stimulus.attrs.items()},
            "first_sample": request.offset,
            "first_time": str(stimulus.coords[dims.TIME][:1].values[0]),
            "sampling": repr(request.info.sampling),
            "source": request.source,
        },
        "versions": {"convis_xr": convis_xr.__version__} | {name: version(name) for name in _LIBRARIES},
    }


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two provenances differ; the name of a stimulus' file does not matter.

    Examples
    --------
    >>> differences({"seed": 1, "outputs": ["a"]}, {"seed": 2, "outputs": ["a"]})
    ['seed (1 there, 2 here)']
    """
    if path == "stimulus.source" or one == other:
        return []
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = dict.fromkeys([*one, *other])
        found = (differences(one.get(key), other.get(key), f"{path}.{key}" if path else str(key)) for key in keys)
        return [name for names in found for name in names]
    return [f"{path} ({_short(one)} there, {_short(other)} here)"]


def digest(values: np.ndarray[Any, Any]) -> str:
    """A fingerprint of an array: dtype, shape and every bit.

    Examples
    --------
    >>> digest(np.zeros(3)) == digest(np.zeros(3, "float32"))
    False
    """
    facts = f"{values.dtype.str}{values.shape}".encode()
    return hashlib.sha256(facts + np.ascontiguousarray(values).tobytes()).hexdigest()


def _settings(model: Layer) -> dict[str, dict[str, Any]]:
    """The plain attributes of every module, such as orders, conventions and seeds."""
    found = {}
    for path, module in model.named_modules():
        own = {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_") and name != "training" and isinstance(value, _PLAIN)
        }
        if own:
            found[path] = dict(sorted(own.items()))
    return found


def _selection(selection: Selection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    arrays = {name: np.asarray(value) for name, value in vars(selection).items()}
    return {name: digest(value) if value.size > MOST_VALUES else value.tolist() for name, value in arrays.items()}


def _value(tensor: torch.Tensor, units: str) -> dict[str, Any]:
    values = tensor.detach().cpu().numpy()
    if values.size > MOST_VALUES:
        return {"shape": list(values.shape), "sha256": digest(values), "units": units}
    return {"value": values.tolist(), "units": units}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, _PLAIN) else str(value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
