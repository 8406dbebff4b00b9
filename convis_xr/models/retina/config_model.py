"""Between a configuration and the model that is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convis_xr.context import InputInfo
from convis_xr.errors import FormatError, ParameterError, explain
from convis_xr.kernels.scalars import number
from convis_xr.models.retina.config import GanglionConfig, RetinaConfig
from convis_xr.units import Quantity, is_bare, magnitude, unit_of

if TYPE_CHECKING:
    from convis_xr.models.retina.retina import Retina

#: field of a stage's configuration to path of the parameter within the stage
_OPL = {
    "center_sigma": "center.sigma",
    "center_tau": "center.tau",
    "center_n": "center.n",
    "undershoot_weight": "undershoot.weight",
    "undershoot_tau": "undershoot.tau",
    "surround_sigma": "surround.sigma",
    "surround_tau": "surround.tau",
    "surround_weight": "surround_weight",
    "amplification": "amplification",
}
_BIPOLAR = ("input_amplification", "g_leak", "adaptation_sigma", "adaptation_tau", "adaptation_gain")
_GANGLION = ("sign", "transient_tau", "transient_weight", "threshold", "baseline", "slope", "pooling_sigma")
_SPIKES = ("g_leak", "noise", "refractory_mean", "refractory_sd")
#: scales that differ by less are the same but for rounding: a third of a degree is written 0.333
_SAME = 2e-3


def config_in(file: str | Path) -> RetinaConfig:
    """The configuration in a file, by its suffix.

    Raises
    ------
    FileNotFoundError, FormatError
        None, or neither .xml nor .json.
    ParameterError
        No path at all.
    """
    if not isinstance(file, str | PathLike):
        wanted, cure = "a path, or a RetinaConfig", '"retina.xml"'
        raise ParameterError(explain("config", wanted=wanted, got=type(file).__name__, cure=cure))
    path = Path(file)
    readers = {".xml": RetinaConfig.read_xml, ".json": RetinaConfig.read_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        got, cure = path.suffix or "no suffix", "retina.xml, or retina.json"
        raise FormatError(explain(str(path), wanted="a suffix .xml or .json", got=got, cure=cure))
    return reader(path)


def parameter_values(config: RetinaConfig) -> dict[str, Any]:
    """See `RetinaConfig.parameter_values`."""
    own = replace(config, ganglion=tuple(layer for layer in config.ganglion if layer.enabled))
    return {f"{stage}.{path}": getattr(part, name) for stage, part, paths in _stages(own) for name, path in paths}


def fitted_config(retina: Retina) -> RetinaConfig:
    """See `Retina.to_config`."""
    config, values = retina.config, {path: module for path, module in retina.named_modules() if path}
    made: dict[str, Any] = {}
    for stage, part, paths in _stages(config):
        if stage in values:
            module = values[stage]
            made[stage] = replace(part, **{name: _kept(getattr(part, name), module, path) for name, path in paths})
    if retina.opl is not None and number(retina.opl.surround.n) != 0:
        wanted, got = "0: a configuration has no place for it", f"{number(retina.opl.surround.n):g}"
        raise ParameterError(explain("opl.surround.n", wanted=wanted, got=got, cure="retina.opl.surround.n = 0"))
    return replace(
        config,
        opl=made.get("opl"),
        bipolar=made.get("bipolar"),
        ganglion=tuple(_layer(made, values, name) for name in retina.ganglion_names),
        input_range=config.input_range if retina.opl is None else retina.opl.input_range,
        spelled_out=None,
    )


def other_scales(config: RetinaConfig, info: InputInfo, input_range: float | None) -> list[str]:
    """In what a stimulus differs from what a configuration was made for.

    Parameters
    ----------
    config : RetinaConfig
    info : InputInfo
        Of the stimulus.
    input_range : float or None
        The range that the model uses.
    """
    sampling, limits = info.sampling, info.valid_range
    pairs: list[tuple[str, float, float]] = []
    if config.time_step is not None and sampling.dt_s is not None:
        pairs.append(("temporal-step__sec", magnitude(config.time_step, "time", "time_step"), sampling.dt_s))
    if config.pixels_per_degree is not None and sampling.pixel_deg is not None:
        told = magnitude(config.pixels_per_degree, "spatial_frequency", "pixels_per_degree")
        pairs += [("pixels-per-degree", told, 1 / pitch) for pitch in dict.fromkeys(sampling.pixel_deg)]
    found = [f"{name} {here:.6g}, not {there:.6g}" for name, there, here in pairs if _differ(here, there)]
    if config.input_range is not None and input_range == config.input_range and limits is not None:
        width = limits[1] - limits[0]
        if _differ(width, config.input_range):
            holds = f"which holds unless input_range={width:g} is given"
            found.append(f"input-luminosity-range {width:.6g}, not {config.input_range:.6g} ({holds})")
    return found


def _differ(here: float, there: float) -> bool:
    return abs(here - there) > _SAME * there


def _stages(config: RetinaConfig) -> Iterator[tuple[str, Any, list[tuple[str, str]]]]:
    """Path of each stage in a model, its configuration, and pairs of field and path of the parameter within."""
    if config.opl is not None:
        yield "opl", config.opl, list(_OPL.items())
    if config.bipolar is not None:
        yield "bipolar", config.bipolar, [(name, name) for name in _BIPOLAR]
    for layer in config.ganglion:
        yield layer.name, layer, [(name, name) for name in _GANGLION]
        if layer.spikes is not None:
            yield f"{layer.name}.spikes", layer.spikes, [(name, name) for name in _SPIKES]


def _layer(made: dict[str, Any], modules: dict[str, Any], name: str) -> GanglionConfig:
    """A ganglion layer with its spikes, where it has them."""
    spikes = made.get(f"{name}.spikes")
    if spikes is not None:
        spikes = replace(spikes, random_init=modules[f"{name}.spikes"].random_init)
    layer: GanglionConfig = replace(made[name], spikes=spikes, enabled=True)
    return layer


def _kept(before: Any, module: Any, path: str) -> Any:
    """The value of a parameter as the field had it: the same text where it is the same, else in the same unit."""
    parameter = module
    for step in path.split("."):
        parameter = getattr(parameter, step)
    value, unit = number(parameter), parameter.units
    if magnitude(before, unit, path) == value:
        return before
    if is_bare(before):
        return int(value) if isinstance(before, int) and float(value).is_integer() else value
    own = unit_of(before, path)
    converted = float(Quantity(value, unit).to(own).magnitude)
    name, base = (text.replace("degree", "deg") for text in (own, unit))
    # a unit in which the number cannot be told to the last bit is given up
    spelled = (f"{converted:.15g} {name}", f"{converted!r} {name}", f"{value!r} {base}")
    return next(text for text in spelled if magnitude(text, unit, path) == value)
