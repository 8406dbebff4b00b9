"""The adjoints of the time recursions as compiled loops: recursions of their own, from the last step to the first.

With ``l[k]`` the gradient in the state after step k, ``l[k] = g[k] + c l[k+1]``, and that in the input is
``rate l[k]``. Nothing of the forward pass is needed for it. A recursion is linear in movie and start state,
``<g, y> = <grad_x, x> + <grad_state, state>``, so the gradient in a parameter is the derivative of the right side: the
adjoint carries its own derivative along, and needs the movie only, not the outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from ..compiled import compiled
from ..memory import empty_like
from ..threads import parallel
from ..tiles import tiles, units
from .loops import TILE

#: What entered: the movie and the state.
Entered = tuple[Tensor, Tensor]


def cascade(
    grad_y: Tensor, grad_end: Tensor, rate: float, entered: Entered | None, wants_movie: bool
) -> tuple[Tensor | None, Tensor, float]:
    """Return the gradients of ``loops.cascade`` in its movie, state and rate.

    Parameters
    ----------
    grad_y : Tensor (batch, channel, time, y, x)
        Gradient in the output.
    grad_end : Tensor (pole, batch, channel, y, x)
        Gradient in the final state.
    rate : float
        As it entered.
    entered : (x, state), or None
        What else entered; None where the gradient in the rate is not wanted.
    wants_movie : bool
        Whether the gradient in the movie is wanted.

    Returns
    -------
    Tensor as x or None, Tensor as state, float
        None for the movie, and 0 for the rate, where they are not wanted.
    """
    grads, grad_x, grad_state = _prepare(grad_y, grad_end, wants_movie)
    back, out, poles = units(grads), units(grad_x), _poles(grad_state)
    rate = back.dtype.type(rate)
    slope = 0.0
    if entered is None:
        parallel(lambda tile: _cascade(back, poles, out, rate, *tile), tiles(back, TILE))
    else:
        movie, slopes, total = units(entered[0].detach().contiguous()), np.zeros_like(poles), np.zeros(poles.shape[1:])
        parallel(lambda tile: _cascade_slope(movie, back, poles, slopes, out, total, rate, *tile), tiles(back, TILE))
        slope = float(total.sum()) + _product(slopes, entered[1])
    return grad_x if wants_movie else None, grad_state, slope


def high_pass(
    grad_y: Tensor, grad_end: Tensor, rate: float, weight: float, entered: Entered | None, wants_movie: bool
) -> tuple[Tensor | None, Tensor, float, float]:
    """Return the gradients of ``loops.high_pass`` in its movie, state, rate and weight; else as `cascade`."""
    grads, grad_x, grad_state = _prepare(grad_y, grad_end, wants_movie)
    back, out, low = units(grads), units(grad_x), _poles(grad_state)[0]
    rate, weight = back.dtype.type(rate), back.dtype.type(weight)
    if entered is None:
        parallel(lambda tile: _high_pass(back, low, out, rate, weight, *tile), tiles(back, TILE))
        return grad_x if wants_movie else None, grad_state, 0.0, 0.0
    movie = units(entered[0].detach().contiguous())
    slopes, totals = np.zeros((2, *low.shape), low.dtype), np.zeros((2, *low.shape))
    parallel(
        lambda tile: _high_pass_slopes(movie, back, low, slopes, out, totals, rate, weight, *tile), tiles(back, TILE)
    )
    in_rate, in_weight = (float(totals[i].sum()) + _product(slopes[i], entered[1]) for i in range(2))
    return grad_x if wants_movie else None, grad_state, in_rate, in_weight


def _prepare(grad_y: Tensor, grad_end: Tensor, wants_movie: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradient in one piece, room for that in the movie, and that in the state to write to.

    The room is one frame, overwritten at every step, where nobody wants what is in it.
    """
    grads = grad_y.contiguous()
    grad_x = empty_like(grads if wants_movie else grads[:, :, :1])
    return grads, grad_x, grad_end.clone(memory_format=torch.contiguous_format)


def _poles(state: Tensor) -> ndarray:
    """See a state as (pole, unit, pixel)."""
    return state.flatten(3).flatten(1, 2).numpy()


def _product(slopes: ndarray, state: Tensor) -> float:
    return float(np.vdot(slopes.astype(np.float64), state.detach().double().contiguous().numpy()))


@compiled
def _cascade(back, poles, out, rate, unit, start, stop):  # type: ignore[no-untyped-def]
    frames = out.shape[1]
    for k in range(back.shape[1] - 1, -1, -1):
        value = back[unit, k, start:stop]
        y = out[unit, min(k, frames - 1), start:stop]
        for pole in range(poles.shape[0] - 1, -1, -1):
            later = poles[pole, unit, start:stop]
            for p in range(stop - start):
                whole = value[p] + later[p]
                part = rate * whole
                y[p] = part
                later[p] = whole - part
            value = y


@compiled
def _cascade_slope(movie, back, poles, slopes, out, total, rate, unit, start, stop):  # type: ignore[no-untyped-def]
    """Do what `_cascade` does, with the derivative in the rate of every number beside it."""
    frames = out.shape[1]
    passed = np.empty(stop - start, out.dtype)
    for k in range(back.shape[1] - 1, -1, -1):
        value = back[unit, k, start:stop]
        y = out[unit, min(k, frames - 1), start:stop]
        passed[:] = 0
        for pole in range(poles.shape[0] - 1, -1, -1):
            later, slope = poles[pole, unit, start:stop], slopes[pole, unit, start:stop]
            for p in range(stop - start):
                whole, steep = value[p] + later[p], passed[p] + slope[p]
                part = rate * whole
                y[p] = part
                later[p] = whole - part
                passed[p] = whole + rate * steep
                slope[p] = steep - passed[p]
            value = y
        x, sums = movie[unit, k, start:stop], total[unit, start:stop]
        for p in range(stop - start):
            sums[p] += x[p] * passed[p]


@compiled
def _high_pass(back, low, out, rate, weight, unit, start, stop):  # type: ignore[no-untyped-def]
    frames, later = out.shape[1], low[unit, start:stop]
    for k in range(back.shape[1] - 1, -1, -1):
        g, y = back[unit, k, start:stop], out[unit, min(k, frames - 1), start:stop]
        for p in range(stop - start):
            whole = later[p] - weight * g[p]
            part = rate * whole
            y[p] = g[p] + part
            later[p] = whole - part


@compiled
def _high_pass_slopes(movie, back, low, slopes, out, totals, rate, weight, unit, start, stop):  # type: ignore[no-untyped-def]
    """Do what `_high_pass` does, with the derivatives in rate and weight of every number beside it."""
    frames, later = out.shape[1], low[unit, start:stop]
    in_rate, in_weight = slopes[0, unit, start:stop], slopes[1, unit, start:stop]
    sums_rate, sums_weight = totals[0, unit, start:stop], totals[1, unit, start:stop]
    for k in range(back.shape[1] - 1, -1, -1):
        x, g = movie[unit, k, start:stop], back[unit, k, start:stop]
        y = out[unit, min(k, frames - 1), start:stop]
        for p in range(stop - start):
            whole, steep_weight = later[p] - weight * g[p], in_weight[p] - g[p]
            part, part_rate, part_weight = rate * whole, whole + rate * in_rate[p], rate * steep_weight
            y[p] = g[p] + part
            later[p] = whole - part
            in_rate[p] -= part_rate
            in_weight[p] = steep_weight - part_weight
            sums_rate[p] += x[p] * part_rate
            sums_weight[p] += x[p] * part_weight
