"""Losses, as sums over samples: the loss of data that are looked at in blocks is that of the whole.

Each gives ``sums`` of a block, which can be added, and the ``value`` of added sums. All of them leave out what was not
recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from convis_xr.errors import ContractError, explain

#: added to a rate or probability before its logarithm is taken: a spike that a model excludes costs 18 nats
LEAST = 1e-8


class Loss(Protocol):
    """What a fit makes small."""

    #: by which it is asked for
    name: str
    #: whether its value is the first of its sums over the second
    is_mean: bool
    #: whether prediction and response are counts per step
    counts: bool

    def sums(self, prediction: Tensor, response: Tensor, valid: Tensor) -> Tensor:
        """Sums over a block.

        Parameters
        ----------
        prediction, response : Tensor (time, repeat, ...)
            Of one shape; the response is 0 where it is not valid.
        valid : Tensor of bool (time, repeat, ...)

        Returns
        -------
        Tensor (sum, ...), float64
        """

    def value(self, sums: Tensor) -> Tensor:
        """The loss, a scalar, of sums that were added."""

    def is_usable(self, response: Tensor, valid: Tensor) -> bool:
        """Whether a block with this response alone tells anything."""


class Mean:
    """The mean over samples of a function of each.

    Parameters
    ----------
    name : str
    function : callable (prediction, response) -> Tensor
        A value for each sample, of tensors (time, ...), or (time, repeat, ...) where there are several repeats.
    counts : bool
        Whether prediction and response must be counts per step.
    least : float, optional
        What prediction and response must not fall below.

    Examples
    --------
    >>> loss = Mean("squared_error", lambda p, r: (p - r) ** 2)
    >>> p, r = torch.ones(4, 1), torch.tensor([[1.0], [3], [0], [1]])
    >>> valid = torch.tensor([[True], [True], [False], [True]])
    >>> sums = loss.sums(p, r, valid)
    >>> sums.tolist(), round(loss.value(sums).item(), 3)
    ([4.0, 3.0], 1.333)
    """

    is_mean = True

    def __init__(
        self, name: str, function: Callable[[Tensor, Tensor], Tensor], counts: bool = False, least: float | None = None
    ) -> None:
        self.name, self.counts = name, counts
        self._function, self._least = function, least

    def sums(self, prediction: Tensor, response: Tensor, valid: Tensor) -> Tensor:
        """Sum over samples, and their number."""
        if self._least is not None:
            self._check(prediction, "prediction", valid, self._least)
            self._check(response, "response", valid, self._least)
        alone = prediction.shape[1] == 1
        each = self._function(*(one.squeeze(1) if alone else one for one in (prediction, response)))
        if not isinstance(each, Tensor):
            cure = "functions of torch, so that gradients flow"
            got = type(each).__name__
            raise ContractError(explain(f"loss {self.name}", wanted="a torch.Tensor", got=got, cure=cure))
        each = each.unsqueeze(1) if alone and each.ndim else each
        number = valid.sum().double()
        if each.shape == valid.shape:
            return torch.stack([torch.where(valid, each, 0).double().sum(), number])
        if each.ndim == 0:
            return self._weighted(each, valid, number)
        wanted = f"a value for each sample, shape {tuple(valid.shape)}, or one for all"
        got, cure = f"shape {tuple(each.shape)}", "return (prediction - response) ** 2"
        raise ContractError(explain(f"loss {self.name}", wanted=wanted, got=got, cure=cure))

    def value(self, sums: Tensor) -> Tensor:
        """The mean."""
        return sums[0] / sums[1]

    def is_usable(self, response: Tensor, valid: Tensor) -> bool:
        """Whether anything was recorded."""
        return bool(valid.any())

    def _weighted(self, mean: Tensor, valid: Tensor, number: Tensor) -> Tensor:
        if not bool(valid.all()):
            wanted = "a value for each sample, so that those which were not recorded can be left out"
            cure = "return (prediction - response) ** 2 and not its mean"
            raise ContractError(explain(f"loss {self.name}", wanted=wanted, got="one for all", cure=cure))
        return torch.stack([mean.double() * number, number])

    def _check(self, values: Tensor, name: str, valid: Tensor, least: float) -> None:
        below = valid & (values < least)
        if bool(below.any()):
            got, cure = f"{float(values[below].min()):.6g}", 'a nonlinearity such as "softplus" at the end of the model'
            cure = "counts" if name == "response" else cure
            raise ContractError(
                explain(name, wanted=f"values from {least:g} on for loss {self.name!r}", got=got, cure=cure)
            )


class Correlation:
    r"""One minus Pearson's correlation over time, averaged over cells.

    Cells whose response does not vary are left out; a prediction that does not vary has correlation 0.

    Examples
    --------
    >>> loss = Correlation()
    >>> p, r = torch.tensor([0.0, 1, 2]).view(3, 1, 1), torch.tensor([1.0, 3, 5]).view(3, 1, 1)
    >>> abs(round(loss.value(loss.sums(p, r, torch.ones(3, 1, 1, dtype=torch.bool))).item(), 6))
    0.0
    """

    name, is_mean, counts = "correlation", False, False

    def sums(self, prediction: Tensor, response: Tensor, valid: Tensor) -> Tensor:
        """For each cell: number, sums of prediction and response, of their squares and of their product."""
        return moments(prediction, response, valid)

    def value(self, sums: Tensor) -> Tensor:
        """The mean over cells of one minus the correlation."""
        r = correlation_of(sums)
        varied = torch.isfinite(r)
        if not bool(varied.any()):
            wanted, cure = "a response that varies over time in some cell", "cells that respond, or more data"
            got = "constant responses alone"
            raise ContractError(explain("response", wanted=wanted, got=got, cure=cure))
        return 1 - r[varied].mean()

    def is_usable(self, response: Tensor, valid: Tensor) -> bool:
        """Whether the response of a cell varies."""
        return bool(torch.isfinite(correlation_of(moments(response, response, valid))).any())


def moments(prediction: Tensor, response: Tensor, valid: Tensor) -> Tensor:
    """Sums (6, cell) of (time, repeat, ...): number, prediction, response, their squares, their product."""
    p, r = (torch.where(valid, one, 0).double() for one in (prediction, response))
    parts = (valid.double(), p, r, p * p, r * r, p * r)
    return torch.stack([part.sum((0, 1)).reshape(-1) for part in parts])


def correlation_of(sums: Tensor) -> Tensor:
    """Pearson's correlation of each cell from `moments`; NaN where the response does not vary."""
    n = sums[0].clamp(min=1)
    mean_p, mean_r = sums[1] / n, sums[2] / n
    var_p, var_r, covariance = sums[3] / n - mean_p**2, sums[4] / n - mean_r**2, sums[5] / n - mean_p * mean_r
    # what is left of a constant by rounding does not vary
    p_varies, r_varies = var_p > 1e-12 * sums[3] / n, var_r > 1e-12 * sums[4] / n
    norm = (torch.where(p_varies, var_p, 1) * torch.where(r_varies, var_r, 1)).sqrt()
    return torch.where(r_varies, torch.where(p_varies, covariance / norm, 0), torch.nan)


