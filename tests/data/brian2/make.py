"""Spikes and membranes of our differential-equation cells as brian2 computes them.

``python tests/data/brian2/make.py`` writes the three .npz beside it (Python >= 3.12: brian2 >= 2.10 needs it). The
scheme is that of `convis_xr.kernels.dynamics`: Runge and Kutta's fourth order, spikes at the ends of steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent

#: Lengths in ms; one cell for each current.
DURATION, TRACE = 1000.0, 100.0

CASES: dict[str, dict[str, Any]] = {
    "izhikevich": {
        "step": 0.05,
        "currents": [3.0, 3.8, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 40.0],
        "equations": """
            dv/dt = 0.04/ms/mV * v**2 + 5/ms * v + 140*mV/ms - u + I : volt
            du/dt = 0.02/ms * (0.2/ms * v - u) : volt/second
            I : volt/second""",
        "units": "mV/ms",
        "volts": True,
        "model": {"threshold": "v >= 30*mV", "reset": "v = -65*mV; u += 8*mV/ms"},
        "start": {"v": "-65*mV", "u": "-13*mV/ms"},
    },
    "fitzhugh_nagumo": {
        "step": 0.05,
        "currents": [0.2, 0.32, 0.34, 0.4, 0.5, 0.7, 1.0, 1.3, 1.5],
        "equations": """
            dv/dt = (v - v**3/3 - w + I) / ms : 1
            dw/dt = 0.08 * (v + 0.7 - 0.8*w) / ms : 1
            I : 1""",
        "units": "1",
        "volts": False,
        # a spike is where v comes up to 0; as long as it stays there, it is not another one
        "model": {"threshold": "v >= 0", "refractory": "v >= 0"},
        "start": {"v": "-1.199408035244035", "w": "-0.624260044055043"},
    },
    "hodgkin_huxley": {
        "step": 0.02,
        "currents": [-20.0, 2.0, 6.0, 6.5, 7.0, 10.0, 20.0, 50.0, 100.0],
        "equations": """
            dv/dt = (I - g_na*m**3*h*(v - 50*mV) - g_k*n**4*(v + 77*mV) - g_leak*(v + 54.387*mV)) / C : volt
            dm/dt = (1/exprel(-(v + 40*mV)/(10*mV))*(1 - m) - 4*exp(-(v + 65*mV)/(18*mV))*m) / ms : 1
            dh/dt = (0.07*exp(-(v + 65*mV)/(20*mV))*(1 - h) - h/(1 + exp(-(v + 35*mV)/(10*mV)))) / ms : 1
            dn/dt = (0.1/exprel(-(v + 55*mV)/(10*mV))*(1 - n) - 0.125*exp(-(v + 65*mV)/(80*mV))*n) / ms : 1
            I : amp/meter**2""",
        "units": "uA/cm^2",
        "volts": True,
        "model": {"threshold": "v >= 0*mV", "refractory": "v >= 0*mV"},
        "start": {"v": "-65*mV", "m": "x_m", "h": "x_h", "n": "x_n"},
    },
}


def simulate(name: str, duration: float = DURATION) -> dict[str, np.ndarray]:
    """Run one case in brian2, for so many ms.

    Returns
    -------
    dict of ndarray
        ``currents`` (cell,); ``cell`` and ``index`` (spike,): which cell fired in which step; ``trace`` (cell, time):
        the membrane at the end of each step, of the first 100 ms, every 1 ms; ``step``, in ms; ``version`` of brian2.
    """
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    case = CASES[name]
    b2.start_scope()
    b2.defaultclock.dt = case["step"] * b2.ms
    namespace = {
        "g_na": 120 * b2.msiemens / b2.cm**2, "g_k": 36 * b2.msiemens / b2.cm**2,
        "g_leak": 0.3 * b2.msiemens / b2.cm**2, "C": 1 * b2.ufarad / b2.cm**2, **gates_at_rest(-65.0),
    }  # fmt: skip
    group = b2.NeuronGroup(len(case["currents"]), case["equations"], method="rk4", namespace=namespace, **case["model"])
    units = {"mV/ms": b2.mV / b2.ms, "1": 1, "uA/cm^2": b2.uamp / b2.cm**2}[case["units"]]
    group.I = np.array(case["currents"]) * units
    for variable, start in case["start"].items():
        setattr(group, variable, start)
    spikes = b2.SpikeMonitor(group)
    membrane = b2.StateMonitor(group, "v", record=True, dt=1 * b2.ms)
    b2.run(duration * b2.ms)
    index = np.round(np.asarray(spikes.t / b2.ms) / case["step"]).astype(np.int32)
    values = np.asarray(membrane.v / (b2.mV if case["volts"] else 1))
    return {
        "currents": np.array(case["currents"]),
        "cell": np.asarray(spikes.i, dtype=np.int16),
        "index": index,
        # it reads at the beginning of a step, which is the end of the one before
        "trace": values[:, 1 : round(TRACE) + 1],
        "step": np.array(case["step"]),
        "version": np.array(b2.__version__),
    }


def gates_at_rest(v: float) -> dict[str, float]:
    """Where the gates of the squid axon are at v mV."""
    alpha = {
        "m": (v + 40) / 10 / (1 - np.exp(-(v + 40) / 10)),
        "h": 0.07 * np.exp(-(v + 65) / 20),
        "n": 0.1 * (v + 55) / 10 / (1 - np.exp(-(v + 55) / 10)),
    }
    beta = {
        "m": 4 * np.exp(-(v + 65) / 18),
        "h": 1 / (1 + np.exp(-(v + 35) / 10)),
        "n": 0.125 * np.exp(-(v + 65) / 80),
    }
    return {f"x_{gate}": float(alpha[gate] / (alpha[gate] + beta[gate])) for gate in alpha}


if __name__ == "__main__":
    for name in CASES:
        np.savez_compressed(HERE / f"{name}.npz", **simulate(name))
