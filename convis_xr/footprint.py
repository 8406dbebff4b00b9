"""`Footprint`: what a layer declares about its reach, as data that the planner and the tests read."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Footprint:
    """How far an output sample looks into the past and into the neighbourhood.

    Parameters
    ----------
    memory : float
        Samples of the past that matter; ``inf`` where it never forgets.
    tolerance : float
        0 where nothing beyond ``memory`` matters at all; else the part that is left by then (a decay).
    radius : float
        Pixels in each direction; ``inf`` where the whole frame matters.
    mixes_channels : bool
        Whether an output channel depends on more than one input channel.

    Examples
    --------
    >>> Footprint(memory=10, radius=3).then(Footprint(memory=5, radius=1))
    Footprint(memory=15, tolerance=0.0, radius=4, mixes_channels=False)
    """

    memory: float = 0
    tolerance: float = 0.0
    radius: float = 0
    mixes_channels: bool = False

    def then(self, other: Footprint) -> Footprint:
        """The footprint of this one followed by another."""
        return Footprint(
            self.memory + other.memory,
            max(self.tolerance, other.tolerance),
            self.radius + other.radius,
            self.mixes_channels or other.mixes_channels,
        )

    def beside(self, other: Footprint) -> Footprint:
        """The footprint of two that are fed with the same input."""
        return Footprint(
            max(self.memory, other.memory),
            max(self.tolerance, other.tolerance),
            max(self.radius, other.radius),
            self.mixes_channels or other.mixes_channels,
        )

    @classmethod
    def decay(cls, tau: float, dt: float, poles: int = 1, tolerance: float = 1e-6) -> Footprint:
        """An exponential memory: forgotten to ``tolerance`` after so many samples."""
        if tau <= 0:
            return cls()
        # a cascade of n poles forgets as one pole does, later by about twice its order
        samples = math.ceil((math.log(1 / tolerance) + 2 * (poles - 1)) * tau / dt)
        return cls(memory=samples, tolerance=tolerance)


#: what is assumed of a layer that says nothing
UNKNOWN = Footprint(memory=math.inf, radius=math.inf, mixes_channels=True)
