"""Spiking cells: layers that turn currents into spikes."""

from convis_xr.spiking.noisy_lif import NoisyLIF

__all__ = ["NoisyLIF"]
