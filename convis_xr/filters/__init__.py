"""Filters: layers with physical parameters, one concept per file."""

from convis_xr.filters import kernels
from convis_xr.filters.combination import Diff, Sum
from convis_xr.filters.convolution import Conv1d, Conv2d, Conv3d
from convis_xr.filters.delay import Delay
from convis_xr.filters.gaussian import Gaussian
from convis_xr.filters.low_pass import GammaLowPass, LowPass
from convis_xr.filters.nonlinearity import NLRectify, NLRectifyPower, NLRectifyScale, NLRectifySquare, NLSquare
from convis_xr.filters.partial_high_pass import PartialHighPass
from convis_xr.filters.receptive_field import RF
from convis_xr.filters.smooth_convolution import SmoothConv
from convis_xr.filters.space_time import SpaceTimeLowPass
from convis_xr.filters.time_padding import TimePadding
from convis_xr.filters.variable_delay import VariableDelay

__all__ = [
    "RF",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Delay",
    "Diff",
    "GammaLowPass",
    "Gaussian",
    "LowPass",
    "NLRectify",
    "NLRectifyPower",
    "NLRectifyScale",
    "NLRectifySquare",
    "NLSquare",
    "PartialHighPass",
    "SmoothConv",
    "SpaceTimeLowPass",
    "Sum",
    "TimePadding",
    "VariableDelay",
    "kernels",
]
