"""Parameter values in files: npz without pickle, and JSON with units for people."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convis_xr.errors import FormatError, ParameterError, explain
from convis_xr.parameters.parameter import Parameter, read_value
from convis_xr.units import Quantity

_UNITS = "units of every parameter"


def save(path: Any, parameters: Mapping[str, torch.nn.Parameter]) -> None:
    """Write values and units of ``parameters`` to ``path``; its suffix, .npz or .json, tells the format."""
    target = Path(path)
    values = {name: parameter.detach().cpu().numpy() for name, parameter in parameters.items()}
    units = {name: unit_of_parameter(parameter) for name, parameter in parameters.items()}
    if target.suffix == ".npz":
        _save_npz(target, {**values, _UNITS: np.array(json.dumps(units))})
    elif target.suffix == ".json":
        table = {name: {"value": values[name].tolist(), "units": units[name]} for name in values}
        target.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    else:
        raise FormatError(_wrong_suffix(target))


def load(path: Any) -> dict[str, Any]:
    """Read what `save` wrote: path of each parameter to quantity.

    Raises
    ------
    FileNotFoundError
        No such file.
    FormatError
        Not a file that `save` writes.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such file of parameters")
    try:
        if source.suffix == ".npz":
            return _load_npz(source)
        if source.suffix == ".json":
            table = json.loads(source.read_text(encoding="utf-8"))
            return {name: Quantity(_plain(row["value"]), row["units"]) for name, row in table.items()}
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        cure = "a file that save_parameters wrote"
        raise FormatError(explain(str(source), wanted="parameters with units", got=str(error), cure=cure)) from error
    raise FormatError(_wrong_suffix(source))


def assign(parameters: Mapping[str, torch.nn.Parameter], values: Mapping[str, Any]) -> None:
    """Set each parameter to its value: all of them, or where one is refused none."""
    before = {name: parameters[name].detach().clone() for name in values}
    try:
        for name, value in values.items():
            _set(parameters[name], value, name)
    except Exception:
        for name, value in before.items():
            parameters[name].data = value
        raise


def unit_of_parameter(parameter: torch.nn.Parameter) -> str:
    """The unit of a parameter; plain torch parameters have none."""
    return parameter.units if isinstance(parameter, Parameter) else "1"


def _set(parameter: torch.nn.Parameter, value: Any, name: str) -> None:
    if isinstance(parameter, Parameter):
        bare = isinstance(value, np.ndarray | torch.Tensor)
        # what get_parameters gave is in base units already
        parameter.set(Quantity(np.asarray(value)[()], parameter.units) if bare else value)
        return
    data = read_value(value, "dimensionless", name).to(parameter)
    if not bool(torch.isfinite(data).all()):
        raise ParameterError(explain(name, wanted="finite values", got="NaN or infinity", cure="finite values"))
    if data.shape != parameter.shape:
        got = f"shape {tuple(data.shape)}"
        raise ParameterError(
            explain(name, wanted=f"shape {tuple(parameter.shape)}", got=got, cure="a value of that shape")
        )
    with torch.no_grad():
        parameter.copy_(data)


def _save_npz(target: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """`numpy.savez` takes names as keywords: a parameter called ``file`` would be its argument."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _load_npz(source: Path) -> dict[str, Any]:
    if not zipfile.is_zipfile(source):  # or numpy would advise to trust it
        raise zipfile.BadZipFile("no zip archive")
    # opened here, since numpy leaves a broken archive open
    with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        units = json.loads(str(archive[_UNITS]))
        return {name: Quantity(archive[name][()], unit) for name, unit in units.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError("a truth value")
    return np.array(value) if isinstance(value, list) else float(value)


def _wrong_suffix(path: Path) -> str:
    return explain(str(path), wanted="a suffix .npz or .json", got=path.suffix or "none", cure="parameters.npz")
