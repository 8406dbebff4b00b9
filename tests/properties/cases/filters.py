"""Filters."""

from __future__ import annotations

import convis_xr as cx
from tests.properties.cases.case import Case

CASES = [
    Case("Conv1d", lambda: cx.filters.Conv1d(2, 1, 9), rounding=True),
    Case("Conv2d", lambda: cx.filters.Conv2d(2, 3, (4, 3)), rounding=True),
    Case("Conv3d", lambda: cx.filters.Conv3d(2, 2, (5, 3, 4)), rounding=True),
    Case("Conv3d, long", lambda: cx.filters.Conv3d(2, 1, (40, 7, 7)), rounding=True, spreads=True),
    Case("GammaLowPass", lambda: cx.filters.GammaLowPass("7 ms", n=2)),
    Case("Gaussian", lambda: cx.filters.Gaussian("0.15 deg")),
    Case("LowPass", lambda: cx.filters.LowPass("7 ms")),
    Case("PartialHighPass", lambda: cx.filters.PartialHighPass("7 ms", 0.8)),
    Case("RF", lambda: cx.filters.RF(2, 2, (5, 3, 4)), rounding=True),
    Case("SpaceTimeLowPass", lambda: cx.filters.SpaceTimeLowPass("0.15 deg", "7 ms", 1)),
]
