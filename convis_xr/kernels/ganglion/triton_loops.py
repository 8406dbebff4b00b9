"""Ganglion cells on a graphics card in one pass over memory: transient, nonlinearity and spikes, in registers.

Of each sample a potential is read and a count written, 5 bytes in float32, where the parts one by one move 29. The
functions are those of the single kernels, and so are the bits.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ..lif.membrane import Membrane, Source, overflow
from ..lif.triton_loops import fire, key_of, membrane_of, note, run, whole_of
from ..nonlinearity.triton_loops import current_of, ganglion_nonlinearity
from ..philox.triton_loops import place_of
from ..recursion.triton_loops import high_pass


def ganglion_spikes(
    x: Tensor,
    state: tuple[Tensor, Tensor, Tensor],
    cells: Tensor,
    transient: tuple[float, float, float],
    nonlinearity: tuple[float, float, float],
    membrane: Membrane,
    source: Source,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Do what `partial_high_pass`, `ganglion_nonlinearity` and `noisy_lif` do one after the other."""
    failed, counts, end = run(_ganglion, x, state, cells, membrane, source, *transient, *nonlinearity)
    if failed is None:
        return counts, (end[0], end[1], end[2])
    where, k = failed
    b, c, row, column = (slice(i, i + 1) for i in where)
    rate, weight, sign = transient
    high, _ = high_pass(x[b, c, : k + 1, row, column], state[0][None, b, c, row, column], rate, weight)
    drive = float(ganglion_nonlinearity(sign * high[:, :, k], *nonlinearity))
    raise overflow(where, source.step + k, drive, membrane)


@triton.jit(do_not_specialize=["units", "steps", "tiles", "first", "repeat", "k0", "k1"])
def _ganglion(
    x, counts, low_pass, potential, refractory, cells, failed, units, steps, pixels, tiles,
    rate: tl.float64, weight: tl.float64, sign: tl.float64,
    threshold: tl.float64, baseline: tl.float64, slope: tl.float64,
    decay: tl.float64, gain: tl.float64, spread: tl.float64, near: tl.float64,
    g_leak: tl.float64, noise: tl.float64, mean: tl.float64, sd: tl.float64, dt: tl.float64,
    first: tl.int64, repeat: tl.uint32, k0: tl.uint32, k1: tl.uint32,
    NOISY: tl.constexpr, SCATTERED: tl.constexpr, TILE: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Take one run of cells through time; x and counts are (unit, step, pixel), the rest (unit, pixel)."""
    first, units = first.to(tl.int64), units.to(tl.int64)
    unit, pixel = (tl.program_id(0) // tiles).to(tl.int64), tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)
    inside, own = pixel < pixels, unit * pixels + pixel
    low = tl.load(low_pass + own, inside)
    v, left = tl.load(potential + own, inside), tl.load(refractory + own, inside)
    place, key = place_of(tl.load(cells + own, inside, 0)), key_of(repeat, k0, k1)
    whole, membrane = whole_of(decay, gain, spread, near, dt, v.dtype), membrane_of(g_leak, noise, mean, sd, dt)
    transient = (tl.full((), rate, v.dtype), tl.full((), weight, v.dtype), tl.full((), sign, v.dtype))
    for k in tl.range(steps, num_stages=STAGES):
        sample = tl.load(x + (unit * steps + k) * pixels + pixel, inside, 0.0)
        low, high = _transient(sample, low, transient)
        drive = current_of(high, threshold, baseline, slope)
        count, v, left = fire(v, left, drive, inside, place, first + k, key, whole, membrane, NOISY, SCATTERED)
        tl.store(counts + (unit * steps + k) * pixels + pixel, count.to(tl.uint8), inside)
        note(failed, count, inside, (k * units + unit) * pixels + pixel)
    tl.store(low_pass + own, low, inside)
    tl.store(potential + own, v, inside)
    tl.store(refractory + own, left, inside)


@triton.jit
def _transient(sample, low, transient):
    """Return the low-pass, and what is left of the sample, with its sign."""
    rate, weight, sign = transient
    low = tl.where(rate == 1, sample, low + rate * (sample - low))
    return low, sign * (sample - weight * low)
