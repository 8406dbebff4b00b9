"""Filters."""

from __future__ import annotations

import numpy as np
import torch

import convis_xr as cx
from convis_xr.footprint import Footprint
from tests.properties.cases.case import HEIGHT, WIDTH, Case

#: delays of 0.4 to 9.3 ms, none of them a whole number of samples
DELAYS = cx.units.Quantity(0.4 + 8.9 * np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) ** 2, "ms")
SPLINES = cx.filters.kernels.log_splines(12, 3, dt="2 ms")


class Padded(cx.Layer):
    """The past before the present, and a convolution that gives valid samples only."""

    units_out = None

    def __init__(self, mode: object = "first_frame") -> None:
        super().__init__()
        self.past = cx.filters.TimePadding(4, mode)
        self.weight = cx.Parameter(torch.randn(2, 2, 5, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv3d(self.past(x), self.weight.to(x.dtype))

    def footprint(self, sampling: cx.Sampling) -> Footprint:
        """That of the padding, with channels mixed."""
        return Footprint(memory=self.past.footprint(sampling).memory, mixes_channels=True)


CASES = [
    Case("Conv1d", lambda: cx.filters.Conv1d(2, 1, 9), rounding=True),
    Case("Conv2d", lambda: cx.filters.Conv2d(2, 3, (4, 3)), rounding=True),
    Case("Conv3d", lambda: cx.filters.Conv3d(2, 2, (5, 3, 4)), rounding=True),
    Case("Conv3d, long", lambda: cx.filters.Conv3d(2, 1, (40, 7, 7)), rounding=True, spreads=True),
    Case("Delay", lambda: cx.filters.Delay("7.3 ms")),
    Case("Delay of samples", lambda: cx.filters.Delay(3)),
    Case("Diff in time", lambda: cx.filters.Diff()),
    Case("Diff of channels", lambda: cx.filters.Diff("channel")),
    Case("Diff of two", lambda: cx.filters.Diff(None), inputs=2),
    Case("GammaLowPass", lambda: cx.filters.GammaLowPass("7 ms", n=2)),
    Case("Gaussian", lambda: cx.filters.Gaussian("0.15 deg")),
    Case("LowPass", lambda: cx.filters.LowPass("7 ms")),
    Case("NLRectify", lambda: cx.filters.NLRectify(0.3)),
    Case("NLRectify of Hz", lambda: cx.filters.NLRectify("30 Hz"), units="Hz", most=100),
    Case("NLRectifyPower", lambda: cx.filters.NLRectifyPower(2.0, -0.3, 1.7), rounding=True),
    Case("NLRectifyScale", lambda: cx.filters.NLRectifyScale("20 Hz", "-3 Hz")),
    Case("NLRectifySquare", lambda: cx.filters.NLRectifySquare(-1.5, 0.6)),
    Case("NLSquare", lambda: cx.filters.NLSquare(1.5, -0.6)),
    Case("PartialHighPass", lambda: cx.filters.PartialHighPass("7 ms", 0.8)),
    Case("RF", lambda: cx.filters.RF(2, 2, (5, 3, 4)), rounding=True),
    Case("RF at a place", lambda: cx.filters.RF(2, 1, (3, 2, 2), placement=("0.1 deg", "-0.1 deg")), rounding=True),
    Case("SmoothConv", lambda: cx.filters.SmoothConv(3, ["2 ms", "3 ms", "4 ms"], (3, 2), 2, 2), rounding=True),
    Case("SmoothConv of splines", lambda: cx.filters.SmoothConv(in_channels=2, basis=SPLINES), rounding=True),
    Case("SpaceTimeLowPass", lambda: cx.filters.SpaceTimeLowPass("0.15 deg", "7 ms", 1)),
    Case("Sum of three", lambda: cx.filters.Sum(), inputs=3),
    Case("Sum over space and channels", lambda: cx.filters.Sum(("channel", "y", "x")), inputs=2, rounding=True),
    Case("TimePadding", Padded, rounding=True, part=cx.filters.TimePadding),
    Case("TimePadding, a value", lambda: Padded(0.25), rounding=True, part=cx.filters.TimePadding, counts=True),
    Case("VariableDelay", lambda: cx.filters.VariableDelay(DELAYS, max_delay="12 ms")),
]
