"""Spikes: the noisy leaky integrate-and-fire cell, exact in time whatever the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from .. import philox
from ..dispatch import choose, gradient_wanted
from ..memory import empty_like
from ..philox.counters import CELLS, Key, words_of
from ..scalars import Scalar, number
from ..surrogates import checked
from . import reference, steps
from .membrane import FINEST, MANY, MOST, NOISE, START, Events, Membrane, Source, overflow
from .surrogate import NAMES, Trace, record_by, spikes

__all__ = ["Events", "cells_of", "noisy_lif", "noisy_lif_times", "random_potential"]


def noisy_lif(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    g_leak: Scalar,
    noise: Scalar,
    refractory_mean: Scalar,
    refractory_sd: Scalar,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
    surrogate: str | None = "superspike",
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Turn currents into spike counts by noisy leaky integrate-and-fire cells.

    Between spikes ``dV/dt = I + noise - g_leak V``; at the threshold 1 the cell fires, is reset to 0 and held there
    for ``max(mean + sd n, 0)`` of real time (Wohrer & Kornprobst 2009, eq. 16). Every span is integrated exactly, and a
    span whose ends are both below threshold still fires with the probability that a noisy path between them crossed
    it. That probability is good for short spans, so a noisy step that is long beside ``1/g_leak`` is followed as
    several (`membrane.FINEST`): the rate does not depend on ``dt``. Without noise, spike times are exact.

    Where a gradient by the current or the membrane is wanted, counts are floats, of the same whole numbers, and their
    gradient is a surrogate (see `kernels.lif.surrogate`); the parameters here have none.

    Parameters
    ----------
    current : Tensor (batch, channel, time, y, x), Hz
        Input. Where it is NaN, the membrane becomes NaN and stays so, and the cell fires no more (while the cell is
        refractory, input is not looked at).
    state : tuple of two Tensor (batch, channel, y, x), dimensionless and s
        Membrane, and what is left of the refractory period.
    g_leak : float or 0-d Tensor, Hz
        Leak. At 0 the cell integrates perfectly, and there is no noise.
    noise : float or 0-d Tensor, dimensionless
        Standard deviation of the membrane without threshold, in units of the threshold.
    refractory_mean, refractory_sd : float or 0-d Tensor, s
        Refractory period.
    dt : float, s
        Time step.
    key : tuple of two int
        From `philox.key_of`: which seed, which layer.
    step : int
        Absolute index of the first sample.
    cells : Tensor (batch, channel, y, x), int64, optional
        Index of each cell in the full frame; by default the input is the full frame, as of `cells_of`.
    repeat : int
        Number of the trial.
    surrogate : "superspike" or None
        What stands in for the gradient of counts; None: there is none, the input is cut from any graph.

    Returns
    -------
    counts : Tensor (batch, channel, time, y, x), uint8, or as current where there is a gradient
        Spikes per step.
    state : tuple of two Tensor
        What the next chunk starts from.

    Raises
    ------
    OverflowError
        If a cell fires more than 255 times in one step.
    ValueError
        If a shape, a dtype, an index or a parameter does not fit.

    Examples
    --------
    >>> start = torch.zeros(1, 1, 1, 1)
    >>> counts, _ = noisy_lif(torch.full((1, 1, 1000, 1, 1), 100.0), (start, start), g_leak=50.0, noise=0.0,
    ...     refractory_mean=0.003, refractory_sd=0.0, dt=0.001, key=(0, 0))
    >>> int(counts.sum())  # one spike every 3 ms + log(2)/50 Hz
    59
    """
    membrane = Membrane(number(g_leak), number(noise), number(refractory_mean), number(refractory_sd), float(dt))
    source, name = Source(key, int(step), int(repeat)), checked("noisy_lif", surrogate, NAMES)
    counts, state, _ = _fire(current, state, cells, membrane, source, False, name)
    return counts, state


