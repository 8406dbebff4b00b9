"""What the integrate-and-fire kernels share: the membrane's parameters, the source of draws, and fixed numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from ..philox.counters import Key

#: Streams of random numbers: membrane noise, crossings within a span, refractory times, membranes at the start.
NOISE, BRIDGE, REFRACTORY, START = range(4)

#: The smallest uniform draw is 2**-24: a crossing less probable than that never happens and needs no draw.
CERTAIN = 24 * math.log(2)

#: Longest span, in units of 1/g_leak. The probability of a crossing within a span takes the threshold for straight in
#: the time of the equivalent Brownian motion, where it is bent: 2.6 % too many spikes at 0.25, 10 % at 0.5.
FINEST = 0.0625

#: Most spans that a step is cut into: whoever needs more has mistaken a unit, and would wait for ever.
MANY = 4096

#: A count is a uint8.
MOST = 255


class Membrane(NamedTuple):
    """Parameters of the noisy leaky integrate-and-fire cell: Hz, s, and the noise in units of the threshold."""

    g_leak: float
    noise: float
    refractory_mean: float
    refractory_sd: float
    dt: float

    @property
    def parts(self) -> int:
        """Number of spans that a step is cut into: noisy paths are followed in spans of at most `FINEST`."""
        if self.noise == 0 or not math.isfinite(self.g_leak * self.dt):
            return 1
        return max(1, math.ceil(self.g_leak * self.dt / FINEST - 1e-9))


class Source(NamedTuple):
    """Which draws are this run's: the key, the absolute index of the first sample, and the trial."""

    key: Key
    step: int
    repeat: int


class Events(NamedTuple):
    """Spikes one by one: flat index of the cell (n,), absolute step (n,), and time since its beginning (n,) [s]."""

    cell: Tensor
    step: Tensor
    offset: Tensor


class Span(NamedTuple):
    """How a membrane moves over a time h: ``V' = V decay + I gain + spread n``, and the variance of its bridge."""

    decay: float
    gain: float
    spread: float
    bridge: float


def span_of(membrane: Membrane, h: float) -> Span:
    """Return the exact step over a time h [s]; ``g_leak = 0`` is the limit, in which ``noise`` stands for none."""
    x = membrane.g_leak * h
    gain = -math.expm1(-x) / membrane.g_leak if x > 0 else h
    spread = membrane.noise * math.sqrt(-math.expm1(-2 * x))
    return Span(math.exp(-x), gain, spread, membrane.noise**2 * math.sinh(min(x, 700.0)))


def overflow(where: tuple[int, ...], step: int, current: float, membrane: Membrane) -> OverflowError:
    """Return the error for a cell that fires too often for a count."""
    return OverflowError(
        f"noisy_lif: the cell (batch, channel, y, x) = {where} fires more than {MOST} times in step {step} of "
        f"{membrane.dt} s, driven by {current:.6g} Hz: more than a uint8 count can hold; take a shorter time step, a "
        "longer refractory period or a weaker current"
    )
