"""Values for parameters in nested or flat mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from convis_xr.errors import ParameterError, explain


def values_at(config: Any, prefix: str = "") -> dict[str, Any]:
    """The values in a configuration by the dotted paths below ``prefix``.

    Parameters
    ----------
    config : mapping, or an object whose ``parameter_values()`` gives one
    prefix : str

    Raises
    ------
    ParameterError
        Neither; a key that is no text, one path twice, or nothing below ``prefix``.

    Examples
    --------
    >>> values_at({"opl": {"center.tau": "5 ms"}, "bipolar": {"g_leak": "5 Hz"}}, "opl")
    {'center.tau': '5 ms'}
    """
    values = config.parameter_values() if hasattr(config, "parameter_values") else config
    if not isinstance(values, Mapping):
        got, cure = type(config).__name__, '{"center.tau": "5 ms"}'
        raise ParameterError(explain("config", wanted="a mapping of paths to values", got=got, cure=cure))
    found: dict[str, Any] = {}
    for path, value in _flat(values, ""):
        if path in found:
            raise ParameterError(explain("config", wanted="every path once", got=f"{path} twice", cure="leave one"))
        found[path] = value
    if not prefix:
        return found
    below = {path.removeprefix(f"{prefix}."): value for path, value in found.items() if path.startswith(f"{prefix}.")}
    if not below:
        wanted = f"values below {prefix!r}"
        got = ", ".join(sorted({path.partition(".")[0] for path in found})) or "none at all"
        raise ParameterError(explain("prefix", wanted=wanted, got=got, cure="one of these"))
    return below


def _flat(values: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if not isinstance(name, str):
            raise ParameterError(explain("config", wanted="paths of text", got=repr(name), cure='"center.tau"'))
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
