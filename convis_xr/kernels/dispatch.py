"""Which version of an operation runs: the reference, torch, or the compiled one.

The choice depends on nothing but where the tensors are, their dtype, and whether a gradient is wanted. It can be
forced, and a forced route that cannot serve raises: there is no silent fall-back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch

Route = Literal["reference", "torch", "compiled"]

_forced: ContextVar[Route | None] = ContextVar("convis_xr_forced_route", default=None)


def choose(operation: str, *operands: object, compiled: bool = True) -> Route:
    """Say which version of an operation serves these operands.

    Parameters
    ----------
    operation : str
        Name of the operation, for the error message.
    *operands : Tensor or anything else
        All that enters the operation. What is not a tensor is passed over.
    compiled : bool
        Whether the operation has a compiled version at all.

    Returns
    -------
    "reference", "torch" or "compiled"
        The forced route if there is one; else ``"compiled"`` where it can serve, else ``"torch"``.

    Raises
    ------
    RuntimeError
        If ``"compiled"`` is forced and cannot serve.

    Examples
    --------
    >>> import torch
    >>> choose("low_pass", torch.zeros(3), 0.1)
    'compiled'
    >>> choose("low_pass", torch.zeros(3, requires_grad=True), 0.1)
    'torch'
    """
    forced = _forced.get()
    if forced in ("reference", "torch"):
        return forced
    obstacle = _obstacle(operands) if compiled else "it has no compiled version"
    if forced == "compiled" and obstacle:
        raise RuntimeError(
            f"{operation}: the route 'compiled' is forced but cannot serve, because {obstacle}; "
            "force 'torch', or leave the choice to the dispatcher"
        )
    return "torch" if obstacle else "compiled"


@contextmanager
def force(route: Route) -> Iterator[None]:
    """Make every operation inside the block take one route.

    It holds for the current context (thread or task) only, so that two threads may run differently.

    Parameters
    ----------
    route : "reference", "torch" or "compiled"
        The route to take.

    Raises
    ------
    ValueError
        If there is no such route.

    Examples
    --------
    >>> with force("torch"):
    ...     choose("low_pass")
    'torch'
    """
    if route not in get_args(Route):
        raise ValueError(f"route: wanted one of {', '.join(get_args(Route))}, got {route!r}")
    token = _forced.set(route)
    try:
        yield
    finally:
        _forced.reset(token)


def _obstacle(operands: tuple[object, ...]) -> str | None:
    """Why compiled code cannot serve these operands, or None if it can."""
    for tensor in operands:
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.device.type != "cpu":
            return f"a tensor is on the device {tensor.device}"
        if tensor.dtype not in (torch.float32, torch.float64):
            return f"a tensor has the dtype {tensor.dtype}, not float32 or float64"
        if tensor.requires_grad and torch.is_grad_enabled():
            return "a gradient is wanted"
    return None
