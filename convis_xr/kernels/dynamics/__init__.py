"""Spikes of cells that are differential equations: Izhikevich, FitzHugh-Nagumo, Hodgkin-Huxley.

All are integrated by Runge and Kutta's fourth order in sub-steps of a physical length, in float64 whatever the dtype of
the input is: what a sub-step adds is small beside what it is added to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..dispatch import choose
from ..refused import Refused
from ..scalars import number
from . import reference, steps
from .cells import MOST, VARIABLES, Cell, FitzHughNagumo, HodgkinHuxley, Izhikevich

__all__ = ["Cell", "FitzHughNagumo", "HodgkinHuxley", "Izhikevich", "follow", "gates_at_rest", "parts_of"]

#: Most sub-steps in a step: whoever needs more has mistaken a unit, and would wait for ever.
MANY = 1_000_000


def follow(
    current: Tensor, state: Tensor, cell: Cell, *, dt: float, max_step: float, kept: Sequence[str] = ()
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Turn currents into spike counts and membranes.

    Each step of the input is cut into as many equal sub-steps as are needed for none to be longer than ``max_step``;
    within the step the input is constant. Spikes are found at the ends of sub-steps.

    Parameters
    ----------
    current : Tensor (batch, channel, time, y, x)
        Input, in the cell's own unit. Where it is NaN, the membrane becomes NaN and stays so, and fires no more.
    state : Tensor (variable, batch, channel, y, x), float64
        What `cells.VARIABLES` names.
    cell : Izhikevich, FitzHughNagumo or HodgkinHuxley
        Parameters. Where one of them, the state or the current wants a gradient, the traces carry it; not so those of
        Izhikevich, which jump at times that depend on everything.
    dt : float, s
        Time step.
    max_step : float, s
        Longest sub-step.
    kept : sequence of str
        Names of the variables that are wanted as traces.

    Returns
    -------
    counts : Tensor (batch, channel, time, y, x), uint8
        Spikes per step.
    traces : dict of Tensor, as current
        Each variable at the end of each step.
    state : Tensor, as state
        What the next chunk starts from.

    Raises
    ------
    OverflowError
        If a cell fires more than 255 times in one step.
    Refused
        If a cell is driven so strongly that the sub-steps do not follow it, or if they are far too many.
    ValueError
        If a shape, a dtype or a parameter does not fit.

    Examples
    --------
    >>> cell = FitzHughNagumo(a=0.7, b=0.8, epsilon=0.08, threshold=0.0, time_unit=1e-3)
    >>> start = torch.tensor([-1.2, -0.6], dtype=torch.float64).view(2, 1, 1, 1, 1)
    >>> counts, traces, _ = follow(torch.full((1, 1, 200, 1, 1), 0.5), start, cell, dt=1e-3, max_step=5e-5, kept=["v"])
    >>> int(counts.sum()), round(float(traces["v"].max()), 1)
    (5, 2.0)
    """
    _check(current, state, cell, dt, max_step)
    parts = parts_of(dt, max_step)
    plain = type(cell)(*(number(value) for value in cell))
    if isinstance(cell, Izhikevich):
        current, state, cell = current.detach(), state.detach(), plain
    h = dt / parts / cell.time_unit
    limits = plain.limits(number(h))
    names = VARIABLES[type(cell)]
    indices = [names.index(name) for name in kept]
    # the state is float64, whatever else: only whether it wants a gradient counts
    route = choose("follow", current, *cell, state.to(current.dtype))
    if route == "compiled":
        from . import loops  # numba is loaded when first used

        counts, traces, new, stops = loops.follow(
            current.detach(), state.detach(), plain, number(h), parts, limits, indices
        )
        for unit, k, pixel, often in stops[:1]:
            where = (*divmod(unit, current.shape[1]), k, *divmod(pixel, current.shape[4]))
            raise _fault(where, often, current, plain, dt, dt / parts)
        return counts, dict(zip(kept, traces.unbind(0), strict=True)), new
    if route == "torch":
        made, traces, new, failed = steps.follow(current, state.to(torch.float64), cell, h, parts, limits)
    else:
        made, traces, new, failed = _reference(current, state, plain, number(h), parts)
    _stop_at(failed, made, current, plain, dt, dt / parts)
    return made.to(torch.uint8), {name: traces[j].to(current.dtype) for name, j in zip(kept, indices, strict=True)}, new


