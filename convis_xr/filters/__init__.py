"""Filters: layers with physical parameters, one concept per file."""

from convis_xr.filters.gaussian import Gaussian
from convis_xr.filters.low_pass import GammaLowPass, LowPass
from convis_xr.filters.partial_high_pass import PartialHighPass
from convis_xr.filters.space_time import SpaceTimeLowPass

__all__ = ["Gaussian", "GammaLowPass", "LowPass", "PartialHighPass", "SpaceTimeLowPass"]
