"""`Fixation`: where the eye looks while it fixates, as a pure function of the absolute time step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convis_xr.stimuli.draws import Numbers, normal, uniform

#: steps of the drift that are drawn at a time, and of a path that are computed at a time
BLOCK = 2**13
#: sinusoids that a tremor is made of
WAVES = 16
#: least time between microsaccades, and the most that one lasts [s]
PAUSE = 0.1
#: which random numbers serve what; the drift's blocks follow the last one
_TREMOR, _WHEN, _WHERE, _TOTALS, _DRIFT = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Fixation:
    """All that a path depends on; `at` gives it at any steps, in any order, always the same.

    Parameters
    ----------
    dt : float, s
    seed : int
    drift : float, degree^2/s
        ``D``: the mean of the squared distance grows with ``4 D t``.
    tremor : float, degree
        Root mean square along each axis.
    frequency, bandwidth : float, Hz
        Mean and standard deviation of the tremor's spectrum.
    scatter : float, degree
        Standard deviation, along each axis, of where microsaccades end.
    shortest : float, s
        How long a microsaccade of no amplitude lasts.
    slope : float, s/degree
        How much longer one lasts, by its amplitude.
    times : ndarray, s
        When microsaccades begin, ascending.
    """

    dt: float
    seed: int
    drift: float
    tremor: float
    frequency: float
    bandwidth: float
    scatter: float
    shortest: float
    slope: float
    times: Numbers

    def at(self, index: Numbers) -> Numbers:
        """Gaze (step, (y, x)) in degree at the time steps ``index``."""
        return self._slow_and_jumps(index) + self._shaking(index)

    def jumps(self, which: Numbers) -> Numbers:
        """The way (microsaccade, (y, x)) in degree of the microsaccades with these numbers.

        Each ends near the point of fixation, wherever the drift has led since the last.
        """
        now, before = self._drifted(self._steps(which)), self._drifted(self._steps(which - 1))
        return self._ends(which) - self._ends(which - 1) - (now - before)

    def lasting(self, jumps: Numbers) -> Numbers:
        """How long microsaccades take [s]: the main sequence."""
        lengths = np.linalg.norm(jumps, axis=-1)
        return np.clip(self.shortest + self.slope * lengths, 0.0, PAUSE)

    def _slow_and_jumps(self, index: Numbers) -> Numbers:
        gaze = self._drifted(index)
        if not self.times.size:
            return gaze
        last = np.searchsorted(self.times, index * self.dt, side="right") - 1
        which, back = np.unique(last, return_inverse=True)
        begun = which >= 0
        ends, drifted = self._ends(which), self._drifted(self._steps(which))
        jumps = np.where(begun[:, None], self.jumps(np.maximum(which, 0)), 0.0)
        since = index * self.dt - np.where(begun, self.times[np.maximum(which, 0)], 0.0)[back]
        left = 1.0 - _minimum_jerk(since / np.maximum(self.lasting(jumps), 1e-9)[back])
        return gaze + (ends - drifted)[back] - left[:, None] * jumps[back]

    def _steps(self, which: Numbers) -> Numbers:
        """The last step before each microsaccade; 0 for the one before the first."""
        times = np.where(which >= 0, self.times[np.maximum(which, 0)], 0.0)
        return np.floor(times / self.dt).astype(np.int64)

    def _ends(self, which: Numbers) -> Numbers:
        """Where each microsaccade ends; the fixation begins in the middle."""
        drawn = normal(self.seed, _WHERE, 2 * (max(int(which.max()), 0) + 1)).reshape(-1, 2)
        return np.where((which >= 0)[:, None], self.scatter * drawn[np.maximum(which, 0)], 0.0)

    def _drifted(self, index: Numbers) -> Numbers:
        """A random walk (step, (y, x)) whose blocks are bridges between sums that are drawn beforehand."""
        if not self.drift:
            return np.zeros((len(index), 2))
        blocks, offsets = np.divmod(index, BLOCK)
        totals = math.sqrt(BLOCK) * normal(self.seed, _TOTALS, 2 * (int(blocks.max()) + 1)).reshape(-1, 2)
        begins = np.cumsum(totals, axis=0) - totals
        walked = np.empty((len(index), 2))
        for block in np.unique(blocks):
            here = blocks == block
            walk = np.cumsum(normal(self.seed, _DRIFT + int(block), 2 * BLOCK).reshape(-1, 2), axis=0)
            bridge = walk - (np.arange(1, BLOCK + 1) / BLOCK)[:, None] * (walk[-1] - totals[block])
            inside = np.concatenate([np.zeros((1, 2)), bridge[:-1]])
            walked[here] = begins[block] + inside[offsets[here]]
        return math.sqrt(2 * self.drift * self.dt) * walked

    def _shaking(self, index: Numbers) -> Numbers:
        if not self.tremor:
            return np.zeros((len(index), 2))
        rates = self.frequency + self.bandwidth * normal(self.seed, _TREMOR, 2 * WAVES).reshape(2, WAVES)
        phases = 2 * np.pi * uniform(self.seed, _TREMOR, 4 * WAVES)[2 * WAVES :].reshape(2, WAVES)
        time = index * self.dt
        shaken = np.zeros((len(index), 2))
        for axis in range(2):
            for rate, phase in zip(rates[axis], phases[axis], strict=True):
                shaken[:, axis] += np.cos(2 * np.pi * rate * time + phase)
        return self.tremor * math.sqrt(2 / WAVES) * shaken


def saccade_times(duration: float, rate: float, seed: int) -> Numbers:
    """When microsaccades begin [s]: independent intervals of at least `PAUSE`, ``1 / rate`` in the mean.

    Examples
    --------
    >>> len(saccade_times(1000.0, 1.5, seed=0)) in range(1400, 1600)
    True
    """
    if not rate:
        return np.empty(0)
    count = 16 + int(2 * duration * rate)
    while True:
        waits = PAUSE - (1 / rate - PAUSE) * np.log(uniform(seed, _WHEN, count))
        times: Numbers = np.cumsum(waits)
        if times[-1] > duration:
            return times[times < duration]
        count *= 2


def _minimum_jerk(part: Any) -> Any:
    """The way done of a movement without jerks (Flash & Hogan 1985), by the part of its time that is over."""
    over = np.clip(part, 0.0, 1.0)
    return over**3 * (10 - 15 * over + 6 * over**2)
