"""One step of an optimizer: the loss of some blocks, its gradients, and what guards against numbers that are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.fitting.blocks import Predictor, Window
from convis_xr.fitting.bounds import Coordinates

#: adds to the loss: a function of the model
Regularizer = Callable[[Any], Tensor]


class Work(Protocol):
    """What a step descends on: the loss of some part of the data."""

    def compute(self) -> Tensor:
        """The loss, a scalar without a graph; its gradients are added to those of the parameters."""

    def __str__(self) -> str:
        """Which part it is, for messages."""


class Held:
    """Some windows at once: their graphs are held until all of them are computed.

    Parameters
    ----------
    predictor : Predictor
    windows : sequence of Window
    """

    def __init__(self, predictor: Predictor, windows: Sequence[Window]) -> None:
        self._predictor, self._windows = predictor, windows

    def compute(self) -> Tensor:
        """The loss of the sums of all windows."""
        total = sum((self._predictor.follow(window) for window in self._windows), torch.zeros(()))
        return walked_back(self._predictor.loss.value(total))

    def __str__(self) -> str:
        return ", ".join(f"steps {one.block.first} to {one.block.stop}" for one in self._windows)


class Unbroken:
    """A pass in which gradients flow back through all blocks: the graph of all of them is held.

    Parameters
    ----------
    predictor : Predictor
    windows : callable
        Gives the windows of a pass, each begun with the state after the one before; only the first one's counts.
    """

    def __init__(self, predictor: Predictor, windows: Callable[[], Iterator[Window]]) -> None:
        self._predictor, self._windows = predictor, windows

    def compute(self) -> Tensor:
        """The loss of the whole, by one graph."""
        context, total = None, torch.zeros(())
        for window in self._windows():
            if context is None:
                context = self._predictor.context(window.state)
                for block in window.before:
                    self._predictor.show(context, block)
            total = total + self._predictor.compare(context, window.block)
        return walked_back(self._predictor.loss.value(total))

    def __str__(self) -> str:
        return "a whole pass"


class Streamed:
    """A pass whose blocks are walked back one by one, so that only one graph is held.

    The loss is a function of sums over blocks. Its slope by them is known before: of a mean from the number of samples,
    of others from a pass without gradients.

    Parameters
    ----------
    predictor : Predictor
    windows : callable
        As of `Unbroken`, with what comes before each of them.
    totals : callable
        The sums over the whole pass, at the values that the parameters have; of a mean only their number need be so.
    """

    def __init__(
        self, predictor: Predictor, windows: Callable[[], Iterator[Window]], totals: Callable[[], Tensor]
    ) -> None:
        self._predictor, self._windows, self._totals = predictor, windows, totals

    def compute(self) -> Tensor:
        """The loss of the whole."""
        loss = self._predictor.loss
        leaf = self._totals().detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss.value(leaf), leaf)
        total = torch.zeros(())
        for window in self._windows():
            sums = self._predictor.follow(window)
            # a block in which nothing was recorded has none
            if sums.requires_grad:
                (sums * slope.to(sums.device)).sum().backward()
            total = total + sums.detach()
        return loss.value(total).detach()

    def __str__(self) -> str:
        return "a whole pass"


def walked_back(loss: Tensor) -> Tensor:
    """The loss without its graph, the gradients of which are added to those of the parameters."""
    if loss.requires_grad:
        loss.backward()
    return loss.detach()


class Descent:
    """Steps of one optimizer on one model.

    Parameters
    ----------
    model : Layer
    optimizer : torch.optim.Optimizer
    coordinates : Coordinates
    regularizers : sequence of callable (model) -> Tensor
    clip : float, optional
        Largest norm of all gradients together, by what the optimizer moves.
    """

    def __init__(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer,
        coordinates: Coordinates,
        regularizers: Sequence[Regularizer],
        clip: float | None,
    ) -> None:
        self._model, self._optimizer, self._coordinates = model, optimizer, coordinates
        self._regularizers, self._clip = regularizers, clip
        #: where the loss was finite
        self._good = coordinates.snapshot()

    def step(self, work: Work) -> float:
        """Let the optimizer go one step, and return the loss from before it.

        Raises
        ------
        ContractError, ParameterError
            NaN or infinity; the parameters are then where the loss was last finite.
        """
        before, losses = self._coordinates.snapshot(), []

        def closure() -> float:
            with self._coordinates.valued(), torch.enable_grad():
                losses.append(self._loss(work))
            if len(losses) == 1:
                self._good = before
            self._finish()
            return losses[-1]

        try:
            with self._coordinates.free():
                self._optimizer.step(closure)  # type: ignore[arg-type]
            self._check_values(work)
        except BaseException:
            self._coordinates.restore(self._good)
            raise
        return losses[0]

    def penalty(self) -> float:
        """What the regularizers add now."""
        with torch.no_grad():
            return float(sum(term(self._model) for term in self._regularizers))

    def _loss(self, work: Work) -> float:
        """Loss and regularizers, and gradients of both."""
        self._optimizer.zero_grad()
        loss = float(work.compute())
        for term in self._regularizers:
            loss += float(walked_back(term(self._model)))
        if not math.isfinite(loss):
            cure = "a smaller learning rate, clip=1.0, or a look at what the model gives for this part"
            raise ContractError(explain(f"loss of {work}", wanted="a finite number", got=f"{loss}", cure=cure))
        gradients = {name: one.grad for name, one in self._coordinates.parameters.items()}
        for name, gradient in gradients.items():
            if gradient is not None and not bool(torch.isfinite(gradient).all()):
                got = f"NaN or infinity for {work}"
                cure = "other values to begin with, or a nonlinearity with a slope everywhere"
                raise ParameterError(explain(f"gradient of {name}", wanted="finite numbers", got=got, cure=cure))
        if all(gradient is None for gradient in gradients.values()) and needs_gradient(self._optimizer):
            raise _unreached(list(gradients))
        return loss

    def _finish(self) -> None:
        """What an optimizer wants of gradients beside their being there."""
        moved = list(self._coordinates.parameters.values())
        if self._clip is not None:
            torch.nn.utils.clip_grad_norm_(moved, self._clip)
        if isinstance(self._optimizer, torch.optim.SparseAdam):
            for one in moved:
                one.grad = None if one.grad is None else one.grad.to_sparse()

    def _check_values(self, work: Work) -> None:
        for name, one in self._coordinates.parameters.items():
            if not bool(torch.isfinite(one).all()):
                got = f"NaN or infinity after a step on {work}"
                cure = "a smaller learning rate, or clip=1.0"
                raise ParameterError(explain(name, wanted="finite values", got=got, cure=cure))


def needs_gradient(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer looks at gradients; one that does not says so by ``needs_gradient = False``."""
    return bool(getattr(optimizer, "needs_gradient", True))


def _unreached(names: list[str]) -> ContractError:
    wanted = f"an output that gradients of {', '.join(names)} reach"
    cure = 'output="..." of a stage with values that are no counts ("parvo_on_current"), or spikes with surrogate='
    return ContractError(explain("output", wanted=wanted, got="none of them", cure=cure))
