"""What the Poisson kernels share: streams of random numbers, fixed numbers, and the error for too many spikes."""

from __future__ import annotations

from typing import NamedTuple

from ..philox.counters import Key

#: Streams of random numbers: upper and lower 23 bits of the draw.
COARSE, FINE = range(2)

#: A count is a uint8.
MOST = 255

#: Less probable than what 46 bits can tell.
NEVER = 2.0**-60


class Source(NamedTuple):
    """Which draws are this run's: the key, the absolute index of the first sample, and the trial."""

    key: Key
    step: int
    repeat: int


def overflow(where: tuple[int, ...], step: int, rate: float, dt: float) -> OverflowError:
    """Return the error for a cell that fires too often for a count."""
    return OverflowError(
        f"poisson: the cell (batch, channel, y, x) = {where} fires more than {MOST} times in step {step} of {dt:g} s, "
        f"at a rate of {rate:.6g} Hz: more than a uint8 count can hold; take a shorter time step or a lower rate"
    )
