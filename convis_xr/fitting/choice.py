"""Which optimizer moves which parameters, and who sets its learning rate."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.fitting.matching import fitted_parameters
from convis_xr.layer import Layer
from convis_xr.optimizers import optimizer_classes

#: learning rate of Adam where nothing is said: a relative step of a hundredth for physical parameters
RATE = 0.01

Parameters = dict[str, torch.nn.Parameter]
_WANTED = "an optimizer of torch.optim by name or class, a function of parameters that makes one, or one that is made"


def choose_optimizer(
    model: Layer, given: Any, asked: Sequence[str] | str | None
) -> tuple[torch.optim.Optimizer, Parameters]:
    """The optimizer, and the parameters that it moves by path; the model holds it from now on.

    Parameters
    ----------
    model : Layer
    given : str, class, callable or torch.optim.Optimizer, optional
        By default what ``model.set_optimizer`` has chosen, else Adam.
    asked : str or sequence of str, optional
        Paths of parameters, for an optimizer that is yet to be made.

    Raises
    ------
    ParameterError
        It is no optimizer, or one of other parameters.
    """
    held = model.optimizer if given is None else given
    if given is None and held is not None and asked is not None:
        own = fitted_parameters(model, asked)
        if _moved(held) != {id(one) for one in own.values()}:
            held = None  # it was made for others
    if isinstance(held, torch.optim.Optimizer):
        if given is not None and asked is not None:
            got, cure = "parameters= beside an optimizer", "leave it out: the optimizer has its own"
            raise ParameterError(explain("parameters", wanted="one of the two", got=got, cure=cure))
        parameters = _own(model, held)
    else:
        parameters = fitted_parameters(model, asked)
        held = _made(held, list(parameters.values()))
    model.set_optimizer(held)
    return held, parameters


@contextmanager
def only(model: torch.nn.Module, parameters: Mapping[str, torch.nn.Parameter]) -> Iterator[None]:
    """Within this block these parameters alone ask for gradients."""
    chosen = {id(one) for one in parameters.values()}
    before = [(one, one.requires_grad, one.grad) for one in model.parameters()]
    try:
        for one, _, _ in before:
            one.requires_grad_(id(one) in chosen)
        yield
    finally:
        for one, asked, gradient in before:
            one.requires_grad_(asked)
            one.grad = gradient


def choose_scheduler(given: Any, optimizer: torch.optim.Optimizer) -> Any:
    """A scheduler of this optimizer: given as such, or as a function that makes one.

    Raises
    ------
    ContractError
        It is that of another optimizer, or none.

    Examples
    --------
    >>> descent = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> made = choose_scheduler(lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), descent)
    >>> made.optimizer is descent
    True
    """
    if given is None:
        return None
    made = given(optimizer) if callable(given) and not hasattr(given, "step") else given
    made = given(optimizer) if isinstance(given, type) else made
    cure = "scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)"
    wanted = "a scheduler of torch.optim.lr_scheduler, or a function of the optimizer that makes one"
    if not hasattr(made, "step") or not hasattr(made, "state_dict"):
        raise ContractError(explain("scheduler", wanted=wanted, got=type(made).__name__, cure=cure))
    if getattr(made, "optimizer", optimizer) is not optimizer:
        raise ContractError(explain("scheduler", wanted=wanted, got="one of another optimizer", cure=cure))
    return made


def _moved(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(one) for group in optimizer.param_groups for one in group["params"]}


def _own(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Parameters:
    moved = _moved(optimizer)
    found = {path: one for path, one in model.named_parameters() if id(one) in moved}
    if len(found) != len(moved):
        got, cure = "one that moves others, too", "torch.optim.Adam(model.parameters(), lr=0.01)"
        raise ParameterError(explain("optimizer", wanted="one of this model's parameters", got=got, cure=cure))
    whole = [path for path, one in found.items() if getattr(one, "whole", False)]
    if whole:
        cure = "an optimizer of the others"
        raise ParameterError(explain("optimizer", wanted="parameters that can vary", got=whole[0], cure=cure))
    return found


def _made(given: Any, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    if given is None:
        return torch.optim.Adam(parameters, lr=RATE)
    kinds = optimizer_classes()
    if isinstance(given, str):
        if given not in kinds:
            near = difflib.get_close_matches(given, kinds, n=1)
            wanted = f"one of {', '.join(sorted(kinds))}"
            raise ParameterError(
                explain("optimizer", wanted=wanted, got=given, cure=f'"{near[0] if near else "Adam"}"')
            )
        given = kinds[given]
    if not callable(given):
        cure = 'optimizer="Adam", or functools.partial(torch.optim.Adam, lr=0.01)'
        raise ParameterError(explain("optimizer", wanted=_WANTED, got=type(given).__name__, cure=cure))
    try:
        made = given(parameters)
    except (ValueError, TypeError) as error:  # Muon wants matrices, some want a learning rate
        cure = "other parameters=, or functools.partial(torch.optim.SGD, lr=0.01)"
        name = getattr(given, "__name__", repr(given))
        raise ParameterError(explain("optimizer", wanted=_WANTED, got=f"{name}: {error}", cure=cure)) from error
    if not isinstance(made, torch.optim.Optimizer):
        cure = "functools.partial(torch.optim.Adam, lr=0.01)"
        raise ParameterError(explain("optimizer", wanted=_WANTED, got=f"a maker of {type(made).__name__}", cure=cure))
    return made
