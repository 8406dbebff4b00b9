"""Parts of a configuration by dotted paths: ``ganglion-layers.*.sign``."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from convis_xr.errors import ParameterError, explain
from convis_xr.models.retina import config_format as fmt
from convis_xr.models.retina import config_tree as names
from convis_xr.models.retina.config import RetinaConfig
from convis_xr.models.retina.config_format import Attribute
from convis_xr.models.retina.config_tree import Origin, Tree, from_tree, to_tree

_LINEAR = f"{names.OPL}.0.{names.LINEAR}"
_ARRAYS = f"{names.GANGLION}.*.{names.SPIKES}.{names.SQUARE}"
#: names that may stand alone, and the paths that are meant
_SHORT: dict[str, tuple[str, ...]] = {
    **{one.name: (f"{names.RETINA}.{one.name}",) for one in fmt.RETINA},
    **{one.name: (f"{_LINEAR}.{one.name}",) for one in fmt.LINEAR},
    **{one.name: (f"{_LINEAR}.{names.UNDERSHOOT}.{one.name}",) for one in fmt.UNDERSHOOT},
    "size__deg": (f"{_ARRAYS}.size-x__deg", f"{_ARRAYS}.size-y__deg"),
    "uniform-density__inv-deg": (f"{_ARRAYS}.uniform-density__inv-deg",),
    "enabled": (f"{names.GANGLION}.*.enabled",),
}
_WITHIN_RETINA = (names.LOG_POLAR, names.OPL, names.CONTRAST, names.GANGLION)
_ATTRIBUTES: tuple[tuple[Attribute, ...], ...] = (
    fmt.RETINA,
    fmt.LOG_POLAR,
    fmt.LINEAR,
    fmt.UNDERSHOOT,
    fmt.CONTRAST,
    fmt.GANGLION,
    fmt.SPIKES,
    fmt.SQUARE,
    fmt.CIRCULAR,
    fmt.MICROSACCADES,
)
#: every name that can be part of a path
_KNOWN = {attribute.name for attributes in _ATTRIBUTES for attribute in attributes}
_KNOWN |= {names.SACCADES, names.RETINA, names.LOG_POLAR, names.OPL, names.CONTRAST, names.GANGLION, names.LINEAR}
_KNOWN |= {names.UNDERSHOOT, names.SPIKES, names.SQUARE, names.CIRCULAR, "name", "enabled", "source"}
_STEP = re.compile(r"\d{1,9}|\*|\+|=\d{0,9}", re.ASCII)


def get(config: RetinaConfig, path: str, *default: Any) -> Any:
    """See `RetinaConfig.get`."""
    if len(default) > 1:
        raise TypeError(f"get takes a path and one default, got {len(default)} of them")
    tree = to_tree(config, Attribute.quantity, full=True)
    found = [_found(tree, _keys(whole), path, default) for whole in _SHORT.get(path, (path,))]
    return found[0] if len(found) == 1 else found


def changed(config: RetinaConfig, path: str, value: Any, layer_filter: str | None = None) -> RetinaConfig:
    """A configuration in which a value, or a part of the tree, is another."""
    tree = to_tree(config, lambda attribute, held: 0 if held is None else held)

    def chosen(layer: Tree) -> bool:
        return layer_filter is None or layer_filter in layer.get("name", "")

    for whole in _SHORT.get(path, (path,)):
        _put(tree, _keys(whole), value, path, chosen)
    return from_tree(tree, Origin(lambda place: place or path, error=ParameterError, strict=True))


def _keys(path: str) -> list[str]:
    """The steps of a path; elements may be called as in the XML file, where they stand within ``retina``."""
    if not isinstance(path, str) or not path or "" in path.split("."):
        raise _refusal(repr(path), "a dotted path", "an empty step", '"ganglion-layers.0.sign"')
    keys = path.split(".")
    if len(keys) > 1 and keys[0] == names.RETINA and {keys[1], f"{keys[1]}s"} & set(_WITHIN_RETINA):
        keys = keys[1:]
    if f"{keys[0]}s" in (names.OPL, names.GANGLION):
        keys[0] += "s"
    if keys[0] == names.OPL and len(keys) > 1 and not _STEP.fullmatch(keys[1]):
        keys.insert(1, "0")  # there is but one
    for index, key in enumerate(keys):
        if key not in _KNOWN and (index == 0 or not _STEP.fullmatch(key)):
            raise _refusal(path, "names of VirtualRetina's format", repr(key), "check its spelling")
    return keys


def _found(tree: Any, keys: list[str], path: str, default: tuple[Any, ...]) -> Any:
    if not keys:
        return tree
    key, rest = keys[0], keys[1:]
    if isinstance(tree, list):
        if key == "*":
            return [_found(part, rest, path, default) for part in tree]
        if key.isdecimal() and int(key) < len(tree):
            return _found(tree[int(key)], rest, path, default)
    elif isinstance(tree, dict):
        if key == "*":
            return [_found(part, rest, path, default) for part in tree.values()]
        if key in tree:
            return _found(tree[key], rest, path, default)
    if default:
        return default[0]
    known = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    wanted = f"one of {', '.join(map(str, known)) or 'nothing'}"
    raise _refusal(path, wanted, f"{key}, which this retina has not", "get(path, default)")


def _put(tree: Any, keys: list[str], value: Any, path: str, chosen: Callable[[Tree], bool]) -> None:
    key, rest = keys[0], keys[1:]
    if isinstance(tree, list):
        for index in _indices(tree, key, path, bool(rest)):
            if key == "*" and not chosen(tree[index]):
                continue
            if rest:
                _put(tree[index], rest, value, path, chosen)
            else:
                tree[index] = copy.deepcopy(value)
    elif isinstance(tree, dict):
        for name in list(tree) if key == "*" else [key]:
            if not rest:
                tree[name] = copy.deepcopy(value)
                continue
            empty: Any = [] if name in (names.OPL, names.GANGLION) else {}
            if name == names.OPL and rest[0] == "0" and not tree.get(name):
                empty = tree[name] = [{}]
            _put(tree.setdefault(name, empty), rest, value, path, chosen)
    else:
        raise _refusal(path, f"something that has a part {key}", repr(tree), "a shorter path")


def _indices(layers: list[Any], key: str, path: str, within: bool) -> list[int]:
    """The layers that a step means; new ones are appended."""
    if key == "*":
        return list(range(len(layers)))
    if key == "+":
        layers.append({})
        return [len(layers) - 1]
    if key.startswith("="):
        model = int(key[1:]) if key[1:] else len(layers) - 1
        if 0 <= model < len(layers):
            # the copy gets a name of its own
            layers.append({name: part for name, part in copy.deepcopy(layers[model]).items() if name != "name"})
            return [len(layers) - 1]
    if key.isdecimal() and int(key) < len(layers):
        return [int(key)]
    wanted = f"a layer from 0 to {len(layers) - 1}" if layers else "a layer (there is none)"
    raise _refusal(path, wanted, key, f'"{names.GANGLION}.+", a new one')


def _refusal(path: str, wanted: str, got: str, cure: str) -> ParameterError:
    return ParameterError(explain(path, wanted=wanted, got=got, cure=cure))
