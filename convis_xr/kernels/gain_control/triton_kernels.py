"""The kernels of the gain control in Triton. Movies are (n, time, y, x), contiguous; V and a are (n, y, x).

``constants`` are amplification, leak and gain [Hz], the adaptation's rate per step and the time step [s].
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..gaussian.triton_loops import pixels_of, weighed


@triton.jit
def fall(g, dt):  # type: ignore[no-untyped-def]
    """Return ``(1 - exp(-g dt))/g``, and its limit ``dt`` at 0."""
    z = g * dt
    # Up to 1/2 by the series 1 - z/2 (1 - z/3 (1 - ...)): 1 - exp(-z) would have lost digits.
    near = tl.abs(z) < 0.5
    small = tl.where(near, z, 0)
    series = small * 0 + 1
    double: tl.constexpr = z.dtype == tl.float64
    terms: tl.constexpr = 15 if double else 9
    for i in tl.static_range(terms):
        series = 1 - small * series * (1 / (terms + 1 - i))
    return dt * tl.where(near, series, (1 - tl.exp(-z)) / tl.where(near, 1, z))


@triton.jit
def product(left, right, HIGH: tl.constexpr, WIDE: tl.constexpr, INNER: tl.constexpr, K: tl.constexpr):  # type: ignore[no-untyped-def]
    """Multiply the matrices (HIGH, INNER) and (INNER, WIDE) at two places in memory, K columns of the first at a time.

    In the precision of what they hold: the card's units for matrices would keep 10 bits of a float32.
    """
    rows, columns, inner = tl.arange(0, HIGH)[:, None], tl.arange(0, WIDE)[None, :], tl.arange(0, K)
    dtype: tl.constexpr = left.dtype.element_ty
    total = tl.zeros((HIGH, WIDE), dtype)
    for k in range(0, INNER, K):
        one = tl.load(left + rows * INNER + k + inner[None, :])
        other = tl.load(right + (k + inner[:, None]) * WIDE + columns)
        total = tl.dot(one, other, total, input_precision="ieee", out_dtype=dtype)
    return total


@triton.jit(do_not_specialize=["steps", "pixels", "tiles"])
def follow_pixels(x, v, a, out, adaptations, constants, steps, pixels, tiles, KEEP: tl.constexpr, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Follow a tile of pixels that nothing couples."""
    movie = tl.program_id(0) // tiles
    pixel = tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)
    there = pixel < pixels
    amplification, leak = tl.load(constants), tl.load(constants + 1)
    rate, dt = tl.load(constants + 3), tl.load(constants + 4)
    place = movie.to(tl.int64) * pixels + pixel
    potential, adaptation = tl.load(v + place, there, 0), tl.load(a + place, there, 0)
    now = movie.to(tl.int64) * steps * pixels + pixel
    for _ in range(steps):
        g = leak + adaptation
        potential += (amplification * tl.load(x + now, there, 0) - g * potential) * fall(g, dt)
        adaptation -= rate * adaptation
        tl.store(out + now, potential, there)
        if KEEP:
            tl.store(adaptations + now, adaptation, there)
        now += pixels
    tl.store(v + place, potential, there)
    tl.store(a + place, adaptation, there)


@triton.jit(do_not_specialize=["steps"])
def follow_movies(  # type: ignore[no-untyped-def]
    x, v, a, out, adaptations, constants, by, bx, scratch, steps,
    H: tl.constexpr, W: tl.constexpr, HIGH: tl.constexpr, WIDE: tl.constexpr, K: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Follow a movie; the frame is padded with pixels that stay at 0 and that the matrices do not look at.

    What is blurred passes from thread to thread through ``scratch``. `tl.debug_barrier` is CUDA's __syncthreads (in the
    compiler's intermediate code "barrier all", in the PTX ``bar.sync 0``): all threads of the program have come there,
    and what they stored before, in global memory too, is seen by all of them after. Only one program uses its part of
    ``scratch``, and the loads are no ``ld.global.nc``, which might find an older value. Two barriers a step will do:
    between the loads of ``drive`` and its next store lies the second, between those of ``blurred`` the first.
    """
    movie = tl.program_id(0).to(tl.int64)
    rows, columns = tl.arange(0, HIGH)[:, None], tl.arange(0, WIDE)[None, :]
    there = (rows < H) & (columns < W)
    frame = rows * W + columns
    amplification, leak, gain = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    rate, dt = tl.load(constants + 3), tl.load(constants + 4)
    place = movie * H * W + frame
    potential, adaptation = tl.load(v + place, there, 0), tl.load(a + place, there, 0)
    drive = scratch + movie * 2 * HIGH * WIDE
    blurred = drive + HIGH * WIDE
    now = movie * steps * H * W + frame
    for _ in range(steps):
        g = leak + adaptation
        potential += (amplification * tl.load(x + now, there, 0) - g * potential) * fall(g, dt)
        tl.store(out + now, potential, there)
        tl.store(drive + rows * WIDE + columns, gain * potential * potential)
        tl.debug_barrier()
        tl.store(blurred + rows * WIDE + columns, product(drive, bx, HIGH, WIDE, WIDE, K))
        tl.debug_barrier()
        adaptation += rate * (product(by, blurred, HIGH, WIDE, HIGH, K) - adaptation)
        if KEEP:
            tl.store(adaptations + now, adaptation, there)
        now += H * W
    tl.store(v + place, potential, there)
    tl.store(a + place, adaptation, there)


@triton.jit(do_not_specialize=["ahead", "steps", "pixels", "total"])
def membrane(x, v, a, out, drive, constants, at, ahead, steps, pixels, total, TILE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Move the membranes of all movies by the step ``at + ahead``; ``drive`` is what will enter their adaptation."""
    place = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    there = place < total
    now = (place // pixels * steps + tl.load(at) + ahead) * pixels + place % pixels
    amplification, leak, gain = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    g = leak + tl.load(a + place, there, 0)
    potential = tl.load(v + place, there, 0)
    potential += (amplification * tl.load(x + now, there, 0) - g * potential) * fall(g, tl.load(constants + 4))
    tl.store(v + place, potential, there)
    tl.store(out + now, potential, there)
    tl.store(drive + place, gain * potential * potential, there)


@triton.jit(do_not_specialize=["taps", "ahead", "steps", "height", "width", "total"])
def adapt(  # type: ignore[no-untyped-def]
    blurred, a, adaptations, weights, taps, constants, at, ahead, steps, height, width, total,
    KEEP: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Blur all frames along y, edges replicated, and move the adaptations by the step ``at + ahead``."""
    place, there, row, _ = pixels_of(width, height * width, total, TILE)
    blurry = weighed(blurred, place, there, weights, taps, row, height, width)
    adaptation = tl.load(a + place, there, 0)
    adaptation += tl.load(constants + 3) * (blurry - adaptation)
    tl.store(a + place, adaptation, there)
    if KEEP:
        pixels = height * width
        now = (place // pixels * steps + tl.load(at) + ahead) * pixels + place % pixels
        tl.store(adaptations + now, adaptation, there)
