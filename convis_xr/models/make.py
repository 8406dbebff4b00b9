"""Models of nested lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convis_xr.errors import ParameterError, explain
from convis_xr.models.containers import List


def make_sequential_parallel_model(parts: Sequence[Any], *, combine: Any = "concat", dim: str | None = None) -> List:
    """A model of nested lists: the outermost is sequential, one within it parallel, one within that sequential, ...

    Parameters
    ----------
    parts : list of parts and lists
        Parts as of `List`.
    combine, dim
        How outputs of the parallel lists become one, as in `List`.

    Returns
    -------
    List

    Examples
    --------
    >>> import convis_xr as cx
    >>> a, b, c = (cx.filters.Conv1d(1, 1, 10) for _ in range(3))
    >>> model = cx.models.make_sequential_parallel_model([a, [b, c]])  # b and c both get what a gives
    >>> model.mode, model[1].mode, model[1][0] is b
    ('sequential', 'parallel', True)
    """
    return _make(parts, "sequential", combine, dim)


def make_parallel_sequential_model(parts: Sequence[Any], *, combine: Any = "concat", dim: str | None = None) -> List:
    """A model of nested lists: the outermost is parallel, one within it sequential, one within that parallel, ...

    Parameters
    ----------
    parts : list of parts and lists
        Parts as of `List`.
    combine, dim
        How outputs of the parallel lists become one, as in `List`.

    Returns
    -------
    List

    Examples
    --------
    >>> import convis_xr as cx
    >>> a, b, c = (cx.filters.Conv1d(1, 1, 10) for _ in range(3))
    >>> model = cx.models.make_parallel_sequential_model([a, [b, c]])  # a beside b and then c
    >>> model.mode, model[1].mode, model[1][1] is c
    ('parallel', 'sequential', True)
    """
    return _make(parts, "parallel", combine, dim)


def _make(parts: Sequence[Any], mode: str, combine: Any, dim: str | None) -> List:
    if not isinstance(parts, list | tuple):
        cure = "[a, [b, c]]"
        raise ParameterError(explain("parts", wanted="a list of parts and lists", got=repr(parts), cure=cure))
    other = "parallel" if mode == "sequential" else "sequential"
    made = [_make(part, other, combine, dim) if isinstance(part, list) else part for part in parts]
    return List(*made, mode=mode, combine=combine, dim=dim)
