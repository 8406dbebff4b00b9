"""Single cells: pixels of a frame, or cells of an array that a layer is sampled by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.engine.state import read_state
from convis_xr.models.retina import GanglionConfig, RetinaConfig
from convis_xr.models.retina.cells import CircularArray, LogPolar, SquareArray
from tests.engine.cases import Cells, film

BOTH = ["current", "spikes"]
HEIGHT, WIDTH = 9, 12
PIXELS = [(2, 3), (8, 11), (0, 0), (2, 3)]


def shown(**options: Any) -> xr.DataArray:
    return film(40, HEIGHT, WIDTH, **options)


def at(full: xr.Dataset, pixels: Any) -> xr.Dataset:
    """The oracle: the whole result, indexed by xarray."""
    rows, columns = (xr.DataArray(list(index), dims="cell") for index in zip(*pixels, strict=True))
    return full.isel(y=rows, x=columns)


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return cx.run(Cells(), shown(), outputs=BOTH)


@pytest.fixture(scope="module")
def retina() -> tuple[cx.Layer, xr.Dataset]:
    model = cx.models.Retina("primate", ganglion=["parvo_on", "magno_off"])
    model.get_submodule("magno_off").pooling_sigma = "0.05 deg"
    return model, cx.run(model, shown(), outputs=["parvo_on", "magno_off", "magno_off_current", "bipolar"])


places = st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1)), min_size=1, max_size=6)


@given(pixels=places, chunk=st.integers(1, 45))
def test_pixels_are_those_of_the_whole(whole: xr.Dataset, pixels: Any, chunk: int) -> None:
    made = cx.run(Cells(), shown(), outputs=BOTH, cells=pixels, chunk=chunk)
    assert made.spikes.dims == ("time", "cell")
    xr.testing.assert_equal(made, at(whole, pixels))


@given(pixels=places, chunk=st.integers(1, 45))
def test_so_they_are_where_the_model_looks_everywhere(
    retina: tuple[cx.Layer, xr.Dataset], pixels: Any, chunk: int
) -> None:
    model, full = retina
    made = cx.run(model, shown(), outputs=list(full), cells=pixels, chunk=chunk)
    xr.testing.assert_equal(made, at(full, pixels))


def test_coordinates_of_cells() -> None:
    made = cx.run(Cells(), shown(), outputs=BOTH, cells=PIXELS)
    assert made.y.dims == made.x.dims == ("cell",)
    assert made.y.attrs["units"] == "degree"
    assert "step" not in made.y.attrs  # a cell is no grid
    np.testing.assert_array_equal(made.y, shown().y.values[[2, 8, 0, 2]])


def degrees(pixels: Any) -> np.ndarray:
    stimulus = shown()
    return np.array([(stimulus.y.values[row], stimulus.x.values[column]) for row, column in pixels])


@pytest.mark.parametrize(
    "tell",
    [
        lambda: PIXELS,
        lambda: np.array(PIXELS),
        lambda: torch.tensor(PIXELS).numpy(),
        lambda: cx.units.Quantity(degrees(PIXELS), "degree"),
        lambda: cx.units.Quantity(degrees(PIXELS) * 60 + 2.9, "arcmin"),
        lambda: xr.DataArray(degrees(PIXELS), dims=("cell", "axis"), attrs={"units": "degree"}),
        lambda: cx.run(Cells(), shown(), outputs="spikes", cells=PIXELS),
        lambda: cx.run(Cells(), shown(), outputs="spikes", cells=PIXELS).spikes,
        lambda: [(f"{y} deg", f"{x * 60} arcmin") for y, x in degrees(PIXELS)],
        lambda: xr.Dataset({
            "y": ("cell", degrees(PIXELS)[:, 0], {"units": "degree"}),
            "x": ("cell", degrees(PIXELS)[:, 1], {"units": "degree"}),
        }),
    ],
)  # fmt: skip
def test_how_cells_are_told(whole: xr.Dataset, tell: Any) -> None:
    xr.testing.assert_equal(cx.run(Cells(), shown(), outputs=BOTH, cells=tell()), at(whole, PIXELS))


def test_a_mask_over_the_frame(whole: xr.Dataset) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[[1, 4], [2, 7]] = True
    labelled = xr.DataArray(mask, dims=("y", "x"), attrs={"units": "count"})  # as `counts > 5` keeps it
    for given_mask in (mask, labelled, labelled.transpose("x", "y")):
        made = cx.run(Cells(), shown(), outputs=BOTH, cells=given_mask)
        xr.testing.assert_equal(made, at(whole, [(1, 2), (4, 7)]))


def test_batches_channels_and_trials() -> None:
    values = np.random.default_rng(1).random((2, 3, 20, 4, 5)).astype("f4") * 300
    stimulus = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="Hz")
    made = cx.run(cx.spiking.NoisyLIF(), stimulus, cells=[(1, 2), (3, 0)], repeats=2, chunk=6)
    assert made.response.dims == ("repeat", "batch", "channel", "time", "cell")
    full = cx.run(cx.spiking.NoisyLIF(), stimulus, repeats=2).response.values
    np.testing.assert_array_equal(made.response, full[..., [1, 3], [2, 0]])


def test_stored_and_gone_on_with(whole: xr.Dataset, tmp_path: Any) -> None:
    made = cx.run(Cells(), shown(), outputs=BOTH, cells=PIXELS, store=tmp_path / "r.zarr", stop=17)
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "r.zarr").load(), at(whole, PIXELS).isel(time=slice(0, 17)))
    later = cx.run(Cells(), shown(), outputs=BOTH, cells=PIXELS, start=17, state=read_state(made))
    xr.testing.assert_equal(later, at(whole, PIXELS).isel(time=slice(17, None)))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([(9, 0)], r"cells: wanted rows below 9 and columns below 12, got row, column = \(9, 0\)"),
        ([(0, -1)], r"row, column = \(0, -1\)"),
        ([], "cells: wanted pairs .* got none"),
        ([(1, 2, 3)], r"int64 of shape \(1, 3\)"),
        ([(1.0, 2.0)], r"float64 of shape \(1, 2\)"),
        ([(1, 2), (3,)], "cells: wanted pairs"),
        ("parvo", "cells: wanted pairs .* got str"),
        ([("0.7 deg", "0 deg")], r"y from -0\.45 deg to 0\.45 deg\), got y = 0\.7 deg"),
        ([("0 deg", "-0.61 deg")], r"x from -0\.6 deg to 0\.6 deg"),
        ([("0 deg", "nan deg")], "cells"),
        (np.zeros((HEIGHT, WIDTH), bool), "a mask of none"),
        (np.ones((3, 3), bool), r"wanted a mask of shape \(9, 12\), got a mask of shape \(3, 3\)"),
        ([0, 1], "cells: wanted pixels, for an output that is a frame"),
        ([-1], "numbers of cells from 0 on, got -1"),
        (xr.Dataset({"z": ("cell", [1.0])}), "cells: wanted pairs .* got Dataset"),
        (cx.units.Quantity(np.zeros(2), "degree"), r"positions of shape \(2,\)"),
    ],
)
def test_what_cannot_be_is_said(cells: Any, message: str) -> None:
    with pytest.raises(cx.ConvisError, match=message):
        cx.run(cx.filters.LowPass(), shown(), cells=cells)


def test_wrong_units_are_told() -> None:
    with pytest.raises(cx.UnitError, match="cells"):
        cx.run(cx.filters.LowPass(), shown(), cells=[("3 ms", "0 deg")])
    with pytest.raises(cx.UnitError, match="cells"):
        cx.run(cx.filters.LowPass(), shown(), cells=cx.units.Quantity(np.zeros((1, 2)), "s"))


def test_one_of_the_two() -> None:
    with pytest.raises(cx.ContractError, match="region, cells: wanted one of the two, got both"):
        cx.run(Cells(), shown(), cells=PIXELS, region={"y": slice(0, 3)})


# --- layers that are sampled by an array of cells -------------------------------------------------------------------


def sampled(**layers: Any) -> cx.models.Retina:
    made = tuple(GanglionConfig(name, cells=array) for name, array in layers.items())
    return cx.models.Retina(RetinaConfig(ganglion=made, log_polar=LogPolar("0.2 deg", "1/deg")))


ONE = {"on": SquareArray("7/deg")}


@pytest.fixture(scope="module")
def mosaic() -> tuple[cx.Layer, xr.Dataset]:
    model = sampled(**ONE)
    model.get_submodule("on").pooling_sigma = "0.04 deg"
    return model, cx.run(model, shown(), outputs=["on", "on_current", "on_transient"])


def test_a_sampled_layer_is_time_and_cell() -> None:
    made = cx.run(sampled(**ONE), shown())
    assert made["on"].dims == ("time", "cell")
    assert set(made.coords) == {"time", "cell", "x", "y", "type"}
    assert made["type"].values.tolist() == ["on"] * made.sizes["cell"]
    table = ONE["on"].positions((HEIGHT, WIDTH), "0.1 deg")
    for name in ("x", "y"):
        np.testing.assert_allclose(made[name], table[name], atol=1e-12)
        assert made[name].attrs["units"] == "degree"
    assert made["on"].attrs["units"] == "count"


def test_currents_are_those_of_the_frame_between_pixels() -> None:
    from scipy.interpolate import RegularGridInterpolator

    model = cx.models.Retina(RetinaConfig(ganglion=(GanglionConfig("on"),)))
    frame = cx.run(model, shown(dtype="float64"), outputs="on_current").on_current
    made = cx.run(sampled(**ONE), shown(dtype="float64"), outputs="on_current").on_current
    grid = RegularGridInterpolator((-frame.y.values, frame.x.values), frame.transpose("y", "x", "time").values)
    edge = [made[name].values.clip(frame[name].values.min(), frame[name].values.max()) for name in ("y", "x")]
    np.testing.assert_allclose(made, grid(np.stack([-edge[0], edge[1]], 1)).T, rtol=1e-9)


def test_cells_draw_by_their_number() -> None:
    """An array with a cell at every pixel is the frame, cell by cell: its numbers are those of the pixels."""
    made = cx.run(sampled(on=SquareArray("10/deg")), shown(), outputs="on")
    full = cx.run(cx.models.Retina(RetinaConfig(ganglion=(GanglionConfig("on"),))), shown(), outputs="on")
    assert made.sizes["cell"] == HEIGHT * WIDTH
    np.testing.assert_array_equal(made["on"], full["on"].stack(cell=("y", "x")))


def test_positions_follow_the_labels_of_the_stimulus() -> None:
    moved = shown().assign_coords(x=shown().x + 3.0)
    moved.x.attrs.update(shown().x.attrs)
    made = cx.run(sampled(**ONE), moved)
    np.testing.assert_allclose(made.x, cx.run(sampled(**ONE), shown()).x + 3.0)
    np.testing.assert_array_equal(made["on"], cx.run(sampled(**ONE), shown())["on"])


def test_circular_arrays_with_a_log_polar_density() -> None:
    array = CircularArray("9/deg", diameter="0.8 deg")
    made = cx.run(sampled(on=array), shown())
    table = array.positions((HEIGHT, WIDTH), "0.1 deg", LogPolar("0.2 deg", "1/deg"))
    np.testing.assert_allclose(made.x, table.x, atol=1e-12)


@given(numbers=st.lists(st.integers(0, 40), min_size=1, max_size=5), chunk=st.integers(1, 45))
def test_cells_of_an_array_by_number(mosaic: tuple[cx.Layer, xr.Dataset], numbers: Any, chunk: int) -> None:
    model, full = mosaic
    made = cx.run(model, shown(), outputs=list(full), cells=numbers, chunk=chunk)
    assert made.cell.values.tolist() == numbers
    xr.testing.assert_equal(made, full.isel(cell=numbers))


def test_pixels_take_the_place_of_an_array() -> None:
    pixels = [(1, 2), (4, 0), (3, 7)]
    made = cx.run(sampled(**ONE), shown(), outputs=["on", "on_current"], cells=pixels)
    full = cx.run(
        cx.models.Retina(RetinaConfig(ganglion=(GanglionConfig("on"),))), shown(), outputs=["on", "on_current"]
    )
    xr.testing.assert_equal(made, at(full, pixels))


@pytest.mark.parametrize("array", [SquareArray("0.7/deg"), CircularArray("0.01/deg")])
def test_an_array_too_sparse_for_the_frame_leaves_a_cell_at_every_pixel(
    array: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert not array.fits((HEIGHT, WIDTH), "0.1 deg")
    with caplog.at_level("INFO"):
        made = cx.run(sampled(on=array), shown())
    full = cx.run(cx.models.Retina(RetinaConfig(ganglion=(GanglionConfig("on"),))), shown())
    xr.testing.assert_equal(made, full)
    assert "every pixel is a cell" in caplog.text
    with_size = replace(array, **({"size_x": "0.5 deg"} if isinstance(array, SquareArray) else {"diameter": "0.5 deg"}))
    assert cx.run(sampled(on=with_size), shown()).sizes["cell"] == 1


def test_a_mask_of_cells(mosaic: tuple[cx.Layer, xr.Dataset]) -> None:
    model, full = mosaic
    mask = full.x > 0
    for given_mask in (mask, mask.values):
        made = cx.run(model, shown(), outputs=list(full), cells=given_mask)
        xr.testing.assert_equal(made, full.isel(cell=mask.values))


@given(top=st.integers(0, 4), left=st.integers(0, 7), height=st.integers(2, 5), width=st.integers(2, 5))
def test_a_region_of_an_array(
    mosaic: tuple[cx.Layer, xr.Dataset], top: int, left: int, height: int, width: int
) -> None:
    model, full = mosaic
    made = cx.run(
        model, shown(), outputs=list(full), region=(slice(top, top + height), slice(left, left + width)), chunk=11
    )
    y, x = shown().y.values, shown().x.values
    inside = (full.y <= y[top] + 0.05) & (full.y > y[top + height - 1] - 0.05)
    inside &= (full.x >= x[left] - 0.05) & (full.x < x[left + width - 1] + 0.05)
    xr.testing.assert_equal(made, full.isel(cell=inside.values))


def test_several_arrays_have_dimensions_of_their_own(tmp_path: Any) -> None:
    model = sampled(on=SquareArray("7/deg"), off=SquareArray("4/deg"))
    made = cx.run(model, shown())
    assert made["on"].dims == ("time", "on_cell")
    assert made["off"].dims == ("time", "off_cell")
    assert made["off_cell_x"].dims == made["off_cell_type"].dims == ("off_cell",)
    alone = cx.run(model, shown(), outputs=["off"])
    np.testing.assert_array_equal(made["off"], alone["off"])
    beside = cx.run(model, shown(), outputs=["on", "bipolar"])
    assert beside["bipolar"].dims == ("time", "y", "x")
    assert beside["on"].dims == ("time", "on_cell")
    stored = cx.run(model, shown(), store=tmp_path / "r.zarr").load()
    xr.testing.assert_equal(stored, made)
    assert xr.open_zarr(tmp_path / "r.zarr")["on_cell_type"].values.tolist() == made["on_cell_type"].values.tolist()


def test_a_call_is_labelled_as_a_run() -> None:
    model = sampled(**ONE)
    xr.testing.assert_equal(model(shown()), cx.run(model, shown()).drop_attrs(deep=False))


def test_gradients_reach_the_parameters_of_a_sampled_layer() -> None:
    model = cx.models.Retina(RetinaConfig(ganglion=(GanglionConfig("on", cells=SquareArray("7/deg")),)), spikes=False)
    model(shown()[:1])  # its scales
    current = model(torch.from_numpy(shown().values)[None, None].requires_grad_())["on_current"]
    current.sum().backward()
    assert float(model.get_submodule("on").slope.grad.abs()) > 0  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cells": [400]}, r"cells: wanted cells among the 48 of the array, got 400"),
        ({"cells": np.ones(7, bool)}, "got a mask of 7"),
        ({"cells": [0], "outputs": ["on", "opl"]}, "cells: wanted pixels, for an output that is a frame"),
        ({"region": (slice(0, 1), slice(0, 1))}, "region: wanted a cell of the array at least, got none"),
    ],
)
def test_what_an_array_has_not_is_said(options: Any, message: str) -> None:
    with pytest.raises(cx.ContractError, match=message):
        cx.run(sampled(**ONE), shown(), **options)


def test_a_mask_may_have_labels_and_the_unit_of_what_it_was_made_from() -> None:
    bright = shown().isel(time=3) > 0.6
    made = cx.run(Cells(), shown(), cells=bright.assign_attrs(units="count"))
    rows, columns = np.nonzero(bright.values)
    expected = cx.run(Cells(), shown(), cells=list(zip(rows.tolist(), columns.tolist(), strict=True)))
    xr.testing.assert_equal(made, expected)
    xr.testing.assert_equal(cx.run(Cells(), shown(), cells=bright.transpose("x", "y")), expected)
    with pytest.raises(cx.ContractError, match=r"cells: wanted a mask over the frame \(y from .* got y from .* Cure: "):
        cx.run(Cells(), shown(), cells=bright.isel(y=slice(None, None, -1)))
