"""A part of the frame: what comes out is that part of the whole, whatever is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.context import running
from convis_xr.engine.state import read_state
from tests.engine.cases import Cells, film, tree
from tests.engine.test_store import interrupted, run_into

BOTH = ["current", "spikes"]
HEIGHT, WIDTH = 9, 30  # the blur of `Cells` sees 8 pixels


def shown(height: int = HEIGHT, width: int = WIDTH, **options: Any) -> xr.DataArray:
    return film(40, height, width, **options)


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return cx.run(Cells(), shown(), outputs=BOTH)


@pytest.fixture(scope="module")
def retina() -> tuple[cx.Layer, xr.Dataset]:
    model = cx.models.Retina("primate", ganglion=["parvo_on", "magno_off"])
    outputs = ["parvo_on", "magno_off", "magno_off_current", "bipolar"]
    return model, cx.run(model, shown(), outputs=outputs)


def parts(size: int) -> st.SearchStrategy[slice]:
    return st.tuples(st.integers(0, size - 1), st.integers(1, size)).map(
        lambda ends: slice(min(ends[0], ends[1] - 1), max(ends[0] + 1, ends[1]))
    )


@given(y=parts(HEIGHT), x=parts(WIDTH), chunk=st.integers(1, 45))
def test_a_part_is_that_part_of_the_whole(whole: xr.Dataset, y: slice, x: slice, chunk: int) -> None:
    made = cx.run(Cells(), shown(), outputs=BOTH, region={"y": y, "x": x}, chunk=chunk)
    xr.testing.assert_equal(made, whole.isel(y=y, x=x))


@given(y=parts(HEIGHT), x=parts(WIDTH), chunk=st.integers(1, 45))
def test_so_it_is_where_the_model_looks_everywhere(
    retina: tuple[cx.Layer, xr.Dataset], y: slice, x: slice, chunk: int
) -> None:
    model, full = retina
    made = cx.run(model, shown(), outputs=list(full), region={"y": y, "x": x}, chunk=chunk)
    xr.testing.assert_equal(made, full.isel(y=y, x=x))


def test_pools_of_ganglion_cells_see_beyond_the_part() -> None:
    model = cx.models.Retina("primate", ganglion=["parvo_on", "magno_on"])
    for name in model.ganglion_names:
        model.get_submodule(name).pooling_sigma = "0.08 deg"
    outputs = ["parvo_on", "magno_on_current", "magno_on_transient"]
    part = {"y": slice(3, 5), "x": slice(1, 9)}
    full = cx.run(model, shown(16, 14), outputs=outputs)
    made = cx.run(model, shown(16, 14), outputs=outputs, region=part, chunk=7)
    xr.testing.assert_equal(made, full.isel(part))
    assert read_state(made)["parvo_on.low_pass"].shape[-2:] != (16, 14)  # no more than the pool sees


def test_no_more_is_shown_than_the_model_looks_at() -> None:
    seen = []

    class Near(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.blur = cx.filters.Gaussian(sigma="0.03 deg")

        def footprint(self, sampling: cx.Sampling) -> Any:
            return self.blur.footprint(sampling)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.shape[-2:], running(self).window))  # type: ignore[union-attr]
            return self.blur(x)

    radius = Near().footprint(cx.Sampling("1 ms", "0.1 deg")).radius
    assert radius == 3
    full = cx.run(Near(), shown(20, 20))
    seen.clear()
    made = cx.run(Near(), shown(20, 20), region=(slice(0, 3), slice(10, 12)))
    assert {tuple(shape) for shape, _ in seen} == {(3 + 3, 3 + 2 + 3)}
    window = seen[-1][1]
    assert (window.top, window.left, window.full) == (0, 7, (20, 20))
    xr.testing.assert_equal(made, full.isel(y=slice(0, 3), x=slice(10, 12)))


def test_a_model_that_promises_nothing_is_shown_the_whole_frame() -> None:
    class Mean(cx.Layer):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x - x.mean((-2, -1), keepdim=True)

    made = cx.run(Mean(), shown(), region={"x": slice(2, 5)})
    xr.testing.assert_equal(made, cx.run(Mean(), shown()).isel(x=slice(2, 5)))


@pytest.mark.parametrize(
    ("region", "y", "x"),
    [
        ({"y": slice("-0.2 deg", "0.1 deg")}, slice(3, 7), slice(None)),
        ({"y": slice("-0.25 deg", "0.15 deg"), "x": slice(None, "0 deg")}, slice(3, 7), slice(0, 15)),
        ({"x": slice("18 arcmin", None)}, slice(None), slice(18, 30)),
        ({"x": slice(cx.units.Quantity(0.05, "deg"), "1.5 deg")}, slice(None), slice(15, 30)),
        ({"y": slice(None, 2), "x": slice(29, None)}, slice(0, 2), slice(29, 30)),
        ((slice(1, 2), slice(None)), slice(1, 2), slice(None)),
        ([slice(None), slice(np.int64(3), 4)], slice(None), slice(3, 4)),
    ],
)
def test_how_a_part_is_told(whole: xr.Dataset, region: Any, y: slice, x: slice) -> None:
    xr.testing.assert_equal(cx.run(Cells(), shown(), outputs=BOTH, region=region), whole.isel(y=y, x=x))


def test_angles_are_labels_whatever_their_unit_and_order(whole: xr.Dataset) -> None:
    turned = shown().isel(y=slice(None, None, -1))
    minutes = {name: (name, turned[name].values * 60, {"units": "arcmin"}) for name in ("y", "x")}
    made = cx.run(Cells(), turned.assign_coords(minutes), outputs=BOTH, region={"y": slice("0.1 deg", "0.4 deg")})
    np.testing.assert_array_equal(made.spikes, whole.spikes.isel(y=slice(0, 4)))
    assert made.y.attrs["units"] == "arcmin"


def test_trials_of_a_part(whole: xr.Dataset) -> None:
    part = {"y": slice(2, 5), "x": slice(3, 4)}
    made = cx.run(Cells(), shown(), outputs=BOTH, region=part, repeats=2, chunk=9)
    xr.testing.assert_equal(made, cx.run(Cells(), shown(), outputs=BOTH, repeats=2).isel(part))


def test_a_run_goes_on_from_the_state_of_another_over_the_same_part(whole: xr.Dataset) -> None:
    part = {"y": slice(2, 5), "x": slice(3, 7)}
    first = cx.run(Cells(), shown(), outputs=BOTH, region=part, stop=17)
    second = cx.run(Cells(), shown(), outputs=BOTH, region=part, start=17, state=read_state(first))
    xr.testing.assert_equal(xr.concat([first, second], "time"), whole.isel(part))


def test_stored_resumed_and_told_apart(tmp_path: Path) -> None:
    part = {"y": slice(1, 3), "x": slice(2, 4)}
    run_into(tmp_path / "whole.zarr", region=part)
    interrupted(tmp_path / "r.zarr", region=part)
    run_into(tmp_path / "r.zarr", region=part, resume=True)
    assert tree(tmp_path / "r.zarr") == tree(tmp_path / "whole.zarr")
    with pytest.raises(cx.ResumeError, match="selection"):
        run_into(tmp_path / "r.zarr", region={"y": slice(1, 3), "x": slice(1, 3)}, resume=True)
    facts = json.loads(xr.open_zarr(tmp_path / "r.zarr").attrs["convis_xr_provenance"])
    assert facts["selection"] == {"top": 1, "left": 2, "height": 2, "width": 2}


def test_a_plan_counts_the_part_only() -> None:
    film_ = film(100, 200, 200)
    full, part = (cx.plan(Cells(), film_, outputs=BOTH, store="x", chunk=10, region=region)
                  for region in (None, {"y": slice(0, 10), "x": slice(0, 10)}))  # fmt: skip
    assert part.outputs[0].shape == (100, 10, 10)
    assert part.disk - 5 * 2**16 < full.disk / 200
    assert part.bytes["computing"] < full.bytes["computing"] / 30


def test_a_part_of_a_stream() -> None:
    part = {"y": slice(2, 5), "x": slice(3, 8)}
    stream = cx.Stream((frame.values for frame in shown()), dt="1 ms", pixel_size="0.1 deg", units="1")
    made = cx.run(Cells(), stream, stop=30, outputs=BOTH, region=part, repeats=2, chunk=7)
    expected = cx.run(Cells(), shown(), stop=30, outputs=BOTH, region=part, repeats=2)
    xr.testing.assert_allclose(made, expected, rtol=0, atol=1e-12)


def test_an_output_of_another_frame_is_refused() -> None:
    class Half(cx.Layer):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[..., ::2]

    with pytest.raises(cx.ContractError, match=r"of the stimulus' frame, \(9, 30\) pixels, got \(9, 15\) pixels"):
        cx.run(Half(), shown(), region={"x": slice(0, 3)})


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"y": slice(3, 3)}, r"region\['y'\]: wanted a part of the frame with at least one pixel \(9 pixels\)"),
        ({"y": slice(5, 3)}, r"got slice\(5, 3\)"),
        ({"y": slice(0, 10)}, "9 pixels"),
        ({"x": slice(30, None)}, "30 pixels"),
        ({"x": slice("-1.6 deg", "0 deg")}, r"-1\.5 deg to 1\.5 deg"),
        ({"x": slice("0.5 deg", "1.51 deg")}, r"-1\.5 deg to 1\.5 deg"),
        ({"x": slice("0.2 deg", "-0.2 deg")}, "start before stop"),
        ({"x": slice("0.06 deg", "0.14 deg")}, "at least one pixel"),
        ({"x": slice(0, "0.1 deg")}, "both ends of one kind"),
        ({"x": slice(0, 4, 2)}, "a slice without a step"),
        ({"x": 3}, "a slice without a step, got 3"),
        ({"time": slice(0, 3)}, r"region: wanted dimensions of the frame \(y, x\), got time"),
        ({}, "region: wanted slices by the dimensions y and x"),
        ("fovea", "region: wanted slices"),
        (slice(0, 3), "region: wanted slices"),
    ],
)
def test_what_cannot_be_is_said(region: Any, message: str) -> None:
    with pytest.raises(cx.ContractError, match=message):
        cx.run(cx.filters.LowPass(), shown(), region=region)


@pytest.mark.parametrize("end", ["3 ms", -1, 2.5])
def test_wrong_ends_are_unit_errors(end: Any) -> None:
    with pytest.raises(cx.UnitError, match=r"region\['x'\]: (?!.*samples)"):
        cx.run(cx.filters.LowPass(), shown(), region={"x": slice(end, None)})


def test_time_alone_has_no_frame() -> None:
    pulse = cx.as_stimulus(np.eye(1, 9)[0], dt="10 ms", units="1")
    with pytest.raises(cx.ContractError, match=r"dimensions of the frame \(none\)"):
        cx.run(cx.filters.LowPass(), pulse, region={"x": slice(0, 1)})
