"""What the two optimizers have in common: steps downhill in a direction that is theirs, taken back unless they help."""

from __future__ import annotations

import math
import numbers
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from convis_xr.errors import ParameterError, explain
from convis_xr.optimizers.flat import Flat, Trial, search

Look = Callable[[Tensor], float]


class QuasiNewton(torch.optim.Optimizer):
    """Base class: a subclass tells gradient and direction, and keeps the curvature in the state of one parameter."""

    #: whether the closure has to compute gradients
    needs_gradient = True

    def __init__(self, params: Iterable[Any], options: dict[str, Any]) -> None:
        super().__init__(params, options)
        if len(self.param_groups) > 1:
            name, got = type(self).__name__, f"{len(self.param_groups)} groups"
            cure = f"{name}(model.parameters())"
            raise ParameterError(explain(name, wanted="all parameters in one group", got=got, cure=cure))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Go downhill, for at most ``max_iter`` steps.

        Parameters
        ----------
        closure : callable
            Computes the loss and returns it; where `needs_gradient`, clears the gradients before and computes them,
            too. It has to give the same loss at the same place throughout the call, but for noise.

        Returns
        -------
        Tensor or float
            The loss before, as the closure gave it.

        Raises
        ------
        ParameterError
            The loss is no number, or it or its gradient is not finite where the call begins.
        """
        flat, evaluate = Flat(self.param_groups[0]["params"], type(self).__name__), torch.enable_grad()(closure)

        def look(values: Tensor) -> float:
            flat.set(values)
            return _number(evaluate())

        first = evaluate()
        here = Trial(flat.get(), _number(first))
        precision = _precision(first, flat)
        gradient = self._gradient(flat, here, look, precision) if math.isfinite(here.loss) else flat.get()
        _check_finite(here.loss, gradient)
        for _ in range(self.param_groups[0]["max_iter"]):
            if float(gradient.abs().max()) <= self.param_groups[0]["tolerance_grad"]:
                break
            there = self._descend(self.state[flat.anchor], here, gradient, look)
            after = None if there is None else self._gradient(flat, there, look, precision)
            if there is None or after is None or not bool(after.isfinite().all()):
                self._forget(self.state[flat.anchor])
                break
            self._remember(self.state[flat.anchor], there.values - here.values, after - gradient, gradient)
            fallen, here, gradient = here.loss - there.loss, there, after
            if fallen <= self.param_groups[0]["tolerance_change"] * abs(here.loss):
                break
        flat.set(here.values)
        return first

    def _descend(self, kept: dict[str, Any], here: Trial, gradient: Tensor, look: Look) -> Trial | None:
        """A place with a lower loss; None where there is none along the direction, nor along one of no memory."""
        options = self.param_groups[0]
        for again in (False, True):
            if again:
                # what is remembered may be the curvature of another place, or of another batch
                self._forget(kept)
            move = self._direction(kept, gradient) * options["lr"]
            slope = float(move @ gradient)
            if slope < 0 and math.isfinite(slope):
                found = search(here.values, here.loss, move, slope, look, options.get("noise", 0.0))
                if found is not None:
                    return found
        return None

    @abstractmethod
    def _gradient(self, flat: Flat, here: Trial, look: Look, precision: float) -> Tensor:
        """The gradient where the closure was evaluated last."""

    @abstractmethod
    def _direction(self, kept: dict[str, Any], gradient: Tensor) -> Tensor:
        """A step to try first."""

    @abstractmethod
    def _remember(self, kept: dict[str, Any], s: Tensor, y: Tensor, gradient: Tensor) -> None:
        """Learn from a step and the change of the gradient along it."""

    @abstractmethod
    def _forget(self, kept: dict[str, Any]) -> None:
        """Begin the curvature anew."""


def check_options(options: dict[str, Any], above_zero: tuple[str, ...], whole: tuple[str, ...]) -> None:
    """Raise a ParameterError where an option is no number, or out of its range."""
    for name, value in options.items():
        positive, counted = name in above_zero or name in whole, name in whole
        number = float(value) if isinstance(value, numbers.Real) else math.nan
        fits = number > 0 if positive else number >= 0
        if math.isfinite(number) and fits and not (counted and number % 1):
            continue
        wanted = f"a {'whole' if counted else 'finite'} number {'above 0' if positive else 'of 0 or more'}"
        raise ParameterError(explain(name, wanted=wanted, got=repr(value), cure=f"{name}=1"))


def _number(loss: Any) -> float:
    if isinstance(loss, numbers.Real) or (isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex()):
        return float(loss)
    got = f"{loss.dtype} of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    raise ParameterError(explain("closure", wanted="a loss that is a number", got=got, cure="return loss.mean()"))


def _check_finite(loss: float, gradient: Tensor) -> None:
    if math.isfinite(loss) and bool(gradient.isfinite().all()):
        return
    got = "a gradient with NaN or infinity" if math.isfinite(loss) else f"a loss of {loss:g}"
    cure = "parameters to begin with at which the loss is finite"
    raise ParameterError(explain("closure", wanted="a finite loss and gradient", got=got, cure=cure))


def _precision(loss: Any, flat: Flat) -> float:
    """The coarsest rounding among the loss and the parameters, as a part of the value."""
    told = [part.dtype for part in flat.parts]
    if isinstance(loss, Tensor) and loss.is_floating_point():
        told.append(loss.dtype)
    return max(torch.finfo(dtype).eps for dtype in told)