def noisy_lif_times(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    *,
    g_leak: Scalar,
    noise: Scalar,
    refractory_mean: Scalar,
    refractory_sd: Scalar,
    dt: float,
    key: Key,
    step: int = 0,
    cells: Tensor | None = None,
    repeat: int = 0,
    surrogate: str | None = "superspike",
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    """Turn currents into spike counts and exact spike times.

    Parameters, errors as for `noisy_lif`; counts and state have the same bits.

    Returns
    -------
    counts, state
        As `noisy_lif`.
    events : Events of three Tensor (n,)
        One entry for each spike, in the order of steps, cells and times: ``cell``, the flat index (batch, channel, y,
        x) in the input; ``step``, absolute; ``offset``, the time since the beginning of the step [s], float64.

    Examples
    --------
    >>> start = torch.zeros(1, 1, 1, 1)
    >>> counts, _, events = noisy_lif_times(torch.full((1, 1, 3, 1, 1), 100.0), (start, start), g_leak=0.0, noise=0.0,
    ...     refractory_mean=0.003, refractory_sd=0.0, dt=0.01, key=(0, 0))
    >>> (events.step.double() * 0.01 + events.offset).round(decimals=4)
    tensor([0.0100, 0.0230], dtype=torch.float64)
    """
    membrane = Membrane(number(g_leak), number(noise), number(refractory_mean), number(refractory_sd), float(dt))
    source, name = Source(key, int(step), int(repeat)), checked("noisy_lif", surrogate, NAMES)
    return _fire(current, state, cells, membrane, source, True, name)


def _fire(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    cells: Tensor | None,
    membrane: Membrane,
    source: Source,
    recording: bool,
    name: str | None,
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    cells = _cells(current, cells)
    _check(current, state, cells, membrane)
    for step in (source.step, source.step + max(current.shape[2] - 1, 0)):
        words_of(step, NOISE, repeat=source.repeat)
    if membrane.parts > 1:
        return _in_parts(current, state, cells, membrane, source, recording, name)
    if name is not None and gradient_wanted(current, state[0]):
        return _followed(current, state, cells, membrane, source, recording)
    current = current.detach()
    potential, refractory = (part.detach() for part in state)
    route = choose("noisy_lif", current, triton=not recording)
    if route == "reference":
        return _reference(current, potential, refractory, cells, membrane, source)
    if route == "triton":
        from . import triton_loops  # Triton is loaded when first used

        counts, *new = triton_loops.noisy_lif(current, potential, refractory, cells, membrane, source)
        return counts, (new[0], new[1]), _in_order([], current.device)
    events: list[Events] | None = [] if recording else None
    counts, *new = _module(route).noisy_lif(current, potential, refractory, cells, membrane, source, events)
    return counts, (new[0], new[1]), _in_order(events or [], current.device)


def _followed(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    cells: Tensor,
    membrane: Membrane,
    source: Source,
    recording: bool,
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    """Fire so that autograd can go back through it."""
    events: list[Events] = []
    found = events if recording else None
    route = choose("noisy_lif", current.detach())

    def fire(drive: Tensor, v: Tensor, left: Tensor, now: Source) -> tuple[Tensor, Tensor, Tensor]:
        if route == "reference":
            counts, (v, left), fired = _reference(drive, v, left, cells, membrane, now)
            events.append(fired)
            return counts, v, left
        return steps.noisy_lif(drive, v, left, cells, membrane, now, found)

    def record(drive: Tensor, v: Tensor, left: Tensor) -> Trace:
        from . import loops  # numba is loaded when first used

        trace = empty_like(drive), empty_like(drive)
        counts, v, left = loops.noisy_lif(drive, v, left, cells, membrane, source, found, trace)
        return Trace(torch.from_numpy(counts.numpy().astype(trace[0].numpy().dtype)), *trace, v, left)

    by = record if route == "compiled" else record_by(fire, cells, membrane, source)
    counts, state = spikes(current, state, membrane, by)
    return counts, state, _in_order(events, current.device)


def _in_parts(
    current: Tensor,
    state: tuple[Tensor, Tensor],
    cells: Tensor,
    membrane: Membrane,
    source: Source,
    recording: bool,
    name: str | None,
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    """Follow steps that are long beside 1/g_leak as several short ones under the same current."""
    parts = membrane.parts
    short = membrane._replace(dt=membrane.dt / parts)
    if name is None or not gradient_wanted(current, state[0]):
        current, state, name = current.detach(), (state[0].detach(), state[1].detach()), None
    counts, events = [], []
    for k, drive in enumerate(current.unbind(2)):
        held = drive.unsqueeze(2).expand(-1, -1, parts, -1, -1)
        first = source._replace(step=(source.step + k) * parts)
        fine, state, fired = _fire(held, state, cells, short, first, recording, name)
        count = fine.sum(2, dtype=torch.int32 if name is None else fine.dtype)
        if count.numel() and int(count.max()) > MOST:
            where = tuple(int(i) for i in torch.unravel_index(count.argmax(), count.shape))
            raise overflow(where, source.step + k, float(drive[where]), membrane)
        counts.append(count.to(fine.dtype))
        late = (fired.step % parts).double() * short.dt
        events.append(Events(fired.cell, fired.step // parts, fired.offset + late))
    made = torch.stack(counts, 2) if counts else torch.empty(current.shape, dtype=torch.uint8, device=current.device)
    return made, state, _in_order(events, current.device)


def _in_order(parts: list[Events], device: torch.device) -> Events:
    """Join events and sort them by step, cell and time."""
    none = torch.empty(0, dtype=torch.int64, device=device)
    cell, step, offset = (torch.cat(column) for column in zip(Events(none, none, none.double()), *parts, strict=True))
    order = offset.argsort()
    for column in (cell, step):  # the most important last: these sorts keep the order of equals
        order = order[column[order].argsort(stable=True)]
    return Events(cell[order], step[order], offset[order])


def cells_of(shape: Sequence[int], device: torch.device | None = None) -> Tensor:
    """Index of each cell in a full frame, (channel, y, x) flattened.

    The entries of a batch share it, so that each of them fires as it does alone.

    Parameters
    ----------
    shape : four int
        Lengths of batch, channel, y and x.
    device : torch.device, optional

    Returns
    -------
    Tensor (batch, channel, y, x), int64

    Examples
    --------
    >>> cells_of((2, 1, 1, 3)).tolist()
    [[[[0, 1, 2]]], [[[0, 1, 2]]]]
    """
    frame = tuple(shape[1:])
    cells = torch.from_numpy(np.arange(math.prod(frame)))  # torch's own would wake its threads, see `memory`
    return cells.to(device).view(1, *frame).expand(shape[0], *frame)


def random_potential(cells: Tensor, *, key: Key, repeat: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Draw membranes uniformly from (0, 1), for cells that should not start together.

    Parameters
    ----------
    cells : Tensor (batch, channel, y, x), int64
        Index of each cell in the full frame.
    key, repeat
        As in `noisy_lif`.
    dtype : torch.dtype
        float32 or float64.

    Returns
    -------
    Tensor, as cells
        The first part of the state of `noisy_lif`.

    Examples
    --------
    >>> v = random_potential(torch.arange(4).reshape(1, 1, 2, 2), key=(0, 0))
    >>> bool(((0 < v) & (v < 1)).all())
    True
    """
    return philox.uniform(cells, key=key, step=0, stream=START, repeat=repeat, dtype=dtype)


def _module(route: str) -> ModuleType:
    if route == "torch":
        return steps
    from . import loops  # numba is loaded when first used

    return loops


def _reference(
    current: Tensor, potential: Tensor, refractory: Tensor, cells: Tensor, membrane: Membrane, source: Source
) -> tuple[Tensor, tuple[Tensor, Tensor], Events]:
    flat = current.movedim(2, 0).flatten(1)
    v, left, index = (t.flatten().cpu().numpy() for t in (potential, refractory, cells))
    events: list[tuple[int, int, float]] = []
    counts, *state = reference.noisy_lif(flat.cpu().numpy(), v, left, index, membrane, source, events)
    shape = (current.shape[2], *cells.shape)
    new = [torch.from_numpy(part).view(cells.shape).to(current) for part in state]
    columns = torch.tensor(events, dtype=torch.float64, device=current.device).view(-1, 3).unbind(1)
    spikes = _in_order([Events(columns[0].long(), columns[1].long(), columns[2])], current.device)
    return torch.from_numpy(counts).view(shape).movedim(0, 2).to(current.device), (new[0], new[1]), spikes


def _cells(current: Tensor, cells: Tensor | None) -> Tensor:
    if cells is not None or current.dim() != 5:
        return torch.empty(0) if cells is None else cells
    return cells_of((*current.shape[:2], *current.shape[3:]), current.device)


def _check(current: Tensor, state: tuple[Tensor, Tensor], cells: Tensor, membrane: Membrane) -> None:
    if current.dim() != 5 or not current.is_floating_point():
        raise ValueError(
            "noisy_lif: current: wanted a floating point tensor (batch, channel, time, y, x), "
            f"got {current.dtype} of shape {tuple(current.shape)}"
        )
    shape = (*current.shape[:2], *current.shape[3:])
    for name, part in zip(("potential", "refractory"), state, strict=True):
        if part.shape != shape or part.dtype != current.dtype or part.device != current.device:
            raise ValueError(
                f"noisy_lif: state ({name}): wanted {current.dtype} of shape {shape} on {current.device}, "
                f"got {part.dtype} of shape {tuple(part.shape)} on {part.device}"
            )
    if cells.shape != shape or cells.dtype != torch.int64 or cells.device != current.device:
        raise ValueError(
            f"noisy_lif: cells: wanted int64 of shape {shape} on {current.device}, "
            f"got {cells.dtype} of shape {tuple(cells.shape)} on {cells.device}"
        )
    index = cells.numpy() if cells.device.type == "cpu" else cells
    if cells.numel() and not 0 <= int(index.min()) <= int(index.max()) < CELLS:
        raise ValueError(f"noisy_lif: cells: wanted indices from 0 to {CELLS - 1}, got others")
    for name, value in membrane._asdict().items():
        if not math.isfinite(value) or (value < 0 and name != "refractory_mean") or (name == "dt" and value == 0):
            wanted = "a finite number above 0" if name == "dt" else "a finite number of 0 or more"
            raise ValueError(f"noisy_lif: {name}: wanted {wanted}, got {value}")
    if membrane.parts > MANY:
        raise ValueError(
            f"noisy_lif: dt: wanted at most {MANY * FINEST / membrane.g_leak:.3g} s for a noisy cell with a leak of "
            f"{membrane.g_leak:g} Hz, got {membrane.dt:g} s; take a shorter time step or a smaller g_leak"
        )