def parts_of(dt: float, max_step: float) -> int:
    """How many equal sub-steps no longer than ``max_step`` make a step.

    Examples
    --------
    >>> parts_of(1e-3, 1e-5), parts_of(1e-3, 3e-4), parts_of(1e-6, 1e-5)
    (100, 4, 1)
    """
    return max(1, math.ceil(dt / max_step - 1e-6))


def gates_at_rest(v: Tensor) -> Tensor:
    """Where the gates m, h, n of Hodgkin and Huxley go while the membrane is held at v.

    Parameters
    ----------
    v : Tensor, mV
        The membrane, float64.

    Returns
    -------
    Tensor (3, ...), as v

    Examples
    --------
    >>> gates_at_rest(torch.tensor(-65.0, dtype=torch.float64)).round(decimals=3)
    tensor([0.0530, 0.5960, 0.3180], dtype=torch.float64)
    """
    return torch.stack([alpha / (alpha + beta) for alpha, beta in steps.rates(v)])


def _reference(
    current: Tensor, state: Tensor, cell: Cell, h: float, parts: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    flat = current.detach().movedim(2, 0).flatten(1).cpu().numpy().astype(np.float64)
    values = state.detach().flatten(1).cpu().numpy().astype(np.float64)
    counts, traces, new, stops = reference.follow(flat, values, cell, h, parts)
    frame = (*current.shape[:2], *current.shape[3:])
    failed = torch.zeros(counts.shape, dtype=torch.bool)
    for k, i in stops:
        failed[k, i] = True
    shape = (current.shape[2], *frame)
    whole = torch.from_numpy(traces).view(len(new), *shape).movedim(1, 3)
    made = torch.from_numpy(counts).view(shape).movedim(0, 2)
    return made, whole, torch.from_numpy(new).view(len(new), *frame), failed.view(shape).movedim(0, 2)


def _stop_at(failed: Tensor, counts: Tensor, current: Tensor, cell: Cell, dt: float, h: float) -> None:
    """Raise for the first cell that the sub-steps do not follow or that fires too often, if there is one."""
    if failed.dim() == 4:  # of the last step that was computed
        last = torch.zeros(counts.shape, dtype=torch.bool, device=counts.device)
        last[:, :, -1] = failed
        failed = last
    bad = (failed | (counts > MOST)).nonzero()
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise _fault(where, not bool(failed[where]), current, cell, dt, h)


def _fault(where: tuple[int, ...], often: bool, current: Tensor, cell: Cell, dt: float, h: float) -> Exception:
    name, drive = type(cell).__name__, float(current[where].detach())
    place = f"the cell (batch, channel, y, x) = {(*where[:2], *where[3:])} in time step {where[2]} of its input"
    if often:
        return OverflowError(
            f"{name}: {place} fires more than {MOST} times in {dt:g} s, driven by {drive:g}: more than a uint8 count "
            "can hold; take a shorter time step or a weaker input"
        )
    return Refused(
        f"{name}: wanted an input that sub-steps of {h:g} s can follow, got {drive:g} for {place}. "
        "Cure: a weaker input (look at its unit), or a shorter max_step."
    )


def _check(current: Tensor, state: Tensor, cell: Cell, dt: float, max_step: float) -> None:
    name = type(cell).__name__
    if current.dim() != 5 or not current.is_floating_point():
        raise ValueError(
            f"{name}: current: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {current.dtype} of shape {tuple(current.shape)}"
        )
    shape = (len(VARIABLES[type(cell)]), *current.shape[:2], *current.shape[3:])
    if state.shape != shape or not state.is_floating_point() or state.device != current.device:
        raise ValueError(
            f"{name}: state: wanted floating point of shape {shape} on {current.device}, "
            f"got {state.dtype} of shape {tuple(state.shape)} on {state.device}"
        )
    for label, value in {**cell._asdict(), "dt": dt, "max_step": max_step}.items():
        positive = label in ("dt", "max_step", "time_unit", "capacitance", "phi")
        if not math.isfinite(number(value)) or (positive and number(value) <= 0):
            wanted = "a finite number above 0" if positive else "a finite number"
            raise ValueError(f"{name}: {label}: wanted {wanted}, got {number(value)}")
    if parts_of(dt, max_step) > MANY:
        raise Refused(
            f"{name}: max_step: wanted at least {dt / MANY:.3g} s where the time step is {dt:g} s, got {max_step:g} s: "
            f"more than {MANY} sub-steps in a step. Cure: a longer max_step."
        )
