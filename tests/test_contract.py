from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pint
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.contract import as_stimulus, check_finite, check_stimulus, valid_range


def _film(**kwargs: Any) -> xr.DataArray:
    values = np.random.default_rng(0).random((10, 4, 6))
    scales = {"dt": "1 ms", "pixel_size": ("0.1 deg", "0.2 deg"), "units": "cd/m^2", "valid_range": (0, 1)}
    return as_stimulus(values, **{**scales, **kwargs})


def _fault(data: Any, name: str = "stimulus") -> str:
    with pytest.raises(cx.ContractError) as caught:
        check_stimulus(data, name)
    assert str(caught.value).startswith(name)
    assert ". Cure: " in str(caught.value)
    return str(caught.value)


def test_all_faults_at_once() -> None:
    coords = {"y": [3, 1, 2, 0], "x": ("x", np.arange(5.0), {"units": "px"})}
    broken = xr.DataArray(np.zeros((3, 4, 5), complex), coords, ("t", "y", "x"), attrs={"valid_range": (1, 0)})
    message = _fault(broken, "film")
    for part in (
        "film has 7 faults",
        "got t.",
        "wanted time",
        "complex128",
        "units: wanted",
        "valid_range",
        "y: wanted",
        "pixel pitch",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda film: film.values, "as_stimulus("),
        (lambda film: film.rename(y="cell"), "got cell"),
        (lambda film: film.isel(time=0), "wanted time"),
        (lambda film: film.isel(x=slice(0, 0)), "none along x"),
        (lambda film: film.astype(complex).assign_attrs(film.attrs), "complex128"),
        (lambda film: film.astype(object).assign_attrs(film.attrs), "object"),
        (lambda film: film.astype(str).assign_attrs(film.attrs), "<U"),
        (lambda film: film.assign_attrs(units="foo"), "'foo'"),
        (lambda film: film.drop_attrs(deep=False), "got none"),
        (lambda film: film.assign_attrs(valid_range=(0, np.nan)), "valid_range"),
        (lambda film: film.assign_attrs(valid_range="01"), "valid_range"),
        (lambda film: film.assign_attrs(valid_range=(0, 1, 2)), "valid_range"),
        (lambda film: film.drop_vars("time"), "time: wanted"),
        (lambda film: film.isel(time=[0, 1, 1]), "duplicates"),
        (lambda film: film.isel(time=[0, 1, 3]), "uniform"),
        (lambda film: film.isel(time=[2, 1, 0]), "descending"),
        (lambda film: film.isel(x=[2, 1, 0]), "descending"),
        (lambda film: xr.Dataset({"a": film, "b": film}), "variables ['a', 'b']"),
        (lambda film: xr.Dataset(), "one variable"),
    ],
)
def test_each_fault(change: Any, fault: str) -> None:
    assert fault in _fault(change(_film()))


@given(st.permutations(("batch", "channel", "time", "y", "x")), st.booleans())
def test_dimensions_in_any_order_and_either_direction_of_y(order: list[str], flipped: bool) -> None:
    values = np.random.default_rng(1).random((2, 3, 4, 5, 6))
    film = as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")
    given = film.transpose(*order).isel(y=slice(None, None, -1 if flipped else 1))
    made, sampling = check_stimulus(given)
    xr.testing.assert_identical(made, film)
    assert sampling == cx.Sampling("1 ms", "0.1 deg")


@pytest.mark.parametrize("wrap", [lambda film: film, lambda film: film.to_dataset(name="film")])
def test_quantified_input_is_the_same_input(wrap: Any) -> None:
    film = _film()
    made, sampling = check_stimulus(wrap(film).pint.quantify())
    np.testing.assert_array_equal(made, film)
    assert made.attrs["units"] == "cd/m^2"
    assert valid_range(made) == (0.0, 1.0)
    assert sampling.pixel_deg == (0.1, 0.2)
    assert {pint.Unit(made[name].attrs["units"]) for name in ("y", "x")} == {pint.Unit("degree")}


def test_quantified_in_other_units_keeps_the_values_with_their_units() -> None:
    film = _film().pint.quantify().pint.to("kcd/m^2")
    made, _ = check_stimulus(film)
    assert made.attrs["units"] == "kcd/m^2"
    np.testing.assert_allclose(made, _film() / 1000)


def test_the_input_is_left_as_it_was() -> None:
    film = _film().isel(y=slice(None, None, -1)).assign_attrs(units="candela / meter ** 2")
    before = film.copy(deep=True)
    check_stimulus(film)
    xr.testing.assert_identical(film, before)


def test_dask_stays_lazy() -> None:
    def _never(block: np.ndarray) -> np.ndarray:
        raise AssertionError("was computed")

    lazy = dask.array.zeros((10, 4, 6), chunks=(2, 4, 6)).map_blocks(_never, dtype=float)
    film = as_stimulus(lazy, dt="1 ms", pixel_size="0.1 deg", units="1")
    assert check_stimulus(film.transpose("x", "time", "y"))[0].chunks is not None


@pytest.mark.parametrize("writer", ["zarr", "netcdf"])
def test_units_and_coordinates_survive_files(writer: str, tmp_path: Path) -> None:
    film = _film().rename("film")
    path = tmp_path / f"film.{writer}"
    if writer == "zarr":
        film.to_dataset().to_zarr(path, zarr_format=3, consolidated=False)
        read = xr.open_zarr(path, consolidated=False)["film"]
    else:
        film.to_netcdf(path, engine="h5netcdf")
        read = xr.open_dataarray(path, engine="h5netcdf")
    with read:
        made, sampling = check_stimulus(read)
        np.testing.assert_array_equal(made, film)
        assert sampling == cx.Sampling("1 ms", ("0.1 deg", "0.2 deg"))
        assert made.attrs["units"] == "cd/m^2"
        assert valid_range(made) == (0.0, 1.0)
        xr.testing.assert_equal(made.coords.to_dataset(), film.coords.to_dataset())
        quantified = made.pint.quantify()
        assert quantified.pint.units == pint.Unit("cd/m^2")
        assert quantified["time"].pint.units == pint.Unit("s")


