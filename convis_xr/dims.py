"""Dimension names and their order; nowhere else are they spelled."""

from __future__ import annotations

BATCH = "batch"
CHANNEL = "channel"
TIME = "time"
Y = "y"
X = "x"
REPEAT = "repeat"
CELL = "cell"
EVENT = "event"
COMPONENT = "component"
TRIAL = "trial"
ELECTRODE = "electrode"
#: stretches of time in which a cell was observed, and their two ends
INTERVAL = "interval"
BOUND = "bound"

#: The order of a tensor's axes.
STIMULUS = (BATCH, CHANNEL, TIME, Y, X)
SPACE = (Y, X)


def ordered(names: object) -> tuple[str, ...]:
    """The dimensions of ``names`` that a stimulus may have, in tensor order.

    Examples
    --------
    >>> ordered(("x", "time", "y"))
    ('time', 'y', 'x')
    """
    present = set(names)  # type: ignore[call-overload]
    return tuple(name for name in STIMULUS if name in present)
