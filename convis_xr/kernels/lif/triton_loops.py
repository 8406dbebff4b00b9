"""The integrate-and-fire cell on a graphics card: one program takes a few cells through all of time, in registers.

Every step moves all cells at once. Where a cell fires, may have fired within the step, or comes out of its refractory
period in it, its program follows it through its spikes, in float64, as the compiled loops do; the others of the program
wait meanwhile, which is why a program is one warp with one cell per thread.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..card import launch
from ..philox.triton_loops import normal_of, place_of, uniform_of
from .membrane import BRIDGE, CERTAIN, MOST, NOISE, REFRACTORY, Membrane, Source, overflow, span_of

_NOISE, _BRIDGE, _REFRACTORY, _MOST = (tl.constexpr(number) for number in (NOISE, BRIDGE, REFRACTORY, MOST))
_CERTAIN = tl.constexpr(CERTAIN)

#: Cells of a program.
WARP = 32

#: Steps that are on their way at once.
STAGES = 4

#: Where no count overflows.
NONE = 2**63 - 1


def noisy_lif(
    current: Tensor, potential: Tensor, refractory: Tensor, cells: Tensor, membrane: Membrane, source: Source
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute what ``reference.noisy_lif`` defines, for a current (batch, channel, time, y, x)."""
    current = current.contiguous()
    failed, counts, state = run(_noisy_lif, current, (potential, refractory), cells, membrane, source)
    if failed is not None:
        where, k = failed
        drive = float(current[(*where[:2], k, *where[2:])])
        raise overflow(where, source.step + k, drive, membrane)
    return counts, state[0], state[1]


def run(
    kernel: Any,
    x: Tensor,
    state: tuple[Tensor, ...],
    cells: Tensor,
    membrane: Membrane,
    source: Source,
    *parameters: float,
) -> tuple[tuple[tuple[int, ...], int] | None, Tensor, tuple[Tensor, ...]]:
    """Start a kernel that ends in spikes; return where and when a count overflows, the counts, and the new state."""
    x, cells = x.contiguous(), cells.contiguous()
    state = tuple(part.detach().clone(memory_format=torch.contiguous_format) for part in state)
    counts = torch.empty(x.shape, dtype=torch.uint8, device=x.device)
    failed = torch.full((1,), NONE, dtype=torch.int64, device=x.device)
    units, steps, pixels = x.shape[0] * x.shape[1], x.shape[2], x.shape[3] * x.shape[4]
    tiles = triton.cdiv(pixels, WARP)
    span = span_of(membrane, membrane.dt)
    launch(
        kernel, units * tiles, x, x, counts, *state, cells, failed, units, steps, pixels, tiles, *parameters,
        span.decay, span.gain, span.spread, span.bridge * CERTAIN * 1.001,
        *membrane, source.step, source.repeat, *source.key,
        NOISY=membrane.noise > 0, SCATTERED=membrane.refractory_sd > 0, TILE=WARP, STAGES=STAGES, num_warps=1,
    )  # fmt: skip
    first = int(failed)
    if first == NONE:
        return None, counts, state
    k, cell = divmod(first, cells.numel())
    where = tuple(int(i) for i in torch.unravel_index(torch.tensor(cell), cells.shape))
    return (where, k), counts, state


