"""Spiking cells."""

from __future__ import annotations

import convis_xr as cx
from tests.properties.cases.case import Case

CASES = [
    Case(
        "NoisyLIF",
        lambda: cx.spiking.NoisyLIF(random_init=True, refractory_sd="1 ms"),
        units="Hz",
        most=400,
        smooth=False,
        close=False,
    ),
]
