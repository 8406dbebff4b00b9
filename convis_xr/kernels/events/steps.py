"""The events of a change detector in torch, on any device: all pixels of a step at once, one event after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from .rule import MOST, Rule, overflow


def change_events(
    x: Tensor, reference: Tensor, waiting: Tensor, rule: Rule
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Compute what ``reference.change_events`` defines, for an input (batch, channel, time, y, x)."""
    on, off = (torch.empty(x.shape, dtype=torch.uint8, device=x.device) for _ in range(2))
    for k, values in enumerate(x.to(torch.float64).unbind(2)):
        ups, downs, reference, waiting = _one_step(values, reference, waiting, rule)
        count = torch.maximum(ups, downs)
        if int(count.max()) > MOST:
            where = tuple(int(n) for n in torch.unravel_index(count.argmax(), count.shape))
            raise overflow((*where, k), float(values[where]), rule)
        on[:, :, k], off[:, :, k] = ups.to(torch.uint8), downs.to(torch.uint8)
    return on, off, (reference, waiting)


def _one_step(values: Tensor, reference: Tensor, wait: Tensor, rule: Rule) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    start = reference - rule.leak * rule.on * rule.dt
    if rule.mode == "integral":
        start = start - values * rule.dt
        level = torch.zeros_like(values)
    else:
        level = values.log() if rule.mode == "log" else values
    ups, downs = torch.zeros_like(level), torch.zeros_like(level)
    for _ in range(MOST + 1):
        awake = wait < rule.dt
        up = awake & (level - start >= (ups + 1) * rule.on)
        down = awake & ~up & (start - level >= (downs + 1) * rule.off)
        if not bool((up | down).any()):
            break
        ups, downs = ups + up, downs + down
        wait = torch.where(up | down, wait + rule.refractory, wait)
    return ups, downs, start + ups * rule.on - downs * rule.off, (wait - rule.dt).clamp(min=0)
