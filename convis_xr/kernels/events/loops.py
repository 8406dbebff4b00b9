"""The events of a change detector as compiled loops. Threads share out the pixels."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..compiled import compiled
from ..memory import copied
from ..threads import parallel, split
from .rule import MOST, Rule, overflow

_LINEAR, _LOG, _INTEGRAL = range(3)
_KINDS = {"linear": _LINEAR, "log": _LOG, "integral": _INTEGRAL}


def change_events(
    x: Tensor, reference: Tensor, waiting: Tensor, rule: Rule
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Compute what ``reference.change_events`` defines, for an input (batch, channel, time, y, x)."""
    values = x.contiguous().flatten(3).flatten(0, 1).numpy()
    new = [copied(part) for part in (reference, waiting)]
    levels, left = (part.flatten(2).flatten(0, 1).numpy() for part in new)
    on, off = np.empty(values.shape, np.uint8), np.empty(values.shape, np.uint8)
    numbers = (rule.on, rule.off, rule.refractory, rule.leak, rule.dt, _KINDS[rule.mode])
    units, _, pixels = values.shape

    def run(piece: tuple[int, int, int]) -> tuple[int, int, int]:
        unit, start, stop = piece
        here, frame = (unit, slice(None), slice(start, stop)), (unit, slice(start, stop))
        k, i = _run(values[here], levels[frame], left[frame], on[here], off[here], *numbers)
        return unit, k, start + i

    pieces = [(unit, *piece) for unit in range(units) for piece in split(pixels, torch.get_num_threads())]
    for unit, k, pixel in parallel(run, pieces):
        if k >= 0:
            where = (*divmod(unit, x.shape[1]), *divmod(pixel, x.shape[4]), k)
            raise overflow(where, float(values[unit, k, pixel]), rule)
    return torch.from_numpy(on).view(x.shape), torch.from_numpy(off).view(x.shape), (new[0], new[1])


@compiled
def _run(x, levels, left, on, off, theta_on, theta_off, refractory, leak, dt, kind):  # type: ignore[no-untyped-def]
    """Take some pixels through time; return step and pixel where a count overflows, or -1."""
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            start, wait = levels[i] - leak * theta_on * dt, left[i]
            if kind == _INTEGRAL:
                start -= np.float64(x[k, i]) * dt
            level = _level(np.float64(x[k, i]), kind)
            ups, downs = _events(level - start, start - level, wait, theta_on, theta_off, refractory, dt)
            if ups > MOST or downs > MOST:
                return k, i
            for _ in range(ups + downs):
                wait += refractory
            levels[i], left[i] = start + ups * theta_on - downs * theta_off, max(wait - dt, 0.0)
            on[k, i], off[k, i] = ups, downs
    return -1, 0


@compiled
def _level(value, kind):  # type: ignore[no-untyped-def]
    if kind == _INTEGRAL:
        return 0.0
    return math.log(value) if kind == _LOG else value


@compiled
def _events(rise, fall, wait, theta_on, theta_off, refractory, dt):  # type: ignore[no-untyped-def]
    ups = downs = 0
    while wait < dt and ups <= MOST and downs <= MOST:
        if rise >= (ups + 1) * theta_on:
            ups += 1
        elif fall >= (downs + 1) * theta_off:
            downs += 1
        else:
            break
        wait += refractory
    return ups, downs
