"""Gaussians put into frames come back, with error bars that hold; what cannot be fitted is NaN."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx


def frame(rows: int = 15, columns: int = 19) -> xr.DataArray:
    return cx.as_stimulus(np.zeros((rows, columns)), dt="10 ms", pixel_size="0.1 deg", units="1")[0].drop_vars("time")


def ellipse(
    at: xr.DataArray, angle: float, major: float, minor: float, x: float = 0.2, y: float = -0.1
) -> xr.DataArray:
    """exp(-q/2) with its longer axis at an angle [deg] from x."""
    turn = np.radians(angle)
    along = (at.x - x) * np.cos(turn) + (at.y - y) * np.sin(turn)
    across = -(at.x - x) * np.sin(turn) + (at.y - y) * np.cos(turn)
    found = np.exp(-0.5 * ((along / major) ** 2 + (across / minor) ** 2)).transpose("y", "x")
    return found.assign_attrs(units="Hz")


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
@pytest.mark.parametrize("amplitude", [3.0, -3.0])
def test_a_gaussian_comes_back(angle: float, amplitude: float) -> None:
    field = (0.5 + amplitude * ellipse(frame(), angle, 0.3, 0.15)).assign_attrs(units="Hz")
    found = cx.analysis.fit_gaussian(field)
    assert found.reason.item() == ""
    wanted = {"amplitude": amplitude, "baseline": 0.5, "center_x": 0.2, "center_y": -0.1, "sigma_major": 0.3}
    wanted |= {"sigma_minor": 0.15, "area": np.pi * 2.25 * 0.045, "diameter": 3 * np.sqrt(0.045), "r2": 1.0}
    for name, value in wanted.items():
        np.testing.assert_allclose(float(found[name]), value, rtol=1e-5, err_msg=name)
    turned = (float(found.orientation) - angle + 90) % 180 - 90
    assert abs(turned) < 1e-3
    assert found.sigma_major.attrs["units"] == "degree"
    assert found.area.attrs["units"] == "degree^2"
    assert found.amplitude.attrs["units"] == "Hz"


def test_a_difference_of_gaussians_comes_back() -> None:
    at = frame(31, 31)
    field = 2 * ellipse(at, 60, 0.25, 0.2) - 0.6 * ellipse(at, 60, 0.6, 0.48)
    found = cx.analysis.fit_dog(field.assign_attrs(units="1"))
    wanted = {"amplitude": 2.0, "sigma_major": 0.25, "sigma_minor": 0.2, "surround_ratio": 2.4}
    wanted |= {"surround_amplitude": 0.6, "surround_strength": 0.3 * 2.4**2, "orientation": 60.0, "r2": 1.0}
    for name, value in wanted.items():
        np.testing.assert_allclose(float(found[name]), value, rtol=1e-3, err_msg=name)


def test_error_bars_are_those_of_repeated_fits() -> None:
    rng = np.random.default_rng(0)
    clean = ellipse(frame(), 30.0, 0.3, 0.15)
    noisy = (clean + xr.DataArray(rng.normal(0, 0.1, (150, *clean.shape)), dims=("cell", "y", "x"))).assign_attrs(
        units="1"
    )
    found = cx.analysis.fit_gaussian(noisy)
    assert (found.reason == "").all()
    for name in ("amplitude", "center_x", "center_y", "sigma_major", "sigma_minor", "orientation", "area", "baseline"):
        spread = float(found[name].std())
        assert 0.8 < float(found[f"{name}_error"].mean()) / spread < 1.25, name
        assert abs(float(found[name].mean()) - {"orientation": 30.0}.get(name, float(found[name].median()))) < spread


def test_the_spatial_part_is_that_of_the_peak_lag() -> None:
    course = xr.DataArray([0.0, -0.5, -2.0, 1.0], {"time": ("time", [0, 0.01, 0.02, 0.03], {"units": "s"})}, ("time",))
    found = cx.analysis.fit_gaussian((course * ellipse(frame(), 0, 0.3, 0.2)).assign_attrs(units="1"))
    np.testing.assert_allclose(float(found.amplitude), -2.0, rtol=1e-6)


def test_a_cell_that_cannot_be_fitted_spoils_no_other() -> None:
    good = ellipse(frame(), 30.0, 0.3, 0.15)
    slope = (good * 0 + good.x).transpose("y", "x")
    fields = xr.concat([good, good * np.nan, good * 0 + 4.0, slope, good], xr.Variable("cell", list("abcde")))
    found = cx.analysis.fit_gaussian(fields.assign_attrs(units="1"))
    assert list(found.reason.values[[0, 1, 2, 4]]) == ["", "NaN in the field", "a field that does not vary", ""]
    assert found.reason.values[3] != ""
    for name in ("amplitude", "area", "sigma_major_error", "r2"):
        assert np.isnan(found[name][[1, 2, 3]]).all()
        assert np.isfinite(found[name][[0, 4]]).all()
    assert list(found.cell) == list("abcde")


def test_other_units_of_angle_are_read() -> None:
    field = ellipse(frame(), 0, 0.3, 0.2)
    minutes = field.assign_coords({dim: (dim, field[dim].values * 60, {"units": "arcmin"}) for dim in ("y", "x")})
    np.testing.assert_allclose(float(cx.analysis.fit_gaussian(minutes).sigma_major), 0.3, rtol=1e-5)


def test_what_is_wrong_is_said() -> None:
    field = ellipse(frame(), 0, 0.3, 0.2)
    with pytest.raises(cx.ContractError, match="over y and x"):
        cx.analysis.fit_gaussian(field[0])
    with pytest.raises(cx.ContractError, match="units"):
        cx.analysis.fit_gaussian(xr.DataArray(field.values, dims=("y", "x")))
    with pytest.raises(cx.ParameterError, match="contour"):
        cx.analysis.fit_gaussian(field, contour=0)
    assert cx.analysis.fit_gaussian(field[:2, :3]).reason.item() == "6 pixels for 7 parameters"


def test_a_stimulus_mean_does_not_smear_a_biphasic_field_over_lags() -> None:
    frame = cx.as_stimulus(np.zeros((13, 15)), dt="10 ms", pixel_size=("0.05 deg", "0.1 deg"), units="1")[0]
    blob = np.exp(-0.5 * ((frame.x - 0.1) ** 2 / 0.2**2 + frame.y**2 / 0.1**2)).transpose("y", "x")
    course = xr.DataArray([0.1, 0.5, 0.2, -0.3, -0.4, -0.1], dims="time")
    field = (course * blob).assign_attrs(units="1")
    for mean in (0.0, 0.5, -20.0):
        found = cx.analysis.fit_gaussian((field + mean).assign_attrs(units="1"))
        np.testing.assert_allclose(found.amplitude, 0.5, rtol=0.02)
        np.testing.assert_allclose(found.baseline, mean, atol=0.01)


def test_one_pixel_without_labels_has_a_reason() -> None:
    assert "1 pixels" in cx.analysis.fit_gaussian(xr.DataArray(np.ones((1, 1)), dims=("y", "x"))).reason.item()
