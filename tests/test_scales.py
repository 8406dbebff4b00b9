"""Time steps, pixel pitches and numbers of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convis_xr as cx
from convis_xr.scales import pixel_degrees, step_seconds, whole


def test_scales_are_in_base_units() -> None:
    assert step_seconds("2 ms") == 0.002
    assert pixel_degrees("3 arcmin") == (0.05, 0.05)
    assert pixel_degrees(("0.1 deg", "0.2 deg")) == (0.1, 0.2)


@pytest.mark.parametrize("dt", ["0 ms", "-1 ms", 0.001, "1 deg"])
def test_a_step_is_a_time_above_zero(dt: Any) -> None:
    with pytest.raises(cx.UnitError, match=r"dt: wanted .* Cure: "):
        step_seconds(dt)


def test_samples_are_whole_numbers() -> None:
    assert whole(np.int64(3), "chunk") == 3
    for wrong in (3.0, -1, True, "3"):
        with pytest.raises(cx.UnitError, match=r"chunk: wanted whole samples or a quantity, got .* an int of samples"):
            whole(wrong, "chunk")
    with pytest.raises(cx.UnitError, match=r"size: wanted whole pixels or a quantity, got .* an int of pixels"):
        whole(3.5, "size", "angle")
