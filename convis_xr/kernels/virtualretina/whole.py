"""The definition of VirtualRetina's convention: the whole retina, one plain step after the other, in float64.

What VirtualRetina 2.2.3 computes of the equations of Wohrer & Kornprobst (2009, J Comput Neurosci 26:219). Every link
between two of its objects reads the other's value of one step before. Nothing else in the package calls this: it is
what the layers are compared to.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..gain_control.parameters import GainControl
from .reference import Frame, Width, blur, current_of, leaky_step, membrane_step


class Opl(NamedTuple):
    """Outer plexiform layer: widths in px, times in s, the gain in 1 / unit of luminance."""

    center_sigma: Width
    center_tau: float
    center_n: int
    undershoot_weight: float
    undershoot_tau: float
    surround_sigma: Width
    surround_tau: float
    surround_weight: float
    gain: float
    leaky: bool


class Ganglion(NamedTuple):
    """One layer of ganglion cells: time in s, rates in Hz, width in px."""

    sign: float
    tau: float
    weight: float
    threshold: float
    baseline: float
    slope: float
    pooling_sigma: Width


class _LowPass:
    """An exponential low-pass in time and space that is at rest under one uniform value."""

    def __init__(self, sigma: Width, tau: float, n: int, leaky: bool, dt: float, rest: Frame) -> None:
        self.leaky, self.tau, self.dt = leaky and tau > 0, tau, dt
        self.c = math.exp(-dt * max(n, 1) / tau) if tau > 0 else 0.0
        part = math.sqrt(dt / tau) if self.leaky else 1.0
        self.sigma = sigma[0] * part, sigma[1] * part
        self.poles = [rest] * (n + 1)
        self.value = rest

    def step(self, x: Frame) -> None:
        """Show one frame."""
        if self.leaky:
            self.value = leaky_step(self.value, x, self.tau, self.sigma, self.dt)
            return
        for i, held in enumerate(self.poles):
            x = self.poles[i] = self.c * held + (1 - self.c) * x
        self.value = blur(x, self.sigma)


class _HighPass:
    """A partial high-pass in time; with a weight of 0 it vanishes, with the delay of its link."""

    def __init__(self, tau: float, weight: float, dt: float, rest: Frame) -> None:
        self.c = math.exp(-dt / tau) if tau > 0 else 0.0
        self.weight, self.low, self.value = weight, rest, (1 - weight) * rest

    def step(self, before: Frame, now: Frame) -> None:
        """Read what the object in front held before this step, and what it holds now."""
        self.low = self.c * self.low + (1 - self.c) * before
        self.value = now if self.weight == 0 else before - self.weight * self.low


def stages(frames: Frame, start: float, opl: Opl, bipolar: GainControl, ganglion: list[Ganglion]) -> dict[str, Frame]:
    """Compute every stage of every step.

    Parameters
    ----------
    frames : ndarray (time, y, x), float64
        Luminance, one frame for each step.
    start : float
        The uniform luminance that the outer plexiform layer rests in before.
    opl, bipolar, ganglion
        Parameters; the time step is the bipolar cells'.

    Returns
    -------
    dict of ndarray (time, y, x)
        ``center``, ``surround``, ``opl``, ``bipolar``, ``adaptation``; for layer i ``transient<i>``, ``current<i>``.
    """
    dt, nothing = bipolar.dt, np.zeros(frames.shape[1:])
    grey = np.full(frames.shape[1:], opl.gain * start)
    low = _LowPass(opl.center_sigma, opl.center_tau, opl.center_n, opl.leaky, dt, grey)
    center = _HighPass(opl.undershoot_tau, opl.undershoot_weight, dt, grey)
    surround = _LowPass(opl.surround_sigma, opl.surround_tau, 0, opl.leaky, dt, center.value)
    difference = center.value - opl.surround_weight * surround.value
    v, a = nothing, nothing
    transients = [_HighPass(layer.tau, layer.weight, dt, nothing) for layer in ganglion]
    made: dict[str, list[Frame]] = {}
    for frame in frames:
        low_before, center_before, v_before = low.value, center.value, v
        transients_before = [transient.value for transient in transients]
        low.step(opl.gain * frame)
        center.step(low_before, low.value)
        surround.step(center_before)
        v, a = membrane_step(v, a, difference, bipolar)
        difference = center.value - opl.surround_weight * surround.value
        now = {"center": center.value, "surround": opl.surround_weight * surround.value, "opl": difference}
        now |= {"bipolar": v, "adaptation": a}
        for i, layer in enumerate(ganglion):
            transients[i].step(v_before, v)
            now[f"transient{i}"] = transients[i].value
            drive = current_of(layer.sign * transients_before[i], layer.threshold, layer.baseline, layer.slope)
            now[f"current{i}"] = blur(drive, layer.pooling_sigma)
        for name, value in now.items():
            made.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in made.items()}


def spike_times(currents: Frame, dt: float, g_leak: float, refractory: float) -> list[float]:
    """Return when one cell without noise fires; step k sees ``currents[k-1]``, step 0 sees 0.

    Between spikes the membrane moves exactly, ``V' = V e + (I/gL)(1-e)``; the next spike under the constant current of
    a step is at ``log((I/gL - V)/(I/gL - 1))/gL``.
    """
    times: list[float] = []
    v, asleep = 0.0, 0.0
    for k in range(len(currents)):
        current = 0.0 if k == 0 else float(currents[k - 1])
        now, end = 0.0, dt
        while True:
            pause = min(asleep, end - now)
            now, asleep = now + pause, asleep - pause
            level = current / g_leak
            wait = math.log((level - v) / (level - 1)) / g_leak if level > 1 else math.inf
            if now >= end or wait > end - now:
                v = v * math.exp(-g_leak * (end - now)) + level * -math.expm1(-g_leak * (end - now))
                break
            now += wait
            times.append(k * dt + now)
            v, asleep = 0.0, refractory
    return times