def explained_variance_of(sums: Tensor) -> Tensor:
    """One minus mean squared error over the response's variance, of each cell; NaN where it does not vary."""
    n = sums[0].clamp(min=1)
    variance = sums[4] / n - (sums[2] / n) ** 2
    error = (sums[3] - 2 * sums[5] + sums[4]) / n
    return torch.where(variance > 1e-12 * sums[4] / n, 1 - error / variance, torch.nan)


def squared_error(prediction: Tensor, response: Tensor) -> Tensor:
    """``(prediction - response)**2`` of each sample."""
    return (prediction - response) ** 2


def poisson(prediction: Tensor, response: Tensor) -> Tensor:
    r"""Minus the log-likelihood of counts, nats, but for :math:`\log n!`: :math:`\lambda - n \log \lambda`."""
    return prediction - response * torch.log(prediction + LEAST)


def bernoulli(prediction: Tensor, response: Tensor) -> Tensor:
    r"""Minus the log-likelihood of "a spike or none", nats; the prediction is the probability of one."""
    spike = response.clamp(max=1)
    return -spike * torch.log(prediction + LEAST) - (1 - spike) * torch.log(1 - prediction + LEAST)


def bernoulli_of_rate(prediction: Tensor, response: Tensor) -> Tensor:
    r"""As `bernoulli` for a Poisson cell whose expected count is known: :math:`P(n > 0) = 1 - e^{-\lambda}`."""
    spike = response.clamp(max=1)
    return -spike * torch.log(LEAST - torch.expm1(-prediction)) + (1 - spike) * prediction


LOSSES = ("squared_error", "poisson", "bernoulli", "correlation")


def loss_of(given: Any, probability: bool) -> Loss:
    """A loss by its name, or made of a function of prediction and response.

    Parameters
    ----------
    given : {"squared_error", "poisson", "bernoulli", "correlation"}, callable or Loss
    probability : bool
        Whether the prediction has no unit: for "bernoulli" it is then a probability, else a rate.

    Raises
    ------
    ContractError
        Something else.

    Examples
    --------
    >>> loss_of("poisson", probability=False).counts
    True
    """
    if all(hasattr(given, name) for name in ("sums", "value", "is_usable", "is_mean", "counts", "name")):
        made: Loss = given
        return made
    if isinstance(given, str) and given in LOSSES:
        if given == "correlation":
            return Correlation()
        functions = {"squared_error": squared_error, "poisson": poisson, "bernoulli": bernoulli}
        function = bernoulli_of_rate if given == "bernoulli" and not probability else functions[given]
        counted = given != "squared_error"
        return Mean(given, function, counts=counted, least=0.0 if counted else None)
    if callable(given):
        return Mean(str(getattr(given, "__name__", type(given).__name__)), given)
    wanted = f"one of {', '.join(LOSSES)}, or a function of prediction and response"
    raise ContractError(explain("loss", wanted=wanted, got=repr(given), cure='loss="poisson"'))
