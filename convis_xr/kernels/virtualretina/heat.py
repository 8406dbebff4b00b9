"""The low-pass of VirtualRetina's ``leaky-heat-equation``: it blurs what it holds at every step."""

from __future__ import annotations

import math

from torch import Tensor

from ..deriche.weights import checked_width
from ..dispatch import choose
from ..recursion.rate import rate_of
from ..scalars import Scalar, number
from . import reference, steps
from .checks import check_movie

Pair = tuple[Scalar, Scalar]


def leaky_low_pass(x: Tensor, state: Tensor, tau: Scalar, sigma_px: Pair, dt: float) -> tuple[Tensor, Tensor]:
    """Smooth a movie in time and space by a leaky heat equation.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x), float64
        The movie, in any unit.
    state : Tensor (batch, channel, y, x), float64
        The last output; `leaky_rest` of a frame where that frame has always been shown.
    tau : float or 0-d Tensor, s
        Time constant, above 0.
    sigma_px : (float or 0-d Tensor, float or 0-d Tensor), px
        Nominal width along y and x.
    dt : float, s
        Time step.

    Returns
    -------
    y : Tensor, as x
        ``y[k] = D_s(c y[k-1] + (1-c) x[k])``, ``c = exp(-dt/tau)``, where ``D_s`` is Deriche's blur
        (`kernels.deriche`) of width ``s = sigma sqrt(dt/tau)``.
    state : Tensor, as state
        What the next chunk starts from.

    Raises
    ------
    ValueError
        If a shape, a dtype or a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(1, 1, 3, 1, 1, dtype=torch.float64)
    >>> y, _ = leaky_low_pass(x, torch.zeros_like(x[:, :, 0]), 0.01, (2.0, 2.0), 0.01)
    >>> y.flatten().round(decimals=3)
    tensor([0.6320, 0.8650, 0.9500], dtype=torch.float64)
    """
    check_movie("leaky_low_pass", x, state)
    width = _width_of_step("leaky_low_pass", tau, sigma_px, dt)
    route = choose("leaky_low_pass", x, state, tau, *sigma_px)
    if route == "reference":
        return reference.leaky_low_pass(x, state, number(tau), (number(width[0]), number(width[1])), dt)
    rate = rate_of(tau, dt)
    if route == "torch":
        return steps.leaky_low_pass(x, state, rate.to(x), width)
    from . import loops  # numba is loaded when first used

    return loops.leaky_low_pass(x, state, number(rate), (number(width[0]), number(width[1])))


def leaky_rest(frame: Tensor, tau: Scalar, sigma_px: Pair, dt: float) -> Tensor:
    """Return what `leaky_low_pass` holds where one frame has always been shown.

    Parameters
    ----------
    frame : Tensor (batch, channel, y, x), float64
        The frame.
    tau, sigma_px, dt
        As in `leaky_low_pass`.

    Returns
    -------
    Tensor, as frame
        A uniform frame as it is; else ``(1-c) D_s / (1 - c D_s)`` of it.

    Raises
    ------
    ValueError
        If a parameter does not fit.

    Examples
    --------
    >>> import torch
    >>> frame = torch.rand(1, 1, 5, 6, dtype=torch.float64)
    >>> rest = leaky_rest(frame, 0.01, (1.0, 1.0), 0.001)
    >>> still, _ = leaky_low_pass(frame[:, :, None], rest, 0.01, (1.0, 1.0), 0.001)
    >>> bool(torch.allclose(still[:, :, 0], rest, atol=1e-14))
    True
    """
    return steps.leaky_rest(frame, rate_of(tau, dt).to(frame), _width_of_step("leaky_rest", tau, sigma_px, dt))


def _width_of_step(operation: str, tau: Scalar, sigma_px: Pair, dt: float) -> Pair:
    """Return the width of the blur of one step, along both axes."""
    if not (math.isfinite(number(tau)) and number(tau) > 0):
        raise ValueError(f"{operation}: tau: wanted a finite time above 0 s, got {number(tau)}")
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"{operation}: dt: wanted a finite time above 0 s, got {dt}")
    for sigma in sigma_px:
        checked_width(operation, sigma)
    part = (dt / tau) ** 0.5
    return sigma_px[0] * part, sigma_px[1] * part
