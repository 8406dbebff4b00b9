"""What the event kernels share: the parameters of a pixel, fixed numbers, and the error for too many events."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: A count is a uint8.
MOST = 255

#: What is compared to the reference: the input, its logarithm, or its integral over time.
Mode = Literal["linear", "log", "integral"]


class Rule(NamedTuple):
    """Parameters of a pixel: thresholds in the unit of the level, s and Hz."""

    on: float
    off: float
    refractory: float
    leak: float
    dt: float
    mode: Mode


def overflow(where: tuple[int, ...], value: float, rule: Rule) -> OverflowError:
    """Return the error for a pixel with too many events for a count."""
    *frame, step = where
    return OverflowError(
        f"change_events: the pixel (batch, channel, y, x) = {tuple(frame)} has more than {MOST} events in time step "
        f"{step} of its input, at a value of {value:.6g}: more than a uint8 count can hold; take a higher threshold or "
        "a shorter time step"
    )
