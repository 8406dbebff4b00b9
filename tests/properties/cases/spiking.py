"""Spiking cells."""

from __future__ import annotations

from collections.abc import Callable

import convis_xr as cx
from tests.properties.cases.case import Case


def firing(
    name: str, make: Callable[[], cx.Layer], units: str, most: float, least: float = 0.0, noiseless: bool = False
) -> Case:
    """Whole numbers of spikes: no gradient, and single precision may move one into the next step."""
    return Case(name, make, units=units, most=most, least=least, smooth=False, close=False, noiseless=noiseless)


CASES = [
    firing("LIF", lambda: cx.spiking.LIF(noise=0.1), "Hz", 400),
    firing("NoisyLIF", lambda: cx.spiking.NoisyLIF(random_init=True, refractory_sd="1 ms"), "Hz", 400),
    firing("Poisson", lambda: cx.spiking.Poisson(), "Hz", 400),
    firing("Poisson, bernoulli", lambda: cx.spiking.Poisson("bernoulli"), "Hz", 400),
    firing("RefractoryLIF", lambda: cx.spiking.RefractoryLIF(), "Hz", 400, noiseless=True),
    # units that take a prefix: 1 V/s = 1 mV/ms, m/m = 1, 1 A/m^2 = 100 uA/cm^2
    firing("Izhikevich", lambda: cx.spiking.Izhikevich(), "V/s", 60),
    firing("Izhikevich, all", lambda: cx.spiking.Izhikevich(outputs=["response", "potential", "recovery"]), "V/s", 60),
    firing("FitzHughNagumo", lambda: cx.spiking.FitzHughNagumo(), "m/m", 1.5),
    Case(
        "FitzHughNagumo, membrane",
        lambda: cx.spiking.FitzHughNagumo(outputs=["potential", "recovery"], max_step="0.2 ms"),
        units="m/m",
        most=1.5,
    ),
    firing("HodgkinHuxley", lambda: cx.spiking.HodgkinHuxley(max_step="0.05 ms"), "A/m^2", 0.6),
    Case(
        "HodgkinHuxley, membrane",
        lambda: cx.spiking.HodgkinHuxley(
            outputs=["potential", "sodium_activation", "sodium_availability", "potassium_activation"],
            max_step="0.05 ms",
        ),
        units="A/m^2",
        most=0.3,
    ),
    firing("EventCamera", lambda: cx.spiking.EventCamera(0.3, 0.4, refractory="0.3 ms"), "1", 1),
    firing("EventCamera, linear", lambda: cx.spiking.EventCamera("0.1 V", mode="linear", leak="20 Hz"), "V", 1),
    firing("IntegratingMotionSensor", lambda: cx.spiking.IntegratingMotionSensor(0.3), "Hz", 400, -300),
]
