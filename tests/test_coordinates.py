from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from convis_xr.coordinates import LONGEST_EXPLICIT, grid, space


def test_centre_is_zero_and_y_grows_upward() -> None:
    made = grid({"time": 3, "y": 3, "x": 4}, cx.Sampling("1 ms", ("0.1 deg", "0.2 deg")), start=2.0)
    np.testing.assert_allclose(made["y"], [0.1, 0, -0.1])
    np.testing.assert_allclose(made["x"], [-0.3, -0.1, 0.1, 0.3])
    np.testing.assert_allclose(made["time"], [2.0, 2.001, 2.002])
    assert [made[name].attrs["units"] for name in ("time", "y", "x")] == ["s", "degree", "degree"]
    assert [made[name].attrs["step"] for name in ("time", "y", "x")] == [0.001, -0.1, 0.2]


def test_only_what_is_asked_for() -> None:
    assert list(grid({"time": 2, "batch": 3}, cx.Sampling("1 ms"))) == ["time"]
    with pytest.raises(cx.ContractError, match="time: wanted a time step"):
        grid({"time": 2}, cx.Sampling())
    with pytest.raises(cx.ContractError, match="y: wanted a pixel size"):
        grid({"y": 2}, cx.Sampling("1 ms"))


def test_no_drift_over_a_long_explicit_axis() -> None:
    time = grid({"time": LONGEST_EXPLICIT}, cx.Sampling("1 ms"))["time"].values
    assert time[-1] == pytest.approx((LONGEST_EXPLICIT - 1) * 1e-3, rel=1e-14)


def test_long_axis_has_the_same_labels_as_a_short_one() -> None:
    long = grid({"time": LONGEST_EXPLICIT + 1}, cx.Sampling("1 ms"), start=1.0)["time"]
    np.testing.assert_allclose(long[:5].values, 1.0 + np.arange(5) * 1e-3, rtol=1e-12)
    assert float(long[-1]) == pytest.approx(1.0 + LONGEST_EXPLICIT * 1e-3, rel=1e-12)
    assert long.attrs["units"] == "s"


def test_one_pixel_is_in_the_middle() -> None:
    assert space("x", 1, 0.1).values.tolist() == [0.0]
