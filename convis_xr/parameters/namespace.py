"""`Namespace`: the tree of names behind ``p``, ``m`` and ``s``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

import convis_xr
from convis_xr.errors import ParameterError, explain
from convis_xr.parameters import completion, files
from convis_xr.parameters.parameter import Parameter


class Namespace(Mapping[str, Any]):
    """Things with dotted paths, reached by attribute, by path, flat (``_all``) or by search (``_search``).

    Parameters
    ----------
    entries : mapping of str to object
        Dotted path to thing.
    doc : str
        First line of the repr.

    Examples
    --------
    >>> names = Namespace({"opl.center.tau": 10, "opl.center.sigma": 3, "bipolar.g_leak": 50})
    >>> names.opl.center.tau, names["opl.center.sigma"], names._all.bipolar_g_leak
    (10, 3, 50)
    >>> dir(names._search.tau)
    ['opl_center_tau']
    """

    _entries: dict[str, Any]
    _doc: str

    def __init__(self, entries: Mapping[str, Any], doc: str = "") -> None:
        completion.allow(Namespace, _Search)
        object.__setattr__(self, "_entries", dict(entries))
        object.__setattr__(self, "_doc", doc)

    @classmethod
    def from_nested(cls, nested: Mapping[str, Any], doc: str = "") -> Namespace:
        """The inverse of `to_nested`."""
        return cls(dict(_flatten(nested, "")), doc)

    def to_nested(self) -> dict[str, Any]:
        """Dictionaries within dictionaries."""
        return {name: value.to_nested() if isinstance(value, Namespace) else value for name, value in self._children()}

    @property
    def _all(self) -> Namespace:
        """Everything in one flat list; dots become underscores."""
        return Namespace({path.replace(".", "_"): value for path, value in self._entries.items()}, self._doc)

    @property
    def _search(self) -> _Search:
        """``_search.leak`` holds everything with "leak" in its path."""
        return _Search(self)

    def __getitem__(self, path: str) -> Any:
        if path in self._entries:
            return self._entries[path]
        below = {name[len(path) + 1 :]: value for name, value in self._entries.items() if name.startswith(path + ".")}
        if not below:
            raise KeyError(self._unknown(path))
        return Namespace(below, f"{self._doc}, {path}" if self._doc else path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_ipython_canary_method_should_not_exist_":
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, path: str, value: Any) -> None:
        if path not in self._entries:
            raise AttributeError(self._unknown(path))
        target = self._entries[path]
        if isinstance(target, torch.nn.Parameter) and not isinstance(target, Parameter):
            files.assign({path: target}, {path: value})
            return
        if not hasattr(target, "set"):
            cure = "assign to its parameters"
            raise ParameterError(explain(path, wanted="a parameter or state", got=type(target).__name__, cure=cure))
        target.set(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __dir__(self) -> list[str]:
        return [name for name, _ in self._children() if name.isidentifier()]

    def __repr__(self) -> str:
        lines = [f"{self._doc or 'Namespace'}"]
        for name, value in self._children():
            below = ", ".join(child for child, _ in value._children()) if isinstance(value, Namespace) else repr(value)
            lines.append(f"  {name}: {below}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return convis_xr.describe(self)._repr_html_()

    def _children(self) -> list[tuple[str, Any]]:
        names = dict.fromkeys(path.split(".", 1)[0] for path in self._entries)
        return [(name, self[name]) for name in names]

    def _unknown(self, name: str) -> str:
        choices = list(self._entries) if "." in name else [child for child, _ in self._children()]
        near = difflib.get_close_matches(name, choices, n=1)
        cure = f"{near[0]}" if near else "one of these"
        return explain(self._doc or "name", wanted=f"one of {', '.join(choices)}", got=name, cure=cure)


class _Search:
    """Tab completion of a search: every word of a path can be looked for."""

    def __init__(self, names: Namespace) -> None:
        self._names = names

    def __getattr__(self, text: str) -> Namespace:
        if text.startswith("__") or text == "_ipython_canary_method_should_not_exist_":
            raise AttributeError(text)
        found = {path: value for path, value in self._names._all.items() if text in path}
        return Namespace(found, f"search {text!r}")

    def __dir__(self) -> list[str]:
        parts = {part for path in self._names for part in path.split(".")}
        return sorted(part for part in parts if part.isidentifier())


def _flatten(nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flatten(value, path + ".")
        else:
            yield path, value
