"""Spiking cells: layers that turn currents, rates or light into spikes."""

from convis_xr.spiking.event_camera import EventCamera
from convis_xr.spiking.fitzhugh_nagumo import FitzHughNagumo
from convis_xr.spiking.hodgkin_huxley import HodgkinHuxley
from convis_xr.spiking.integrating_motion_sensor import IntegratingMotionSensor
from convis_xr.spiking.izhikevich import Izhikevich
from convis_xr.spiking.lif import LIF
from convis_xr.spiking.noisy_lif import NoisyLIF
from convis_xr.spiking.patterns import PATTERNS, pattern_current
from convis_xr.spiking.poisson import Poisson
from convis_xr.spiking.refractory_lif import RefractoryLIF

__all__ = [
    "LIF",
    "PATTERNS",
    "EventCamera",
    "FitzHughNagumo",
    "HodgkinHuxley",
    "IntegratingMotionSensor",
    "Izhikevich",
    "NoisyLIF",
    "Poisson",
    "RefractoryLIF",
    "pattern_current",
]