@pytest.mark.parametrize(
    ("axes", "dims"),
    [
        (1, ("time",)),
        (2, ("time", "y", "x")),
        (3, ("time", "y", "x")),
        (4, ("channel", "time", "y", "x")),
        (5, ("batch", "channel", "time", "y", "x")),
    ],
)
def test_axes_of_bare_arrays_by_their_number(axes: int, dims: tuple[str, ...]) -> None:
    values = np.random.default_rng(0).random((2, 3, 4, 5, 6)[:axes])
    film = as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1")
    assert film.dims == dims
    np.testing.assert_array_equal(film.values.reshape(values.shape), values)


@pytest.mark.parametrize(
    "make",
    [np.asarray, torch.as_tensor, dask.array.asarray, list, lambda values: torch.as_tensor(values).requires_grad_()],
)
def test_every_kind_of_bare_array(make: Any) -> None:
    film = as_stimulus(make(np.arange(3.0)), dt="1 ms", units="1")
    np.testing.assert_array_equal(film, [0, 1, 2])
    assert cx.Sampling.of(film).dt_s == 0.001


@pytest.mark.parametrize("dims", [("y", "x"), ["y", "x"], ("x", "y")])
def test_one_frame_becomes_a_film_of_one_step(dims: Any) -> None:
    frame = np.arange(6.0).reshape(2, 3)
    film = as_stimulus(frame, dt="1 ms", pixel_size="0.1 deg", units="1", dims=dims)
    assert film.dims == ("time", "y", "x")
    np.testing.assert_array_equal(film[0], frame if dims[0] == "y" else frame.T)


def test_a_quantity_brings_its_unit() -> None:
    film = as_stimulus(pint.Quantity(np.ones(3), "kcd/m^2"), dt="1 ms")
    assert film.attrs["units"] == "kcd/m^2"
    with pytest.raises(cx.ContractError, match="units: wanted kcd/m\\^2, that of the array, got 1"):
        as_stimulus(pint.Quantity(np.ones(3), "kcd/m^2"), dt="1 ms", units="1")


def test_bfloat16_is_read_exactly() -> None:
    values = torch.tensor([0.5, 1.25], dtype=torch.bfloat16)
    np.testing.assert_array_equal(as_stimulus(values, dt="1 ms", units="1"), [0.5, 1.25])


@pytest.mark.parametrize(
    ("array", "arguments", "fault"),
    [
        (np.zeros((1,) * 6), {}, "1 to 5 axes"),
        (5.0, {}, "1 to 5 axes"),
        ("abc", {}, "1 to 5 axes"),
        ([[1, 2], [3]], {}, "on a grid"),
        (np.zeros((2, 3)), {"dims": ("time",)}, "as many axes"),
        (np.zeros((2, 3)), {"dims": ("time", "time")}, "each name once"),
        (np.zeros((2, 3)), {"dims": "yx"}, "as many axes"),
        (np.zeros((2, 3)), {"dims": ("time", "cell")}, "got cell"),
        (np.zeros(0), {}, "at least one sample"),
        (np.zeros(3), {"units": "foo"}, "'foo'"),
        (np.zeros(3), {"units": 5}, "pint knows"),
        (np.zeros(3), {"valid_range": (0,)}, "valid_range"),
        (np.zeros(3), {"valid_range": 5}, "valid_range"),
        (np.zeros(3), {"valid_range": (0, 1, 2)}, "valid_range"),
        (np.zeros(3), {"valid_range": "01"}, "valid_range"),
        (np.zeros(3), {"valid_range": ("a", 1)}, "valid_range"),
        (_film(), {}, "has labels already"),
        (np.array(["a"]), {}, "real numbers"),
    ],
)
def test_bare_arrays_that_cannot_be(array: Any, arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(cx.ContractError, match=fault):
        as_stimulus(array, **{"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1", **arguments})


def test_scales_are_asked_for_all_at_once_or_taken_from_the_options() -> None:
    with pytest.raises(cx.ContractError, match="array has 3 faults"):
        as_stimulus(np.zeros((2, 3, 4)))
    with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
        film = as_stimulus(np.zeros((2, 3, 4)), units="1")
    assert cx.Sampling.of(film) == cx.Sampling("1 ms", "0.1 deg")


@pytest.mark.parametrize(
    ("scale", "wanted"), [({"dt": 0.001}, "dt: wanted a time"), ({"pixel_size": "3 px"}, "multiply by the pixel pitch")]
)
def test_scales_without_units(scale: dict[str, Any], wanted: str) -> None:
    with pytest.raises(cx.UnitError, match=wanted):
        as_stimulus(np.zeros((2, 3, 4)), **{"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1", **scale})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_where_a_value_is_not_finite(bad: float) -> None:
    block = np.zeros((4, 2, 2))
    block[2, 1, 0] = block[3, 0, 0] = bad
    with pytest.raises(
        cx.ContractError, match=rf"film: wanted finite values, got {bad} at index time=102, y=1, x=0 \(2 such"
    ):
        check_finite(block, ("time", "y", "x"), {"time": 100}, "film")
    check_finite(np.zeros(3), ("time",), {})
    check_finite(np.zeros(3, "uint8"), ("time",), {})
