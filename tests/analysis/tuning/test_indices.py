"""Indices of curves that are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx

DIRECTIONS = np.arange(0.0, 360.0, 30.0)


def curve(values: np.ndarray, degrees: np.ndarray = DIRECTIONS) -> xr.DataArray:
    return xr.DataArray(values, {"direction": ("direction", degrees, {"units": "degree"})}, attrs={"units": "Hz"})


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 360))
def test_harmonics_of_a_curve_are_its_indices(one: float, two: float, turned: float) -> None:
    """r = 1 + a cos(t) + b cos(2 t) has DSI a/2 and OSI b/2, wherever it points."""
    angle = np.deg2rad(DIRECTIONS - turned)
    made = curve(1 + one / 2 * np.cos(angle) + two / 2 * np.cos(2 * angle))
    assert float(cx.analysis.direction_selectivity(made)) == pytest.approx(one / 4, abs=1e-12)
    assert float(cx.analysis.orientation_selectivity(made)) == pytest.approx(two / 4, abs=1e-12)


def test_single_directions_and_silence() -> None:
    single = curve(np.eye(12)[3])
    assert float(cx.analysis.direction_selectivity(single)) == pytest.approx(1)
    assert float(cx.analysis.orientation_selectivity(single)) == pytest.approx(1)
    assert float(cx.analysis.preferred(single, "direction")) == 90
    for index in (cx.analysis.direction_selectivity, cx.analysis.orientation_selectivity):
        for bad in (np.zeros(12), np.full(12, np.nan), np.where(np.arange(12) == 3, -0.1, 1.0)):
            assert np.isnan(index(curve(bad)))
    for flat in (np.zeros(12), np.ones(12), np.full(12, np.nan)):
        assert np.isnan(cx.analysis.preferred(curve(flat), "direction"))


def test_bandwidth_of_directions_goes_round() -> None:
    sharp = np.maximum(0, 1 - np.abs((DIRECTIONS[:, None] - [0.0, 330.0, 180.0] + 180) % 360 - 180) / 100)
    made = xr.DataArray(sharp, {"direction": DIRECTIONS}, ("direction", "cell"))
    np.testing.assert_allclose(cx.analysis.direction_bandwidth(made), 50.0)
    assert np.isnan(cx.analysis.direction_bandwidth(curve(np.ones(12))))
    odd = np.arange(0.0, 360.0, 40.0)
    about = np.maximum(0, 1 - np.abs((odd - 80 + 180) % 360 - 180) / 100)
    assert float(cx.analysis.direction_bandwidth(curve(about, odd))) == pytest.approx(50.0)


@pytest.mark.parametrize("lazy", [False, True])
def test_half_widths(lazy: bool) -> None:
    places = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    values = np.array([[0, 1, 2, 1, 0], [2, 2, 2, 1.5, 0], [0, 0, 0, 0, 0], [0, np.nan, 1, 0, 0]])
    made = xr.DataArray(values, {"spatial_frequency": ("spatial_frequency", places, {"units": "1/degree"})},
                        ("cell", "spatial_frequency"))  # fmt: skip
    found = cx.analysis.half_width(made.chunk(cell=1, spatial_frequency=2) if lazy else made, "spatial_frequency")
    assert (found.low.chunks is not None) == lazy
    found = found.compute()
    np.testing.assert_allclose(found.low, [0.5, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(found.high, [2.0, 2 + 2 / 3, np.nan, np.nan])
    np.testing.assert_allclose(found.octaves, [2.0, np.nan, np.nan, np.nan])
    assert found.low.attrs["units"] == "1/degree"


def test_curves_that_do_not_fit_are_refused() -> None:
    for index in (cx.analysis.direction_selectivity, cx.analysis.direction_bandwidth):
        with pytest.raises(cx.ContractError, match="divide the circle evenly"):
            index(curve(np.ones(3), np.array([0.0, 90.0, 180.0])))
    with pytest.raises(cx.ContractError, match="4 directions or more"):
        cx.analysis.orientation_selectivity(curve(np.ones(2), np.array([0.0, 180.0])))
    with pytest.raises(cx.ContractError, match="values along contrast"):
        cx.analysis.preferred(curve(np.ones(12)), "contrast")
    with pytest.raises(cx.ContractError, match="between 0 and 1"):
        cx.analysis.half_width(curve(np.ones(12)), "direction", level=50)


def test_lazy_and_whole_numbers_have_the_same_bandwidth() -> None:
    values = np.array([[4, 2, 0, 0, 0, 2], [8, 0, 0, 0, 0, 0]], np.uint8)
    curve = xr.DataArray(values, {"direction": np.arange(0.0, 360.0, 60.0)}, ("cell", "direction"))
    want = cx.analysis.direction_bandwidth(curve.astype(float))
    for other in (curve, curve.chunk(cell=1, direction=2)):
        np.testing.assert_array_equal(cx.analysis.direction_bandwidth(other).compute(), want)
    assert float(cx.analysis.direction_bandwidth(curve[0] > 1)) == 90.0


def test_curves_that_are_none_are_refused() -> None:
    curve = xr.DataArray([0.0, 2.0, 0.0], {"size": [1.0, 2.0, 3.0]})
    with pytest.raises(cx.ContractError, match=r"size: wanted ascending numbers, .* curve.sortby\('size'\)"):
        cx.analysis.half_width(curve[::-1], "size")
    with pytest.raises(cx.ContractError, match="size: wanted ascending numbers"):
        cx.analysis.half_width(curve.assign_coords(size=list("abc")), "size")
    with pytest.raises(cx.ContractError, match="curve: wanted a DataArray, got ndarray"):
        cx.analysis.preferred(curve.values, "size")  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="curve: wanted real numbers"):
        cx.analysis.direction_selectivity(curve.rename(size="direction")[:0])
