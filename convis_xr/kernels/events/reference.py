"""The definition of the events of a change detector: one pixel after the other, one event after the other, float64."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .rule import MOST, Rule, overflow

Floats = npt.NDArray[np.floating]
Counts = npt.NDArray[np.uint8]


def change_events(x: Floats, reference: Floats, waiting: Floats, rule: Rule) -> tuple[Counts, Counts, Floats, Floats]:
    """Compare the level of every pixel to its reference, and count how often that has to follow.

    Parameters
    ----------
    x : ndarray (time, pixel)
        Input, constant within a step.
    reference, waiting : ndarray (pixel,)
        Level at the last event, and what is left of the refractory period [s], at the start.
    rule : Rule
        Parameters.

    Returns
    -------
    on, off : ndarray (time, pixel), uint8
        Events per step.
    reference, waiting : ndarray (pixel,)
        As above, at the end.
    """
    on, off = np.zeros(x.shape, np.uint8), np.zeros(x.shape, np.uint8)
    levels, left = reference.astype(np.float64), waiting.astype(np.float64)
    for i in range(x.shape[1]):
        for k, value in enumerate(x[:, i]):
            ups, downs, levels[i], left[i] = one_step(float(value), float(levels[i]), float(left[i]), rule)
            if max(ups, downs) > MOST:
                raise overflow((i, k), float(value), rule)
            on[k, i], off[k, i] = ups, downs
    return on, off, levels, left


def one_step(value: float, reference: float, wait: float, rule: Rule) -> tuple[int, int, float, float]:
    """Follow one pixel through one step; return its ON and OFF events, reference and refractory time at the end."""
    reference -= rule.leak * rule.on * rule.dt
    if rule.mode == "integral":
        level = 0.0
        reference -= value * rule.dt
    else:
        level = math.log(value) if rule.mode == "log" else value
    start = reference
    ups = downs = 0
    while wait < rule.dt and max(ups, downs) <= MOST:
        if level - start >= (ups + 1) * rule.on:
            ups += 1
        elif start - level >= (downs + 1) * rule.off:
            downs += 1
        else:
            break
        wait += rule.refractory
    return ups, downs, start + ups * rule.on - downs * rule.off, max(wait - rule.dt, 0.0)
