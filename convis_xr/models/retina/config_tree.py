"""A retina as a tree in the vocabulary of the files, and back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from convis_xr.errors import FormatError, ParameterError, explain
from convis_xr.models.retina import config_format as fmt
from convis_xr.models.retina.cells import CircularArray, LogPolar, SquareArray
from convis_xr.models.retina.config import (
    BipolarConfig,
    GanglionConfig,
    MicrosaccadesConfig,
    OPLConfig,
    RetinaConfig,
    SpikesConfig,
)
from convis_xr.models.retina.config_format import Attribute

Tree = dict[str, Any]
Attributes = tuple[Attribute, ...]

SACCADES, RETINA, LOG_POLAR = "basic-microsaccade-generator", "retina", "log-polar-scheme"
OPL, CONTRAST, GANGLION = "outer-plexiform-layers", "contrast-gain-control", "ganglion-layers"
LINEAR, UNDERSHOOT, SPIKES = "linear-version", "undershoot", "spiking-channel"
SQUARE, CIRCULAR = "square-array", "circular-array"
#: elements that VirtualRetina knows, and that would make another model
UNSUPPORTED = ("luminance-gain-control-version", "contrast-gain-control-custom", "spiking-channel-adap")
_STAGES = (SACCADES, RETINA, LOG_POLAR, OPL, CONTRAST, GANGLION)


# --- from a configuration to a tree ---------------------------------------------------------------------------


def to_tree(config: RetinaConfig, leaf: Callable[[Attribute, Any], Any] = Attribute.number, full: bool = False) -> Tree:
    """The tree of a configuration.

    Parameters
    ----------
    config : RetinaConfig
    leaf : callable
        What to make of an attribute and the value of its field.
    full : bool
        Whether attributes that may be missing are there, too.
    """
    write = _Writer(config.spelled_out, leaf, full)
    tree: Tree = {}
    if config.microsaccades is not None:
        tree[SACCADES] = write.element(config.microsaccades, fmt.MICROSACCADES, SACCADES)
    tree[RETINA] = write.element(config, fmt.RETINA, RETINA)
    if config.log_polar is not None:
        tree[LOG_POLAR] = write.element(config.log_polar, fmt.LOG_POLAR, LOG_POLAR)
    if config.opl is not None:
        tree[OPL] = [{LINEAR: write.linear(config.opl, f"{OPL}.0.{LINEAR}")}]
    if config.bipolar is not None:
        tree[CONTRAST] = write.element(config.bipolar, fmt.CONTRAST, CONTRAST)
    tree[GANGLION] = [write.layer(layer, f"{GANGLION}.{k}") for k, layer in enumerate(config.ganglion)]
    if config.source:
        tree["source"] = config.source
    return tree


def canonical(config: RetinaConfig) -> Tree:
    """The tree by which two configurations are compared: everything in numbers, but for where they come from."""
    return to_tree(replace(config, spelled_out=None, source=""), full=True)


def checked_tree(config: RetinaConfig) -> Tree:
    """The tree of a configuration, whose values are all within bounds.

    Raises
    ------
    UnitError, ParameterError
        They are not.
    """
    tree = to_tree(config)
    from_tree(tree, Origin(lambda path: path, error=ParameterError, strict=True))
    return tree


def layer_name(index: int) -> str:
    """The name of a layer that has none."""
    return f"ganglion_{index}"


@dataclass(frozen=True)
class _Writer:
    spelled_out: frozenset[str] | None
    leaf: Callable[[Attribute, Any], Any]
    full: bool

    def element(self, config: Any, attributes: Attributes, path: str) -> Tree:
        made = {}
        for attribute in attributes:
            value = getattr(config, attribute.field)
            if self._is_written(attribute, value, f"{path}.{attribute.name}"):
                made[attribute.name] = self.leaf(attribute, value)
        return made

    def linear(self, opl: OPLConfig, path: str) -> Tree:
        made = self.element(opl, fmt.LINEAR, path)
        below = f"{path}.{UNDERSHOOT}"
        if opl.undershoot_weight != 0 or below in (self.spelled_out or ()):
            made[UNDERSHOOT] = self.element(opl, fmt.UNDERSHOOT, below)
        return made

    def layer(self, layer: GanglionConfig, path: str) -> Tree:
        made = {"name": layer.name, "enabled": layer.enabled, **self.element(layer, fmt.GANGLION, path)}
        home = made
        if layer.spikes is not None:
            home = made[SPIKES] = self.element(layer.spikes, fmt.SPIKES, f"{path}.{SPIKES}")
            path = f"{path}.{SPIKES}"
        if layer.cells is not None:
            square = isinstance(layer.cells, SquareArray)
            name, attributes = (SQUARE, fmt.SQUARE) if square else (CIRCULAR, fmt.CIRCULAR)
            home[name] = self.element(layer.cells, attributes, f"{path}.{name}")
        return made

    def _is_written(self, attribute: Attribute, value: Any, path: str) -> bool:
        """What may be missing and equals VirtualRetina's default is written only where the file had it."""
        if value is None and attribute.default is None:
            return False
        if self.full or not attribute.optional or attribute.default is None:
            return True
        return path in (self.spelled_out or ()) or attribute.number(value) != attribute.default


