"""Fields of one time course and one picture, and of several."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx


def field(rank: int, cells: int = 2, seed: int = 1) -> xr.DataArray:
    draw = np.random.default_rng(seed)
    values = np.einsum("crt,cryx->ctyx", draw.normal(size=(cells, rank, 6)), draw.normal(size=(cells, rank, 3, 4)))
    coords = {
        "cell": [f"c{number}" for number in range(cells)],
        "time": ("time", np.arange(6) * 0.01, {"units": "s"}),
        "y": ("y", np.arange(3)[::-1] * 0.1, {"units": "degree"}),
        "x": ("x", np.arange(4) * 0.1, {"units": "degree"}),
    }
    return xr.DataArray(values, coords, ("cell", "time", "y", "x"), attrs={"units": "cd/m^2"})


@given(rank=st.integers(1, 5), order=st.permutations(["cell", "time", "y", "x"]), seed=st.integers(0, 20))
def test_parts_add_up_to_the_field(rank: int, order: list[str], seed: int) -> None:
    whole = field(rank, seed=seed)
    parts = cx.analysis.separability(whole.transpose(*order))
    again = (parts.singular_values * parts.temporal * parts.spatial).sum("component")
    np.testing.assert_allclose(again.transpose(*whole.dims), whole, atol=1e-12)
    wanted = np.linalg.svd(whole.values.reshape(2, 6, 12), compute_uv=False)
    np.testing.assert_allclose(parts.singular_values, wanted, atol=1e-12)
    np.testing.assert_allclose(parts.index, wanted[:, 0] ** 2 / (wanted**2).sum(1), rtol=1e-12)
    picture = parts.spatial.stack(pixel=("y", "x"))
    np.testing.assert_allclose((picture**2).sum("pixel"), 1, rtol=1e-12)
    np.testing.assert_allclose((parts.temporal**2).sum("time"), 1, rtol=1e-12)
    assert (picture.max("pixel") >= -picture.min("pixel")).all()


def test_labels_and_units_stay() -> None:
    parts = cx.analysis.separability(field(2))
    assert parts.index.dims == ("cell",)
    assert parts.temporal.dims == ("cell", "component", "time")
    assert parts.spatial.dims == ("cell", "component", "y", "x")
    assert parts.singular_values.attrs["units"] == "cd/m^2"
    assert parts.temporal.attrs["units"] == parts.index.attrs["units"] == "1"
    xr.testing.assert_identical(parts.time.variable, field(2).time.variable)
    assert list(parts.cell.values) == ["c0", "c1"]


def test_the_time_course_of_an_off_cell_is_negative() -> None:
    course = xr.DataArray([-3.0, 1.0], dims="time")
    picture = xr.DataArray([[0.5, 2.0]], dims=("y", "x"))
    off, on = (cx.analysis.separability(sign * course * picture).sel(component=0) for sign in (1, -1))
    xr.testing.assert_allclose(off.spatial, on.spatial)
    assert float(off.temporal[0]) < 0 < float(on.temporal[0])


def test_one_bad_field_among_others() -> None:
    fields = xr.concat([field(2), field(2) * np.nan, field(2) * 0], "kind")
    parts = cx.analysis.separability(fields)
    assert parts.index.isel(kind=0).notnull().all()
    assert parts.isel(kind=1).isnull().all().to_array().sel(variable="singular_values").all()
    assert (parts.singular_values.isel(kind=2) == 0).all()
    for kind in (1, 2):
        assert parts.index.isel(kind=kind).isnull().all()
        assert parts.temporal.isel(kind=kind).isnull().all()


def test_a_row_of_pixels_is_space() -> None:
    parts = cx.analysis.separability(field(1)[:, :, 0])
    np.testing.assert_allclose(parts.index, 1, rtol=1e-12)
    assert parts.spatial.dims == ("cell", "component", "x")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((2, 3, 3)), "got ndarray"),
        (xr.DataArray(np.zeros((2, 3)), dims=("cell", "time")), "time, and y or x"),
        (xr.DataArray(np.zeros((2, 3)), dims=("y", "x")), "time, and y or x"),
        (xr.DataArray(np.zeros((0, 3)), dims=("time", "x")), "real numbers"),
        (xr.DataArray(np.zeros((2, 3), complex), dims=("time", "x")), "real numbers"),
    ],
)
def test_what_is_no_field(bad: object, words: str) -> None:
    with pytest.raises(cx.ContractError, match=words):
        cx.analysis.separability(bad)  # type: ignore[arg-type]


def test_an_average_that_kept_its_mean_is_told() -> None:
    field = xr.DataArray(np.random.default_rng(0).normal(0, 0.05, (5, 3, 4)), dims=("time", "y", "x"))
    assert float(cx.analysis.separability(field)["index"]) < 0.6
    with pytest.warns(UserWarning, match=r"field: wanted fields around 0, .* separability\(average - stimulus"):
        found = cx.analysis.separability(field + 0.5)
    assert float(found["index"]) > 0.98
