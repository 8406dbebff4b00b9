"""Which version of an operation runs: the reference, torch, numba's on the processor, or Triton's on a graphics card.

The choice depends on nothing but where the tensors are, their dtype, and whether a gradient is wanted. It can be
forced, and a forced route that cannot serve raises: there is no silent fall-back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch

Route = Literal["reference", "torch", "compiled", "triton"]

_forced: ContextVar[Route | None] = ContextVar("convis_xr_forced_route", default=None)


def choose(
    operation: str, *operands: object, compiled: bool = True, triton: bool = False, adjoint: bool = False
) -> Route:
    """Say which version of an operation serves these operands.

    Parameters
    ----------
    operation : str
        Name of the operation, for the error message.
    *operands : Tensor or anything else
        All that enters the operation. What is not a tensor is passed over.
    compiled, triton : bool
        Whether the operation has a version compiled by numba, and one in Triton.
    adjoint : bool
        Whether these versions have an adjoint written by hand, so that they serve where a gradient is wanted too.

    Returns
    -------
    "reference", "torch", "compiled" or "triton"
        The forced route if there is one; else ``"triton"`` on a graphics card and ``"compiled"`` on the processor where
        they can serve, else ``"torch"``.

    Raises
    ------
    RuntimeError
        If ``"compiled"`` or ``"triton"`` is forced and cannot serve.

    Examples
    --------
    >>> import torch
    >>> choose("low_pass", torch.zeros(3), 0.1)
    'compiled'
    >>> choose("low_pass", torch.zeros(3, requires_grad=True), 0.1)
    'torch'
    >>> choose("low_pass", torch.zeros(3, requires_grad=True), 0.1, adjoint=True)
    'compiled'
    """
    forced = _forced.get()
    if forced in ("reference", "torch"):
        return forced
    obstacles = {
        "triton": _obstacle(operands, _on_card, adjoint) if triton else "it has no version in Triton",
        "compiled": _obstacle(operands, _on_processor, adjoint) if compiled else "it has no compiled version",
    }
    if forced is not None:
        if obstacles[forced]:
            raise RuntimeError(
                f"{operation}: the route {forced!r} is forced but cannot serve, because {obstacles[forced]}; "
                "force 'torch', or leave the choice to the dispatcher"
            )
        return forced
    if triton and not obstacles["triton"] and _is_on_card(operands):
        return "triton"
    return "torch" if obstacles["compiled"] else "compiled"


def gradient_wanted(*operands: object) -> bool:
    """Say whether autograd has to follow an operation on these operands.

    Parameters
    ----------
    *operands : Tensor or anything else
        What is not a tensor is passed over.

    Returns
    -------
    bool

    Examples
    --------
    >>> gradient_wanted(torch.zeros(3), 0.1), gradient_wanted(torch.zeros(3, requires_grad=True))
    (False, True)
    """
    return torch.is_grad_enabled() and any(isinstance(x, torch.Tensor) and x.requires_grad for x in operands)


@contextmanager
def force(route: Route) -> Iterator[None]:
    """Make every operation inside the block take one route.

    It holds for the current context (thread or task) only, so that two threads may run differently.

    Parameters
    ----------
    route : "reference", "torch", "compiled" or "triton"
        The route to take. On the processor ``"triton"`` serves only in Triton's interpreter, which is for tests: it is
        chosen by the environment variable ``TRITON_INTERPRET=1``, set before anything of Triton is loaded.

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


def _obstacle(operands: tuple[object, ...], fits: Callable[[torch.device], bool], adjoint: bool) -> str | None:
    """Why a version without torch cannot serve these operands, or None if it can."""
    for tensor in operands:
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.dim() > 0 and not fits(tensor.device):  # of a scalar, wherever it is, the number is taken
            return f"a tensor is on the device {tensor.device}"
        if tensor.dtype not in (torch.float32, torch.float64):
            return f"a tensor has the dtype {tensor.dtype}, not float32 or float64"
        if not adjoint and gradient_wanted(tensor):
            return "a gradient is wanted"
    return None


def _on_processor(device: torch.device) -> bool:
    return device.type == "cpu"


def _on_card(device: torch.device) -> bool:
    """Whether Triton can work there: on a card, or on the processor in its interpreter."""
    there = device.type == "cuda" or (device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1")
    return there and _has_triton()


def _is_on_card(operands: tuple[object, ...]) -> bool:
    return any(isinstance(x, torch.Tensor) and x.dim() > 0 and x.device.type == "cuda" for x in operands)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