# --- from a tree to a configuration ---------------------------------------------------------------------------


@dataclass
class Origin:
    """Where a tree comes from: how its places are called, and how faults are told."""

    #: name of a place, for a path in the tree
    place: Callable[[str], str]
    error: type[Exception] = FormatError
    #: values may be texts and quantities with a unit
    units: bool = True
    #: what XML has not: a key "enabled" in parts, as in convis, and arrays of cells that do not spike
    extras: bool = True
    #: what the format does not know raises, else it warns; what is missing is told of, else it is not
    strict: bool = False

    def fault(self, path: str, wanted: str, got: str, cure: str) -> Exception:
        """The exception to raise for what is at ``path``."""
        return self.error(explain(self.place(path), wanted=wanted, got=got, cure=cure))

    def warn(self, path: str, wanted: str, got: str, cure: str) -> None:
        """Tell of what is at ``path``."""
        warnings.warn(explain(self.place(path), wanted=wanted, got=got, cure=cure), stacklevel=2)


def from_tree(tree: Any, origin: Origin) -> RetinaConfig:
    """The configuration that a tree describes; what is wrong in it raises, what the format does not know warns."""
    read = _Reader(origin)
    whole = read.children(tree, "", (*_STAGES, "source"))
    source = whole.get("source", "")
    if not isinstance(source, str):
        raise origin.fault("source", "a text", repr(source), 'source=""')
    saccades = read.part(whole, SACCADES, fmt.MICROSACCADES)
    log_polar = read.part(whole, LOG_POLAR, fmt.LOG_POLAR)
    contrast = read.part(whole, CONTRAST, fmt.CONTRAST)
    scales = read.element(whole.get(RETINA, {}), fmt.RETINA, RETINA)
    return RetinaConfig(
        **scales,
        opl=read.opl(whole.get(OPL, [])),
        bipolar=None if contrast is None else BipolarConfig(**contrast),
        ganglion=read.layers(whole.get(GANGLION, [])),
        log_polar=None if log_polar is None else LogPolar(**log_polar),
        microsaccades=None if saccades is None else MicrosaccadesConfig(**saccades),
        source=source,
        spelled_out=frozenset(read.spelled_out),
    )


