from __future__ import annotations

from typing import Any

import numpy as np
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.contract import check_stimulus
from convis_xr.dims import STIMULUS
from convis_xr.tensors import block_to_tensor, from_tensor, output_labels, to_tensor

SIZES = {"batch": 2, "channel": 3, "time": 4, "y": 5, "x": 6}


def _film(dims: tuple[str, ...] = STIMULUS, dtype: str = "float64") -> xr.DataArray:
    values = np.random.default_rng(0).random([SIZES[dim] for dim in dims]).astype(dtype)
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="cd/m^2", dims=dims)


subsets = st.lists(st.sampled_from(["batch", "channel", "y", "x"]), unique=True).map(
    lambda some: tuple(dim for dim in STIMULUS if dim in (*some, "time"))
)


@given(
    subsets, st.randoms(use_true_random=False), st.sampled_from(["float32", "float64"]), st.booleans(), st.booleans()
)
def test_round_trip_in_any_order(dims: tuple[str, ...], random: Any, dtype: str, flip: bool, quantify: bool) -> None:
    film = _film(dims, dtype)
    order = list(dims)
    random.shuffle(order)
    given = film.transpose(*order)
    given = given.isel(y=slice(None, None, -1)) if flip and "y" in dims else given
    given = given.pint.quantify() if quantify else given
    tensor = to_tensor(given, dtype=getattr(torch, dtype))
    assert tensor.shape == tuple(SIZES[dim] if dim in dims else 1 for dim in STIMULUS)
    back = from_tensor(tensor, given)
    np.testing.assert_array_equal(back, film)
    assert back.dims == film.dims
    assert back.attrs["units"] == "cd/m^2"
    for name, coordinate in film.coords.items():
        np.testing.assert_array_equal(back[name], coordinate)


def test_row_zero_is_the_top() -> None:
    film = _film(("time", "y", "x"))
    top = to_tensor(film.sortby("y"), dtype=torch.float64)[0, 0, :, 0]
    np.testing.assert_array_equal(top, film.sel(y=film.y.max()))


def test_gradients_and_memory_are_the_tensors_own() -> None:
    film = _film()
    tensor = to_tensor(film, requires_grad=True)
    assert tensor.is_leaf
    assert tensor.requires_grad
    plain = to_tensor(film, dtype=torch.float64)
    frozen = np.broadcast_to(np.zeros(1), (4,))
    block_to_tensor(frozen, ("time",)).add_(1)
    assert not frozen.any()
    assert from_tensor(tensor * 2, film, units="1", name="twice").attrs["units"] == "1"
    np.testing.assert_array_equal(plain, film)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float16", ">i2", ">f4", ">f8"])
def test_film_dtypes_are_cast_by_value(dtype: str) -> None:
    film = (_film(("time", "y", "x")) * 200).astype(dtype).assign_attrs(units="1")
    np.testing.assert_array_equal(to_tensor(film)[0, 0], film.astype("float32"))


def test_another_frame_size_is_centred_and_keeps_its_pitch() -> None:
    film = _film(("time", "y", "x"))
    made = from_tensor(torch.zeros(1, 1, 4, 3, 6), film)
    np.testing.assert_allclose(made.y, film.y[1:4], atol=1e-12)
    xr.testing.assert_identical(made.x, film.x.reset_coords(drop=True))
    assert cx.Sampling.of(made) == cx.Sampling.of(film)


def test_several_channels_get_a_dimension() -> None:
    film = _film(("time", "y", "x"))
    assert from_tensor(torch.zeros(1, 7, 4, 5, 6), film).dims == ("channel", "time", "y", "x")
    labels = output_labels(check_stimulus(film)[0], (2, 1, 4, 1, 1))
    assert labels.sizes == {"batch": 2, "time": 4, "y": 1, "x": 1}
    assert labels.strip(torch.zeros(2, 1, 4, 1, 1)).shape == (2, 4, 1, 1)


def test_other_coordinates_stay_where_their_dimensions_do() -> None:
    film = _film(("time", "y", "x")).assign_coords(trial=3, mark=("time", [1, 2, 3, 4]), map=("x", np.arange(6)))
    made = from_tensor(torch.zeros(1, 1, 4, 5, 2), film)
    assert set(made.coords) == {"time", "y", "x", "trial", "mark"}


@pytest.mark.parametrize(
    ("shape", "fault"),
    [((4, 5, 6), "five axes"), ((1, 1, 3, 5, 6), "as many time steps"), ((1, 1, 5, 5, 6), "5 time steps for 4")],
)
def test_tensors_that_do_not_fit(shape: tuple[int, ...], fault: str) -> None:
    with pytest.raises(cx.ContractError, match=fault):
        from_tensor(torch.zeros(shape), _film(("time", "y", "x")))


def test_only_what_keeps_to_the_contract() -> None:
    with pytest.raises(cx.ContractError, match="data: wanted a labelled DataArray"):
        to_tensor(np.zeros(3))  # type: ignore[arg-type]
