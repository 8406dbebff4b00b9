"""The twenty firing patterns of Izhikevich 2004 (IEEE TNN 15:1063, fig. 1): cells, and the current that each needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr.contract import as_stimulus
from convis_xr.errors import ParameterError, UnitError, explain
from convis_xr.units import magnitude

Floats = npt.NDArray[np.float64]
#: current in mV/ms as a function of time in ms
Course = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Pattern:
    """One firing pattern.

    Parameters
    ----------
    cell : dict
        Arguments of `convis_xr.spiking.Izhikevich`.
    duration : float
        Length of the current, ms.
    current : callable
        Current in mV/ms as a function of time in ms.
    doc : str
        What the cell does.
    """

    cell: dict[str, Any] = field(repr=False)
    duration: float
    current: Course = field(repr=False)
    doc: str


def pattern_of(name: str) -> Pattern:
    """A pattern by its name.

    Raises
    ------
    ParameterError
        There is no such pattern.
    """
    if name not in PATTERNS:
        wanted = f"one of {', '.join(PATTERNS)}"
        raise ParameterError(explain("pattern", wanted=wanted, got=repr(name), cure='"tonic spiking"'))
    return PATTERNS[name]


def pattern_current(name: str, dt: Any = "0.1 ms") -> xr.DataArray:
    """The current that shows a firing pattern of a cell (Izhikevich 2004, fig. 1).

    Parameters
    ----------
    name : str
        A key of `PATTERNS`.
    dt : quantity [time]
        Time step; each sample is the current in the middle of its step.

    Returns
    -------
    DataArray (time) [mV/ms]
        float64.

    Raises
    ------
    ParameterError
        There is no such pattern.
    UnitError
        ``dt`` is no time above 0.

    Examples
    --------
    >>> current = pattern_current("rebound spike")
    >>> float(current.min()), current.sizes["time"]
    (-15.0, 2000)
    """
    pattern, step = pattern_of(name), magnitude(dt, "time", "dt") * 1e3
    if step <= 0:
        raise UnitError(explain("dt", wanted="a time above 0", got=f"{step:g} ms", cure='dt="0.1 ms"'))
    count = max(1, round(pattern.duration / step))
    values = pattern.current((np.arange(count, dtype=np.float64) + 0.5) * step)
    return as_stimulus(values, dt=dt, units="mV/ms")


def _pulses(*spans: tuple[float, float, float], base: float = 0.0) -> Course:
    """A constant current, and others between the times (from, until, current)."""

    def current(t: Floats) -> Floats:
        values = np.full_like(t, base)
        for start, stop, level in spans:
            values[(t > start) & (t < stop)] = level
        return values

    return current


def _ramp(start: float, slope: float, base: float = 0.0) -> Course:
    return lambda t: base + slope * np.maximum(t - start, 0.0)


def _slow_and_fast_ramp(t: Floats) -> Floats:
    return np.where(t < 200, t / 25, np.where((t > 300) & (t < 312.5), (t - 300) / 12.5 * 4, 0.0))


def _cell(a: float, b: float, c: float, d: float, v: float, **more: Any) -> dict[str, Any]:
    return {
        "a": f"{a} /ms",
        "b": f"{b} /ms",
        "c": f"{c} mV",
        "d": f"{d} mV/ms",
        "v_start": f"{v} mV",
        **more,
    }


_EVER = float("inf")
_CLASS_1 = {"linear": "4.1 /ms", "constant": "108 mV/ms"}
_ACCOMMODATION = {"v_ref": "-65 mV", "u_leak": 0.0, "u_start": "-16 mV/ms"}

#: The patterns by name, in the order of the paper. Cells, starts and currents are the author's, with three exceptions:
#: his steps of 0.1 to 0.5 ms do not solve his equations, and what they show is then not what the equations do. The
#: second pulse of "bistability" comes at the phase that ends the firing (207 ms instead of 216 ms); d of
#: "depolarizing after-potential" is -19 instead of -21, with which the cell goes on firing; d of "inhibition-induced
#: bursting" is that of the paper's table (0), since with that of the program (-2) bursts never end.
PATTERNS: dict[str, Pattern] = {
    "tonic spiking": Pattern(
        _cell(0.02, 0.2, -65, 6, -70), 100, _pulses((10, _EVER, 14)), "fires as long as the current lasts"
    ),
    "phasic spiking": Pattern(
        _cell(0.02, 0.25, -65, 6, -64), 200, _pulses((20, _EVER, 0.5)), "one spike at the onset of the current"
    ),
    "tonic bursting": Pattern(
        _cell(0.02, 0.2, -50, 2, -70), 220, _pulses((22, _EVER, 15)), "bursts as long as the current lasts"
    ),
    "phasic bursting": Pattern(
        _cell(0.02, 0.25, -55, 0.05, -64), 200, _pulses((20, _EVER, 0.6)), "one burst at the onset of the current"
    ),
    "mixed mode": Pattern(
        _cell(0.02, 0.2, -55, 4, -70), 160, _pulses((16, _EVER, 10)), "a burst at the onset, then single spikes"
    ),
    "spike frequency adaptation": Pattern(
        _cell(0.01, 0.2, -65, 8, -70), 85, _pulses((8.5, _EVER, 30)), "intervals between spikes grow"
    ),
    "class 1": Pattern(
        _cell(0.02, -0.1, -55, 6, -60, **_CLASS_1), 300, _ramp(30, 0.075), "starts to fire at a low rate, which grows"
    ),
    "class 2": Pattern(_cell(0.2, 0.26, -65, 0, -64), 300, _ramp(30, 0.015, -0.5), "starts to fire at a high rate"),
    "spike latency": Pattern(
        _cell(0.02, 0.2, -65, 6, -70), 100, _pulses((10, 13, 7.04)), "fires after the pulse has ended"
    ),
    "subthreshold oscillations": Pattern(
        _cell(0.05, 0.26, -60, 0, -62), 200, _pulses((20, 25, 2)), "the membrane rings after a spike"
    ),
    "resonator": Pattern(
        _cell(0.1, 0.26, -60, -1, -62),
        400,
        _pulses((40, 44, 0.65), (60, 64, 0.65), (280, 284, 0.65), (320, 324, 0.65)),
        "fires for two pulses at the interval of its own oscillation only",
    ),
    "integrator": Pattern(
        _cell(0.02, -0.1, -55, 6, -60, **_CLASS_1),
        100,
        _pulses((9.1, 11.1, 9), (14.1, 16.1, 9), (70, 72, 9), (80, 82, 9)),
        "fires for two pulses that come close together only",
    ),
    "rebound spike": Pattern(_cell(0.03, 0.25, -60, 4, -64), 200, _pulses((20, 25, -15)), "a spike after inhibition"),
    "rebound burst": Pattern(_cell(0.03, 0.25, -52, 0, -64), 200, _pulses((20, 25, -15)), "a burst after inhibition"),
    "threshold variability": Pattern(
        _cell(0.03, 0.25, -60, 4, -64),
        100,
        _pulses((10, 15, 1), (70, 75, -6), (80, 85, 1)),
        "a pulse that alone does not, makes it fire after inhibition",
    ),
    "bistability": Pattern(
        _cell(0.1, 0.26, -60, 0, -61),
        300,
        _pulses((37.5, 42.5, 1.24), (207, 212, 1.24), base=0.24),
        "one pulse starts the firing, and another ends it",
    ),
    "depolarizing after-potential": Pattern(
        _cell(1, 0.2, -60, -19, -70), 50, _pulses((9, 11, 20)), "the membrane stays above rest after a spike"
    ),
    "accommodation": Pattern(
        _cell(0.02, 1, -55, 4, -65, **_ACCOMMODATION),
        400,
        _slow_and_fast_ramp,
        "fires for a fast ramp of the current, not for a slow one that goes higher",
    ),
    "inhibition-induced spiking": Pattern(
        _cell(-0.02, -1, -60, 8, -63.8), 350, _pulses((50, 250, 75), base=80), "fires while it is inhibited"
    ),
    "inhibition-induced bursting": Pattern(
        _cell(-0.026, -1, -45, 0, -63.8), 350, _pulses((50, 250, 75), base=80), "bursts while it is inhibited"
    ),
}
