"""Wait for another package without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def after_import(name: str, then: Callable[[], object]) -> None:
    """Call ``then`` once the package ``name`` has been imported: now if it is there, else right after it comes.

    So `import convis_xr` and ``convis-xr --help`` need no xarray, and yet every xarray object has its ``.convis``, in
    whatever order the two packages are imported.
    """
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Waiter(name, then))


class _Waiter:
    """An import finder that finds what the other finders find, and adds a call to the loading of one package."""

    def __init__(self, name: str, then: Callable[[], object]) -> None:
        self._name, self._then = name, then

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = next((spec for finder in others if (spec := finder.find_spec(name, path, target)) is not None), None)
        # asking for a spec is not importing: only loading ends the wait
        if found is not None and found.loader is not None:
            load = found.loader.exec_module
            found.loader.exec_module = lambda module: self._loaded(load, module)  # type: ignore[method-assign]
        return found

    def _loaded(self, load: Callable[[ModuleType], None], module: ModuleType) -> None:
        load(module)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._then()
