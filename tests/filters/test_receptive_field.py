"""Where a receptive field lies: by coordinates, by a place, across saving. Orientation is in `test_convolution.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.filters import RF

RNG = np.random.default_rng(4)


def film(height: int = 7, width: int = 8, pixel_size: object = ("0.1 deg", "0.2 deg")) -> xr.DataArray:
    return cx.as_stimulus(RNG.random((3, height, width)), dt="1 ms", pixel_size=pixel_size, units="1")


@given(
    rows=st.tuples(st.integers(0, 6), st.integers(1, 7)).filter(lambda part: sum(part) <= 7),
    columns=st.tuples(st.integers(0, 7), st.integers(1, 8)).filter(lambda part: sum(part) <= 8),
    turned=st.booleans(),
)
def test_a_part_of_the_grid_weighs_that_part(rows: tuple[int, int], columns: tuple[int, int], turned: bool) -> None:
    stimulus = film()
    part = {"y": slice(rows[0], sum(rows)), "x": slice(columns[0], sum(columns))}
    weight = film().isel(time=slice(0, 2), **part)
    cell = RF(1, (2, 1, 1))
    cell.set_weight(weight.isel(y=slice(None, None, -1), x=slice(None, None, -1)) if turned else weight)
    seen, kernel = stimulus.isel(**part).values, weight.values.astype("float32")
    wanted = [(seen[t] * kernel[0]).sum() + ((seen[t - 1] * kernel[1]).sum() if t else 0.0) for t in range(3)]
    np.testing.assert_allclose(cell(stimulus).values.ravel(), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("place", "row", "column"),
    [
        (("0 deg", "0.1 deg"), 3, 4),
        (("0.3 deg", "-0.7 deg"), 0, 0),
        (("-0.3 deg", "42 arcmin"), 6, 7),
        (("0.14 deg", "0.14 deg"), 2, 4),
        (("0.05 deg", "0 deg"), 2, 3),
    ],
)
def test_a_cell_can_be_put_at_a_place(place: tuple[str, str], row: int, column: int) -> None:
    cell, stimulus = RF(placement=place), film()
    cell.set_weight(1.0)
    np.testing.assert_allclose(cell(stimulus).values.ravel(), stimulus[:, row, column])


def test_the_places_of_the_labels_are_those_of_the_layer() -> None:
    stimulus = film()
    for y, x in ((0.1, -0.5), (-0.2, 0.3)):
        cell = RF(placement=(f"{y} deg", f"{x} deg"))
        cell.set_weight(1.0)
        np.testing.assert_allclose(cell(stimulus).values.ravel(), stimulus.sel(y=y, x=x, method="nearest"))


def test_middle_is_the_middle_with_and_without_coordinates() -> None:
    for height, width in ((5, 5), (6, 5), (6, 6), (5, 6)):
        stimulus = film(height, width, "0.1 deg")
        kernel = cx.stimuli.kernels.gaussian("0.1 deg", size=3, pixel_size="0.1 deg")
        by_label, by_size = RF(), RF()
        by_label.set_weight(kernel)
        by_size.set_weight(kernel.values)
        assert by_label.position is not None
        assert by_size.position is None
        np.testing.assert_array_equal(by_label(stimulus), by_size(stimulus))


def test_what_was_set_last_says_where() -> None:
    stimulus, cell = film(), RF(1, (1, 2, 2), placement="corner")
    cell.weight = stimulus[:1, 2:4, 3:5] * 0 + 1
    assert cell.weight.shape == (1, 1, 1, 2, 2)
    np.testing.assert_allclose(cell(stimulus).values.ravel(), stimulus[:, 2:4, 3:5].sum(("y", "x")))
    cell.set_weight(2.0)  # fills what is there
    np.testing.assert_allclose(cell(stimulus).values.ravel(), 2 * stimulus[:, 2:4, 3:5].sum(("y", "x")))
    cell.set_weight(np.ones((2, 2)))
    np.testing.assert_allclose(cell(stimulus).values.ravel(), stimulus[:, :2, :2].sum(("y", "x")))
    numbered = xr.DataArray(np.ones((2, 2)), {"y": [1, 0], "x": [5, 6]}, ("y", "x"))
    cell.weight = numbered  # no visual angles: it says nothing of a place
    np.testing.assert_allclose(cell(stimulus).values.ravel(), stimulus[:, :2, :2].sum(("y", "x")))


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_a_saved_cell_comes_back_to_its_place(suffix: str, tmp_path: Path) -> None:
    stimulus, cell = film(), RF(1, (1, 2, 2))
    cell.weight = stimulus[:1, 1:3, 5:8]
    wanted = cell(stimulus)
    cell.save_parameters(tmp_path / f"cell.{suffix}")
    other = RF(1, (1, 1, 1))
    other.weight = stimulus[:1, :1, :1]
    other.load_parameters(tmp_path / f"cell.{suffix}")
    xr.testing.assert_identical(other(stimulus), wanted)
    with pytest.raises(cx.ParameterError, match="position"):  # never silently at another place
        RF(1, (1, 2, 3)).load_parameters(tmp_path / f"cell.{suffix}")


def test_what_cannot_be() -> None:
    stimulus = film()
    cell = RF(1, (1, 1, 1))
    cell.weight = film(7, 8, "0.1 deg")[:1, 2:4, 2:4]
    with pytest.raises(cx.ContractError, match=r"weight: wanted pixels of 0.1 x 0.2 deg.*got 0.1 x 0.1 deg"):
        cell(stimulus)
    for place in (("0.4 deg", "0 deg"), ("0 deg", "-0.9 deg")):
        cell = RF(placement=place)
        with pytest.raises(cx.ContractError, match=r"weight: wanted a field inside the frame, got \(1, 1\) px at y ="):
            cell(stimulus)
    large = film(9, 9)[:1]
    cell.weight = large
    with pytest.raises(cx.ContractError, match="weight: wanted a field inside the frame"):
        cell(stimulus)
    with pytest.raises(cx.UnitError, match="placement: wanted a visual angle"):
        RF(placement=(0.1, 0.2))
    with pytest.raises(cx.ContractError, match="placement: wanted two angles"):
        RF(placement=("0.1 deg",))
    with pytest.raises(cx.ContractError, match="a pixel size"):
        RF(placement=("0.1 deg", "0 deg"))(torch.zeros(1, 1, 2, 5, 5))


@pytest.mark.parametrize("placement", [None, "middle", 3, np.zeros(2), cx.units.Quantity(np.zeros(2), "deg")])
def test_what_is_no_placement(placement: object) -> None:
    with pytest.raises(cx.ParameterError, match='placement: wanted "center", "corner" or a pair'):
        RF(placement=placement)
