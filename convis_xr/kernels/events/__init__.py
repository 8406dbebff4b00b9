"""Events of pixels that report changes: the pixel of an event camera (dynamic vision sensor)."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from ..dispatch import choose
from ..refused import refuse_unless
from ..scalars import Scalar, number
from . import reference, steps
from .rule import Mode, Rule

__all__ = ["Mode", "change_events", "levels_of"]


def change_events(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    threshold_on: Scalar,
    threshold_off: Scalar,
    mode: Mode = "log",
    refractory: Scalar = 0.0,
    leak: Scalar = 0.0,
    dt: float,
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Count ON and OFF events of pixels that remember the level at their last event.

    Where the level is above the reference by ``threshold_on`` or more, there is an ON event and the reference moves up
    by ``threshold_on``; likewise down. This goes on, within one step, until the level is within the thresholds, or
    until the pixel is refractory: then the rest follows later (Lichtsteiner, Posch & Delbruck 2008, IEEE JSSC 43:566).
    Counts are not differentiable.

    Parameters
    ----------
    x : Tensor (batch, channel, time, y, x)
        Input: finite, and above 0 for ``"log"``.
    state : tuple of two Tensor (batch, channel, y, x), float64
        Reference level (see `levels_of`; 0 for ``"integral"``), and what is left of the refractory period [s].
    threshold_on, threshold_off : float or 0-d Tensor
        In the unit of the level, both above 0.
    mode : "linear", "log" or "integral"
        The level is the input, its natural logarithm, or its integral over time.
    refractory : float or 0-d Tensor, s
        Time after an event in which there is no other.
    leak : float or 0-d Tensor, Hz
        Rate of ON events in constant light, from a reference that leaks.
    dt : float, s
        Time step.

    Returns
    -------
    on, off : Tensor, as x, uint8
        Events per step.
    state : tuple of two Tensor
        What the next chunk starts from.

    Raises
    ------
    Refused
        If an input is not finite, or not above 0 for ``"log"``.
    OverflowError
        If there are more than 255 events of one pixel in a step.
    ValueError
        If a shape, a dtype or a parameter does not fit.

    Examples
    --------
    >>> x = torch.tensor([1.0, 1.5, 1.5, 0.5]).view(1, 1, 4, 1, 1)
    >>> on, off, _ = change_events(x, levels_of(x[:, :, 0]), threshold_on=0.2, threshold_off=0.2, dt=1e-3)
    >>> on.flatten().tolist(), off.flatten().tolist()  # ln(1.5) = 0.405, ln(0.5) = -0.693
    ([0, 2, 0, 0], [0, 0, 0, 5])
    """
    x = x.detach()
    rule = Rule(number(threshold_on), number(threshold_off), number(refractory), number(leak), float(dt), mode)
    _check(x, state, rule)
    _check_values(x, mode)
    levels, left = (part.detach().to(torch.float64) for part in state)
    route = choose("change_events", x)
    if route == "torch":
        return steps.change_events(x, levels, left, rule)
    if route == "compiled":
        from . import loops  # numba is loaded when first used

        return loops.change_events(x, levels, left, rule)
    flat = x.movedim(2, 0).flatten(1).cpu().numpy()
    start, wait = (part.flatten().cpu().numpy() for part in (levels, left))
    on, off, *new = reference.change_events(flat, start, wait, rule)
    counts = [torch.from_numpy(part).view(x.shape[2], *levels.shape).movedim(0, 2).to(x.device) for part in (on, off)]
    ends = [torch.from_numpy(np.asarray(part)).view(levels.shape).to(x.device) for part in new]
    return counts[0], counts[1], (ends[0], ends[1])


def levels_of(frame: Tensor, mode: Mode = "log") -> tuple[Tensor, Tensor]:
    """The state of pixels that have seen one frame for ever.

    Parameters
    ----------
    frame : Tensor (batch, channel, y, x)
        Input: finite, and above 0 for ``"log"``.
    mode : "linear", "log" or "integral"
        What is compared.

    Returns
    -------
    tuple of two Tensor (batch, channel, y, x), float64
        The state of `change_events`.

    Raises
    ------
    Refused
        As `change_events`.

    Examples
    --------
    >>> levels_of(torch.ones(1, 1, 1, 1))[0].item()
    0.0
    """
    _check_values(frame.unsqueeze(2), mode)
    wide = frame.detach().to(torch.float64)
    if mode == "log":
        # one by one: torch's vectors round otherwise at their ends, and a part of a frame must be what the whole is
        flat = [math.log(value) for value in wide.flatten().tolist()]
        wide = torch.tensor(flat, dtype=torch.float64, device=frame.device).view(frame.shape)
    level = torch.zeros_like(wide) if mode == "integral" else wide.clone()
    return level, torch.zeros_like(level)


def _check_values(x: Tensor, mode: Mode) -> None:
    refuse_unless(x.isfinite(), x, "change_events: x", "finite values", "fill the gaps of the input")
    if mode == "log":
        cure = 'an offset, such as 1 % of the white, added to the input; or mode="linear"'
        refuse_unless(x > 0, x, "change_events: x", "finite values above 0 for a logarithm", cure)


def _check(x: Tensor, state: tuple[Tensor, Tensor], rule: Rule) -> None:
    if x.dim() != 5 or not x.is_floating_point() or not x.numel():
        raise ValueError(
            "change_events: x: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    shape = (*x.shape[:2], *x.shape[3:])
    for name, part in zip(("reference", "waiting"), state, strict=True):
        if part.shape != shape or part.device != x.device:
            raise ValueError(
                f"change_events: state ({name}): wanted shape {shape} on {x.device}, "
                f"got {tuple(part.shape)} on {part.device}"
            )
    if rule.mode not in get_args(Mode):
        raise ValueError(f"change_events: mode: wanted one of {', '.join(get_args(Mode))}, got {rule.mode!r}")
    for name in ("on", "off", "dt", "refractory", "leak"):
        value, positive = getattr(rule, name), name in ("on", "off", "dt")
        if not math.isfinite(value) or value < 0 or (positive and value == 0):
            wanted = "a finite number above 0" if positive else "a finite number of 0 or more"
            raise ValueError(f"change_events: {name}: wanted {wanted}, got {value}")
