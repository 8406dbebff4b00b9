"""Spike counts under a gradient: SuperSpike (Zenke & Ganguli 2018, Neural Computation 30:1514, eq. 3).

Counts are steps of the membrane, whose slope is 0 or infinite. In its place backward, and only there, stands that of a
fast sigmoid, ``dN/du = (1 + BETA |u - 1|)**-2``, where u is the membrane at the end of a step as it would be without a
threshold: ``u = V decay + I gain + noise``. Back in time the membrane follows its own linear dynamics, ``V' = u``, from
spike to spike: a spike and the silence after it cut the way, as the reset is taken for given (Neftci et al. 2019). In
the step of a spike that cut is where the step ends; in the step in which a silence ends, only what is left counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import philox
from ..memory import copied, empty_like
from .membrane import NOISE, Membrane, Source, span_of

#: Steepness, in units of the threshold: the 1/mV of Zenke & Ganguli, whose membrane rests 10 mV below threshold.
BETA = 10.0

#: The surrogates that there are.
NAMES = ("superspike",)

State = tuple[Tensor, Tensor]
#: takes a step: from its current (batch, channel, 1, y, x), the state and its source to counts, membrane and silence
Fire = Callable[[Tensor, Tensor, Tensor, Source], tuple[Tensor, Tensor, Tensor]]


class Trace(NamedTuple):
    """What the way back needs, each as the current, and the state at the end.

    ``reached`` is where membranes would be at the end of a step without a threshold, ``gains`` how far a current of
    1 Hz takes them in it [s]: 0 where a cell is silent all the time.
    """

    counts: Tensor
    reached: Tensor
    gains: Tensor
    potential: Tensor
    refractory: Tensor


#: fires through a chunk: from current, membrane and silence
Record = Callable[[Tensor, Tensor, Tensor], Trace]


def spikes(current: Tensor, state: State, membrane: Membrane, record: Record) -> tuple[Tensor, State]:
    """Fire so that autograd can go back.

    Parameters
    ----------
    current : Tensor (batch, channel, time, y, x), Hz
        Input.
    state : tuple of two Tensor (batch, channel, y, x), dimensionless and s
        Membrane, and what is left of the refractory period, which has no gradient.
    membrane : Membrane
        Parameters, of which none has a gradient here.
    record : callable
        Fires, and notes what is needed.

    Returns
    -------
    counts : Tensor, as current
        Whole numbers, those that `record` gave.
    state : tuple of two Tensor
        What the next chunk starts from.
    """
    counts, potential, refractory = _SuperSpike.apply(current, *state, membrane, record)
    return counts, (potential, refractory)


def record_by(fire: Fire, cells: Tensor, membrane: Membrane, source: Source) -> Record:
    """Record with a version that knows nothing of traces, one step after the other.

    Parameters
    ----------
    fire : callable
        Takes one step.
    cells : Tensor (batch, channel, y, x), int64
        Index of each cell in the full frame.
    membrane, source
        Parameters, and which draws are used.
    """

    def record(current: Tensor, v: Tensor, left: Tensor) -> Trace:
        counts, reached, silence = (empty_like(current) for _ in range(3))
        start = v
        for k, drive in enumerate(current.split(1, 2)):
            silence[:, :, k] = left
            count, v, left = fire(drive, v, left, source._replace(step=source.step + k))
            counts[:, :, k], reached[:, :, k] = count.squeeze(2), v
        _go_on(reached, counts, current, silence, start, cells, membrane, source)
        return Trace(counts, reached, _gains(silence, membrane), v, left)

    return record


class _SuperSpike(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, current: Tensor, v: Tensor, left: Tensor, membrane: Membrane, record: Record
    ) -> tuple[Tensor, Tensor, Tensor]:
        trace = record(current, v, left)
        ctx.membrane = membrane
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(trace.counts, trace.reached, trace.gains)
        # Without a step they may be the inputs themselves.
        v, left = copied(trace.potential), copied(trace.refractory)
        ctx.mark_non_differentiable(left)
        return trace.counts, v, left

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_counts: Tensor | None, by_v: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        counts, reached, gains = ctx.saved_tensors
        by_counts = torch.zeros_like(counts) if by_counts is None else by_counts
        if by_v is None:
            by_v = torch.zeros((*counts.shape[:2], *counts.shape[3:]), dtype=counts.dtype, device=counts.device)
        back = _back_compiled if counts.device.type == "cpu" else back_in_torch
        by_current, by_v = back(by_counts, by_v, counts, reached, gains, ctx.membrane)
        return by_current, by_v, None, None, None


def _gains(silence: Tensor, membrane: Membrane) -> Tensor:
    """Return how far a current of 1 Hz takes each membrane in each step; 0 where it is silent all the time."""
    gains = torch.where(silence > 0, 0, torch.full_like(silence, span_of(membrane, membrane.dt).gain))
    late = (silence > 0) & (silence < membrane.dt)
    gains[late] = _gain(membrane.dt - silence[late].double(), membrane.g_leak).to(gains.dtype)
    return gains


def _gain(h: Tensor, g_leak: float) -> Tensor:
    return -torch.expm1(-g_leak * h) / g_leak if g_leak > 0 else h


def _go_on(
    reached: Tensor,
    counts: Tensor,
    current: Tensor,
    silence: Tensor,
    start: Tensor,
    cells: Tensor,
    membrane: Membrane,
    source: Source,
) -> None:
    """Where cells fired, put in place of their membranes at the end of the step what these were without a threshold."""
    at = batch, channel, k, y, x = (counts > 0).nonzero(as_tuple=True)
    before = torch.cat([start.unsqueeze(2), reached[:, :, :-1]], 2)[at].double()
    left = silence[at].double()
    h, leak = membrane.dt - left.clamp(min=0), membrane.g_leak
    free = torch.where(left > 0, 0, before) * (-leak * h).exp() + current[at].double() * _gain(h, leak)
    if membrane.noise > 0:
        index, noise = cells[batch, channel, y, x], torch.empty_like(current[at])
        for step in k.unique().tolist():
            here = k == step
            noise[here] = philox.normal(
                index[here], key=source.key, step=source.step + step, stream=NOISE, repeat=source.repeat,
                dtype=current.dtype,
            )  # fmt: skip
        free += membrane.noise * (-torch.expm1(-2 * leak * h)).sqrt() * noise.double()
    reached[at] = free.to(reached.dtype)


def back_in_torch(
    by_counts: Tensor, by_v: Tensor, counts: Tensor, reached: Tensor, gains: Tensor, membrane: Membrane
) -> tuple[Tensor, Tensor]:
    """Return the gradients of current and first membrane, on any device, by one operation after the other.

    Parameters
    ----------
    by_counts, by_v : Tensor (batch, channel, time, y, x) and (batch, channel, y, x)
        Gradients of the counts and of the last membrane.
    counts, reached, gains : Tensor, as by_counts
        Counts, membranes without a threshold, and how far a current of 1 Hz takes them in the step [s].
    membrane : Membrane
        Parameters.
    """
    whole, by_current = span_of(membrane, membrane.dt), torch.empty_like(by_counts)
    steps = zip(*(part.unbind(2) for part in (by_counts, counts, reached, gains)), strict=True)
    for k, (by_count, count, u, gain) in reversed(list(enumerate(steps))):
        by_u = by_count / (1 + BETA * (u - 1).abs()) ** 2 + torch.where(count == 0, by_v, 0)
        by_u = torch.where(gain > 0, by_u, 0)
        by_current[:, :, k] = by_u * gain
        by_v = torch.where(gain == torch.full_like(gain, whole.gain), by_u * whole.decay, 0)
    return by_current, by_v


def _back_compiled(
    by_counts: Tensor, by_v: Tensor, counts: Tensor, reached: Tensor, gains: Tensor, membrane: Membrane
) -> tuple[Tensor, Tensor]:
    """Compute what `back_in_torch` does."""
    from .surrogate_loops import back  # numba is loaded when first used

    return back(by_counts, by_v, counts, reached, gains, membrane, BETA)