@dataclass
class _Reader:
    origin: Origin
    spelled_out: set[str] = field(default_factory=set)

    def children(self, tree: Any, path: str, known: tuple[str, ...]) -> Tree:
        """The part at ``path``, which must be a mapping; whatever is in it and not known is told of."""
        if not isinstance(tree, Mapping):
            wanted = "elements and attributes by name"
            raise self.origin.fault(path, wanted, _short(tree), f"one or more of {', '.join(known)}")
        for name in tree:
            if name not in known:
                self._unknown(f"{path}.{name}" if path else str(name), known)
        return {name: value for name, value in tree.items() if name in known}

    def part(self, tree: Tree, name: str, attributes: Attributes, path: str = "") -> Tree | None:
        """The fields of a part that may be missing or switched off."""
        below = f"{path}.{name}" if path else name
        if name not in tree or not self._enabled(tree[name], below):
            return None
        self.spelled_out.add(below)
        return self.element(tree[name], attributes, below)

    def element(self, tree: Any, attributes: Attributes, path: str, also: tuple[str, ...] = ()) -> Tree:
        """The fields that the attributes of one element fill."""
        names = (attribute.name for attribute in attributes)
        own = self.children(tree, path, (*self._switch, *names, *also))
        fields, missing = {}, []
        for attribute in attributes:
            below = f"{path}.{attribute.name}"
            if attribute.name in own:
                fault = _at(self.origin, below)
                fields[attribute.field] = attribute.read(own[attribute.name], fault, self.origin.units)
                self.spelled_out.add(below)
            elif attribute.default is None and not attribute.optional:
                raise self.origin.fault(path, f"an attribute {attribute.name}", "none", attribute.example)
            else:
                fields[attribute.field] = attribute.missing
                missing += [] if attribute.optional else [f'{attribute.name}="{attribute.default}"']
        if missing and not self.origin.strict:
            self.origin.warn(path, "all its attributes", "some only", f"spell out {' '.join(missing)}, which is taken")
        return fields

    def opl(self, tree: Any) -> OPLConfig | None:
        layers = self._list(tree, OPL)
        if len(layers) > 1:
            raise self.origin.fault(f"{OPL}.1", "one outer plexiform layer", f"{len(layers)}", "leave one")
        if not layers or not self._enabled(layers[0], f"{OPL}.0"):
            return None
        layer = self.children(layers[0], f"{OPL}.0", (*self._switch, LINEAR))
        path = f"{OPL}.0.{LINEAR}"
        if LINEAR not in layer:
            raise self.origin.fault(f"{OPL}.0", f"an element {LINEAR}", "none", f"<{LINEAR} .../>")
        fields = self.element(layer[LINEAR], fmt.LINEAR, path, (UNDERSHOOT,))
        below = self.part(layer[LINEAR], UNDERSHOOT, fmt.UNDERSHOOT, path)
        return OPLConfig(**fields, **(below or {"undershoot_weight": 0.0}))

    def layers(self, tree: Any) -> tuple[GanglionConfig, ...]:
        layers = self._list(tree, GANGLION)
        made = tuple(self._layer(layer, f"{GANGLION}.{k}", layer_name(k)) for k, layer in enumerate(layers))
        names = [layer.name for layer in made]
        twice = next((k for k, name in enumerate(names) if name in names[:k]), None)
        if twice is not None:
            path, cure = f"{GANGLION}.{twice}.name", "another name"
            raise self.origin.fault(path, "a name of its own for every layer", repr(names[twice]), cure)
        return made

    def _layer(self, tree: Any, path: str, default_name: str) -> GanglionConfig:
        arrays = (SQUARE, CIRCULAR) if self.origin.extras else ()
        fields = self.element(tree, fmt.GANGLION, path, ("name", SPIKES, *arrays))
        name = tree.get("name", default_name)
        if not isinstance(name, str) or not name.isidentifier():
            wanted = "a name of letters, digits and _, that does not begin with a digit"
            raise self.origin.fault(f"{path}.name", wanted, repr(name), '"parvo_on"')
        enabled, spikes, below = self._enabled(tree, path), None, f"{path}.{SPIKES}"
        cells = self._cells(tree, path) if arrays else None
        if SPIKES in tree and self._enabled(tree[SPIKES], below):
            spikes = SpikesConfig(**self.element(tree[SPIKES], fmt.SPIKES, below, (SQUARE, CIRCULAR)))
            cells = self._cells(tree[SPIKES], below) or cells
        return GanglionConfig(name, **fields, spikes=spikes, cells=cells, enabled=enabled)

    def _cells(self, tree: Any, path: str) -> SquareArray | CircularArray | None:
        square = self.part(tree, SQUARE, fmt.SQUARE, path)
        circular = self.part(tree, CIRCULAR, fmt.CIRCULAR, path)
        if square is not None and circular is not None:
            raise self.origin.fault(path, "one array of cells", f"{SQUARE} and {CIRCULAR}", "leave one")
        if square is not None:
            return SquareArray(**square)
        return None if circular is None else CircularArray(**circular)

    def _enabled(self, tree: Any, path: str) -> bool:
        """Whether a part is switched on."""
        value = tree.get("enabled", True) if isinstance(tree, Mapping) and self._switch else True
        if value not in (True, False) or not isinstance(value, fmt.NUMBERS):
            raise self.origin.fault(f"{path}.enabled", "true or false", repr(value), "true")
        return bool(value)

    @property
    def _switch(self) -> tuple[str, ...]:
        return ("enabled",) if self.origin.extras else ()

    def _list(self, tree: Any, path: str) -> list[Any]:
        if not isinstance(tree, list | tuple):
            raise self.origin.fault(path, "a list", _short(tree), "[...]")
        return list(tree)

    def _unknown(self, path: str, known: tuple[str, ...]) -> None:
        name = path.rpartition(".")[2]
        wanted, got = f"one of {', '.join(known)}", f"{name}, which is unknown here"
        if name in UNSUPPORTED:
            wanted, got = "a retina of the paper's equations", f"{name}, which makes another model"
            raise self.origin.fault(path, wanted, got, "leave it out, and what it stands for")
        if self.origin.strict:
            raise self.origin.fault(path, wanted, got, "check its spelling")
        self.origin.warn(path, wanted, got, "check its spelling; it is left out")


def _at(origin: Origin, path: str) -> Callable[[str, str, str], Exception]:
    return lambda wanted, got, cure: origin.fault(path, wanted, got, cure)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
