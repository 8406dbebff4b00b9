"""Recursions in time: exponential low-pass, gamma cascade, partial high-pass.

Every pixel is filtered on its own. ``c = exp(-dt/tau)``, and ``y[k] = c y[k-1] + (1-c) x[k]``: the gain at rest is 1,
so a constant input is reproduced. The last output of each pole is the state.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..dispatch import choose, gradient_wanted
from ..scalars import Scalar, number
from . import adjoint, reference, steps
from .rate import rate_of

__all__ = ["gamma_low_pass", "low_pass", "partial_high_pass", "rest"]


def low_pass(x: Tensor, state: Tensor, tau: Scalar, dt: float) -> tuple[Tensor, Tensor]:
    """Smooth a movie in time by an exponential low-pass.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        The movie, in any unit.
    state : Tensor (batch, channel, y, x), as x
        The last output; `rest` of a frame where that frame has always been shown.
    tau : float or 0-d Tensor, s
        Time constant; 0 is the identity.
    dt : float, s
        Time step.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = c y[k-1] + (1-c) x[k]``, ``c = exp(-dt/tau)``.
    state : Tensor, as state
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape, a dtype, `tau` or `dt` does not fit.

    Examples
    --------
    >>> x = torch.ones(1, 1, 3, 1, 1)
    >>> y, state = low_pass(x, torch.zeros(1, 1, 1, 1), tau=0.01, dt=0.01)
    >>> y.flatten().round(decimals=3)
    tensor([0.6320, 0.8650, 0.9500])
    """
    y, state = _cascade("low_pass", x, state.unsqueeze(0), tau, dt)
    return y, state.squeeze(0)


def gamma_low_pass(x: Tensor, state: Tensor, tau: Scalar, n: int, dt: float) -> tuple[Tensor, Tensor]:
    """Smooth a movie in time by a gamma cascade: ``n + 1`` equal low-passes in a row.

    Each has the time constant ``tau/n``, so the impulse response ``(n t)^n exp(-n t/tau) / ((n-1)! tau^(n+1))`` peaks
    at ``t = tau`` (Wohrer & Kornprobst 2009); ``n = 0`` is `low_pass`.

    Parameters
    ----------
    x, dt
        As in `low_pass`.
    state : Tensor (n + 1, batch, channel, y, x), as x
        The last output of each low-pass.
    tau : float or 0-d Tensor, s
        Time to the peak of the impulse response; 0 is the identity.
    n : int
        Order.

    Returns
    -------
    y, state : Tensor
        As in `low_pass`.

    Raises
    ------
    ValueError
        If a shape, a dtype, `tau`, `n` or `dt` does not fit.

    Examples
    --------
    >>> x = torch.ones(1, 1, 4, 2, 2)
    >>> y, state = gamma_low_pass(x, rest(x[:, :, 0], n=2), tau=0.01, n=2, dt=0.001)
    >>> bool((y == 1).all()), state.shape
    (True, torch.Size([3, 1, 1, 2, 2]))
    """
    if n < 0 or int(n) != n:
        raise ValueError(f"gamma_low_pass: n: wanted a whole number of 0 or more, got {n!r}")
    if state.shape[:1] != (n + 1,):
        raise ValueError(f"gamma_low_pass: state: wanted {n + 1} poles in front, got shape {tuple(state.shape)}")
    return _cascade("gamma_low_pass", x, state, tau / n if n else tau, dt)


def partial_high_pass(x: Tensor, state: Tensor, tau: Scalar, weight: Scalar, dt: float) -> tuple[Tensor, Tensor]:
    """Take a part of its low-pass away from a movie: ``y = x - weight * low_pass(x)``.

    Parameters
    ----------
    x, state, tau, dt
        As in `low_pass`.
    weight : float or 0-d Tensor, dimensionless
        The part; the gain at rest is ``1 - weight``.

    Returns
    -------
    y : Tensor, as x
        The movie, its slow part weakened.
    state : Tensor, as state
        The low-pass at the end, what the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape, a dtype, `tau`, `weight` or `dt` does not fit.

    Examples
    --------
    >>> x = torch.ones(1, 1, 2, 1, 1)
    >>> y, _ = partial_high_pass(x, rest(x[:, :, 0]).squeeze(0), tau=0.1, weight=0.75, dt=0.001)
    >>> y.flatten()
    tensor([0.2500, 0.2500])
    """
    operation = "partial_high_pass"
    if not math.isfinite(number(weight)):
        raise ValueError(f"{operation}: weight: wanted a finite number, got {number(weight)}")
    poles, rate = state.unsqueeze(0), _checked_rate(operation, x, state.unsqueeze(0), tau, dt)
    route = choose(operation, x, state, tau, weight, triton=True, adjoint=True)
    if route == "reference":
        y, poles = reference.high_pass(x, poles, number(tau), number(weight), dt)
    elif route != "torch" and rate < 1:
        if gradient_wanted(x, poles, rate, weight):
            y, poles = adjoint.high_pass(x, poles, rate, weight, route)
        else:
            y, poles = adjoint.loops_of(route).high_pass(x, poles, number(rate), number(weight))
    else:
        low, poles = _identity(x, poles, rate) if rate == 1 else steps.cascade(x, poles, rate)
        y = x - torch.as_tensor(weight, dtype=torch.float64).to(x) * low
    return y, poles.squeeze(0)


def rest(frame: Tensor, n: int = 0) -> Tensor:
    """Return the state of a cascade to which one frame has always been shown.

    Parameters
    ----------
    frame : Tensor (batch, channel, y, x)
        The frame.
    n : int
        Order of the cascade.

    Returns
    -------
    Tensor (n + 1, batch, channel, y, x)
        Every pole holds the frame.

    Examples
    --------
    >>> rest(torch.ones(1, 1, 2, 2), n=1).shape
    torch.Size([2, 1, 1, 2, 2])
    """
    return frame.expand(n + 1, *frame.shape).clone()


def _cascade(operation: str, x: Tensor, poles: Tensor, tau: Scalar, dt: float) -> tuple[Tensor, Tensor]:
    rate = _checked_rate(operation, x, poles, tau, dt)
    route = choose(operation, x, poles, tau, triton=True, adjoint=True)
    if route == "reference":
        return reference.cascade(x, poles, number(tau), dt)
    if rate == 1:
        return _identity(x, poles, rate)
    if route != "torch":
        if gradient_wanted(x, poles, rate):
            return adjoint.cascade(x, poles, rate, route)
        return adjoint.loops_of(route).cascade(x, poles, number(rate))
    return steps.cascade(x, poles, rate)


def _identity(x: Tensor, poles: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a cascade without memory gives: ``pole + 1 * (x - pole)`` would round, ``1 * x`` does not."""
    y = x * rate
    return y, y[:, :, -1].expand(poles.shape).clone() if x.shape[2] else poles.clone()


def _checked_rate(operation: str, x: Tensor, poles: Tensor, tau: Scalar, dt: float) -> Tensor:
    """Return ``1 - exp(-dt/tau)``, the part of the way to its input that a pole goes in a step, in the dtype of x."""
    if x.dim() != 5 or not x.is_floating_point():
        raise ValueError(
            f"{operation}: x: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    wanted = (x.shape[0], x.shape[1], x.shape[3], x.shape[4])
    if poles.shape[1:] != wanted or poles.dtype != x.dtype or poles.device != x.device:
        raise ValueError(
            f"{operation}: state: wanted {x.dtype} of shape {wanted} on {x.device}, "
            f"got {poles.dtype} of shape {tuple(poles.shape[1:])} on {poles.device}"
        )
    if not (math.isfinite(number(tau)) and number(tau) >= 0):
        raise ValueError(f"{operation}: tau: wanted a finite time of 0 s or more, got {number(tau)}")
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"{operation}: dt: wanted a finite time above 0 s, got {dt}")
    return rate_of(tau, dt).to(x.dtype)  # not to a card: its value is asked for