@triton.jit(do_not_specialize=["units", "steps", "tiles", "first", "repeat", "k0", "k1"])
def _noisy_lif(
    current, counts, potential, refractory, cells, failed, units, steps, pixels, tiles,
    decay: tl.float64, gain: tl.float64, spread: tl.float64, near: tl.float64,
    g_leak: tl.float64, noise: tl.float64, mean: tl.float64, sd: tl.float64, dt: tl.float64,
    first: tl.int64, repeat: tl.uint32, k0: tl.uint32, k1: tl.uint32,
    NOISY: tl.constexpr, SCATTERED: tl.constexpr, TILE: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Take one run of cells through time; current and counts are (unit, step, pixel), the rest (unit, pixel)."""
    first, units = first.to(tl.int64), units.to(tl.int64)
    unit, pixel = (tl.program_id(0) // tiles).to(tl.int64), tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)
    inside, own = pixel < pixels, unit * pixels + pixel
    v, left = tl.load(potential + own, inside), tl.load(refractory + own, inside)
    place, key = place_of(tl.load(cells + own, inside, 0)), key_of(repeat, k0, k1)
    whole, membrane = whole_of(decay, gain, spread, near, dt, v.dtype), membrane_of(g_leak, noise, mean, sd, dt)
    for k in tl.range(steps, num_stages=STAGES):
        drive = tl.load(current + (unit * steps + k) * pixels + pixel, inside, 0.0)
        count, v, left = fire(v, left, drive, inside, place, first + k, key, whole, membrane, NOISY, SCATTERED)
        tl.store(counts + (unit * steps + k) * pixels + pixel, count.to(tl.uint8), inside)
        note(failed, count, inside, (k * units + unit) * pixels + pixel)
    tl.store(potential + own, v, inside)
    tl.store(refractory + own, left, inside)


@triton.jit
def key_of(repeat, k0, k1):
    """Return word 3 of the counter and the two of the key, as `philox` wants them."""
    return repeat.to(tl.uint32), k0.to(tl.uint32), k1.to(tl.uint32)


@triton.jit
def whole_of(decay, gain, spread, near, dt, DTYPE: tl.constexpr):
    """Return the whole step, rounded to the dtype of the current; see `loops.Step`."""
    whole = (tl.full((), decay, DTYPE), tl.full((), gain, DTYPE), tl.full((), spread, DTYPE))
    return whole + (tl.full((), near, DTYPE), tl.full((), dt, DTYPE))


@triton.jit
def membrane_of(g_leak, noise, mean, sd, dt):
    """Return the fields of `Membrane` in float64."""
    potential = (tl.full((), g_leak, tl.float64), tl.full((), noise, tl.float64))
    return potential + (tl.full((), mean, tl.float64), tl.full((), sd, tl.float64), tl.full((), dt, tl.float64))


@triton.jit
def note(failed, count, inside, index):
    """Keep the smallest index (step, unit, pixel) of a count that overflows."""
    over = inside & (count > _MOST)
    if tl.max(over.to(tl.int32), 0) > 0:
        tl.atomic_min(failed + tl.zeros_like(index), index, over)


@triton.jit
def fire(v, left, drive, inside, place, now, key, whole, membrane, NOISY: tl.constexpr, SCATTERED: tl.constexpr):
    """Take cells through one step, the absolute step ``now``; return counts, membranes and refractory times.

    ``place`` is that of `place_of`, ``key`` of `key_of`, ``whole`` of `whole_of`, ``membrane`` of `membrane_of`.
    """
    decay, gain, spread, near, dt = whole
    source = (now.to(tl.uint32), (now >> 32).to(tl.uint32)) + key
    count, noise = tl.zeros_like(place[1]), tl.zeros_like(v)
    if NOISY:
        noise = _normal(place, source, _NOISE, count, v.dtype)
    new = v * decay + drive * gain + spread * noise
    asleep = left >= dt
    busy = inside & ~asleep & (((1 - v) * (1 - new) < near) | (new >= 1) | (v >= 1) | (left > 0))
    end, rest = tl.where(asleep, 0.0, new), tl.where(asleep, left - dt, left)
    if tl.max(busy.to(tl.int32), 0) > 0:
        count, at_end, after = _follow(v, left, new, drive, noise, busy, place, source, membrane, NOISY, SCATTERED)
        end, rest = tl.where(busy, at_end.to(v.dtype), end), tl.where(busy, after.to(v.dtype), rest)
    return count, end, rest


@triton.jit
def _follow(v, left, new, drive, noise, busy, place, source, membrane, NOISY: tl.constexpr, SCATTERED: tl.constexpr):
    """Follow busy cells through one step and its spikes, as ``reference.one_step`` does."""
    g_leak, _, mean, sd, dt = membrane
    late = left > 0
    h = tl.where(late, dt - left.to(tl.float64), dt)
    end = tl.where(late, _move(0.0, drive, noise, h, membrane), new.to(tl.float64))
    v = tl.where(late, 0.0, v.to(tl.float64))
    count, at_end, after = tl.zeros_like(place[1]), tl.zeros_like(h), tl.zeros_like(h)
    while tl.max(busy.to(tl.int32), 0) > 0:
        below = (v < 1) & (end < 1)
        fires = ~below & (end == end)  # what is not a number fires no more
        if NOISY:
            crossed = below & _crossed(v, end, h, place, source, count, membrane)
            fires = fires | crossed
        else:
            crossed = below & ~below
        at_end = tl.where(busy & ~fires, end, at_end)
        end = tl.where(crossed, 2 - end, end)  # the mirror image of the path after its crossing is as probable
        busy = busy & fires
        if tl.max(busy.to(tl.int32), 0) > 0:
            h -= _crossing_time(v, end, h, g_leak)
            quiet = tl.zeros_like(h) + mean
            if SCATTERED:
                quiet += sd * _normal(place, source, _REFRACTORY, count, drive.dtype).to(tl.float64)
            quiet = tl.maximum(quiet, 0.0)
            count += busy.to(tl.int32)
            after = tl.where(busy & (quiet >= h), quiet - h, after)
            busy = busy & (quiet < h) & (count <= _MOST)
            v, h = tl.zeros_like(v), h - quiet
            if NOISY:
                noise = _normal(place, source, _NOISE, count, drive.dtype)
            end = _move(0.0, drive, noise, h, membrane)
    return count, at_end, after


@triton.jit
def _words(source, STREAM: tl.constexpr, span):
    """Return words 1 to 3 of the counter and the two of the key, for a draw within the step."""
    low, high, repeat, k0, k1 = source
    return low, high | (span << 16).to(tl.uint32) | (STREAM << 28), repeat, k0, k1


@triton.jit
def _normal(place, source, STREAM: tl.constexpr, span, DTYPE: tl.constexpr):
    return normal_of(place[0], place[1], _words(source, STREAM, span), DTYPE)


@triton.jit
def _shape(h, g_leak):
    """Return x = g_leak h, exp(-x), and 1 - exp(-x) with all its digits."""
    x = g_leak * h
    decay, rise = tl.exp(-x), tl.full((), 1.0, tl.float64)
    for i in tl.static_range(8):  # a noisy span is short, and a few terms of the series are exact
        rise = 1 - x * (1.0 / (9 - i)) * rise
    return x, decay, tl.where(x < 0.07, x * rise, 1 - decay)


@triton.jit
def _move(v, drive, noise, h, membrane):
    """Return where membranes are after times h."""
    x, decay, rise = _shape(h, membrane[0])
    gain, spread = tl.where(x > 0, rise / membrane[0], h), membrane[1] * tl.sqrt(rise * (1 + decay))
    return v * decay + drive.to(tl.float64) * gain + spread * noise.to(tl.float64)


@triton.jit
def _crossed(v, end, h, place, source, span, membrane):
    """Say which membranes, below threshold at both ends of a span, crossed it within."""
    _, decay, rise = _shape(h, membrane[0])
    bridge = membrane[1] * membrane[1] * (rise * (1 + decay) / (2 * decay))  # noise**2 sinh(x)
    odds = (1 - v) * (1 - end)
    draw = uniform_of(place[0], place[1], _words(source, _BRIDGE, span)).to(tl.float64)
    return (odds < _CERTAIN * bridge) & (draw < tl.exp(-odds / bridge))


@triton.jit
def _crossing_time(v, end, h, g_leak):
    """Return when the constant current that carries membranes from v to end in h takes them over 1."""
    x, decay, rise = _shape(h, g_leak)
    part = rise * (1 - v) / ((end - 1) + decay * (1 - v))
    more = 1 + part
    log = tl.where((more == 1) | (more == float("inf")), part, tl.log(more) * (part / (more - 1)))  # log1p
    time = tl.where(x > 0, tl.minimum(h, log / g_leak), h * (1 - v) / (end - v))
    return tl.where(v >= 1, 0.0, time)
