"""Functions that read something new when called on a class, and into an object when called on that."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class reading(Generic[Made]):
    """A function of a path that makes an object: ``Class.read(path)`` gives it, ``object.read(path)`` becomes it.

    So nobody who calls it on an object, as convis had it, goes on with what that held before.
    """

    def __init__(self, function: Callable[..., Made]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, held: Any, owner: type) -> Callable[..., Made]:
        """The function itself, or one that also puts what was read into ``held``."""
        return self.function if held is None else wraps(self.function)(partial(self._into, held))

    def _into(self, held: Any, path: Any) -> Made:
        held._become(self.function(path))
        return held
