"""The parameters of the gain control, checked once for all versions of it."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..scalars import Scalar, number


class GainControl(NamedTuple):
    """Input amplification A, leak g0 and adaptation gain lambda [Hz], blur [px], adaptation time and time step [s]."""

    input_amplification: Scalar
    g_leak: Scalar
    sigma_px: tuple[Scalar, Scalar]
    tau: Scalar
    gain: Scalar
    dt: float

    def checked(self, operation: str) -> GainControl:
        """Return self, or raise a ValueError that names what does not fit."""
        values = {name: number(getattr(self, name)) for name in ("g_leak", "tau", "gain", "dt")}
        for name, value in values.items():
            if not math.isfinite(value) or value < 0 or (name == "dt" and value == 0):
                wanted = "a finite number above 0" if name == "dt" else "a finite number of 0 or more"
                raise ValueError(f"{operation}: {name}: wanted {wanted}, got {value}")
        if not math.isfinite(number(self.input_amplification)):
            raise ValueError(
                f"{operation}: input_amplification: wanted a finite number, got {number(self.input_amplification)}"
            )
        return self
