"""Kernels that can be fitted, and bases to build kernels of.

Kernels that are only data (exponential, gamma, Gaussian, Gabor, ...) are in `convis_xr.stimuli.kernels`.
"""

from convis_xr.filters.kernels.exponential_kernel import ExponentialKernel
from convis_xr.filters.kernels.numerical import (
    exponential_high_pass,
    five_axes,
    gamma_cascade,
    low_pass_coefficients,
    sum_kernels,
)
from convis_xr.filters.kernels.raised_cosines import raised_cosines
from convis_xr.filters.kernels.splines import linear_splines, log_splines

__all__ = [
    "ExponentialKernel",
    "exponential_high_pass",
    "five_axes",
    "gamma_cascade",
    "linear_splines",
    "log_splines",
    "low_pass_coefficients",
    "raised_cosines",
    "sum_kernels",
]
