"""What the pictures hold, in numbers; that both backends draw them; that only what is shown is read."""

from __future__ import annotations

from typing import Any

import dask.array
import holoviews as hv
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.coordinates import grid
from convis_xr.plotting import frames, lines, matshow, plot
from convis_xr.plotting.labels import scale_of
from convis_xr.plotting.reading import picked, windows

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def film(steps: int = 40, **attrs: Any) -> xr.DataArray:
    values = np.random.default_rng(0).normal(size=(steps, 6, 8)).astype(np.float32)
    return cx.as_stimulus(values, units="Hz", **GRID).rename("current").assign_attrs(attrs)


def counts(steps: int = 1000, rate: float = 50.0) -> xr.DataArray:
    values = np.random.default_rng(1).poisson(rate * 1e-3, (steps, 6, 8)).astype(np.uint8)
    return cx.as_stimulus(values, units="count", **GRID).rename("parvo_on")


def column(element: Any, number: int) -> Any:
    return element.dimension_values(number)


# --- lines


@pytest.mark.parametrize("mode", [None, "lines", "frames", "matshow"])
def test_nothing_to_show_is_said(mode: str | None) -> None:
    empty = cx.stimuli.uniform(10, 4, dt="1 ms", pixel_size="0.1 deg")[:0]
    with pytest.raises(cx.ContractError, match="plot: wanted at least one sample, got none along time"):
        plot(empty, mode)


def test_lines_show_range_mean_and_cells() -> None:
    data = film()
    area, *cells, mean = lines(data, examples=2)
    np.testing.assert_allclose(column(area, 0), data.time)
    np.testing.assert_allclose(column(area, 1), data.min(("y", "x")))
    np.testing.assert_allclose(column(area, 2), data.max(("y", "x")))
    np.testing.assert_allclose(column(mean, 1), data.mean(("y", "x")), atol=1e-6)
    np.testing.assert_array_equal(column(cells[0], 1), data[:, 2, 2])
    np.testing.assert_array_equal(column(cells[1], 1), data[:, 4, 5])
    assert [dimension.pprint_label for dimension in mean.dimensions()] == ["time (s)", "current (Hz)"]


def test_lines_of_a_single_cell_are_its_values() -> None:
    cell = film()[:, 0, 0]
    (curve,) = lines(cell)
    np.testing.assert_array_equal(column(curve, 1), cell)


def test_lines_of_counts_are_rates() -> None:
    _, *_, mean = lines(counts(2000, rate=80.0))
    assert mean.dimensions()[1].pprint_label == "parvo_on (Hz)"
    assert np.mean(column(mean, 1)) == pytest.approx(80, rel=0.05)
    assert len(column(mean, 0)) == 40


def test_lines_leave_gaps_where_nothing_is_known() -> None:
    data = film()
    data[:10], data[20, 1, 1] = np.nan, np.nan
    area, *_, mean = lines(data)
    for curve in (column(area, 1), column(mean, 1)):
        np.testing.assert_array_equal(np.isnan(curve), np.arange(40) < 10)
    assert column(mean, 1)[20] == pytest.approx(data[20].mean().item())


def test_lines_need_time() -> None:
    with pytest.raises(cx.ContractError, match=r"lines: wanted data over time.*Cure"):
        lines(film().isel(time=0))


# --- frames


def test_frames_are_the_frames_upright_and_in_degrees() -> None:
    data = film()
    strip = frames(data, count=4)
    for image, step in zip(strip, (4, 14, 24, 34), strict=True):  # nearest whole steps to the middles of quarters
        np.testing.assert_array_equal(image.dimension_values(2, flat=False)[::-1], data[step])
        assert image.bounds.lbrt() == pytest.approx((-0.4, -0.3, 0.4, 0.3))
        assert [dimension.pprint_label for dimension in image.dimensions()] == ["x (deg)", "y (deg)", "current (Hz)"]


def test_frames_of_ascending_y_look_the_same() -> None:
    one, other = (next(iter(frames(data, count=1))) for data in (film(), film().isel(y=slice(None, None, -1))))
    np.testing.assert_array_equal(column(one, 2), column(other, 2))


def test_frames_share_limits_symmetric_about_zero() -> None:
    limits = {hv.Store.lookup_options("matplotlib", image, "plot").kwargs["clim"] for image in frames(film())}
    ((low, high),) = limits
    assert low == -high


def test_frames_of_counts_are_rates() -> None:
    steady = counts().copy(data=np.zeros((1000, 6, 8), np.uint8))
    steady[::20] = 1  # 50 Hz
    for image in frames(steady):
        np.testing.assert_allclose(column(image, 2), 50.0, rtol=0.01)


def test_frames_of_batches_show_the_first() -> None:
    two = xr.concat([film(), film() + 100], "batch")
    assert column(next(iter(frames(two))), 2).max() < 50


@pytest.mark.parametrize("missing", ["y", "x"])
def test_frames_need_space(missing: str) -> None:
    with pytest.raises(cx.ContractError, match="frames: wanted data over y and x"):
        frames(film().isel({missing: 0}))


# --- matshow


def test_matshow_is_the_middle_row_against_time() -> None:
    data = film()
    image = matshow(data)
    np.testing.assert_array_equal(image.dimension_values(2, flat=False), data[:, 3].T)
    assert image.bounds.lbrt() == pytest.approx((-0.0005, -0.4, 0.0395, 0.4))


def test_matshow_of_cells_without_coordinates() -> None:
    data = film().isel(y=0).rename(x="cell").drop_vars("cell")
    image = matshow(data)
    np.testing.assert_array_equal(image.dimension_values(2, flat=False), data.T)
    assert image.kdims[1].pprint_label == "cell index"


@pytest.mark.parametrize("lacking", [{"time": 0}, {"y": 0, "x": 0}])
def test_matshow_needs_time_and_cells(lacking: dict[str, int]) -> None:
    with pytest.raises(cx.ContractError, match="matshow: wanted time and one more dimension"):
        matshow(film().isel(lacking))


# --- plot


def test_plot_follows_the_shape() -> None:
    assert [type(part).__name__ for part in plot(film())] == ["Overlay"] + ["Image"] * 4
    assert isinstance(plot(film()[:, 0, 0]), hv.Overlay)
    assert [type(part).__name__ for part in plot(film()[0])] == ["Image"]


def test_plot_of_a_dataset_has_a_row_for_each_variable() -> None:
    dataset = xr.Dataset({"one": film(), "two": counts(40), "mean": film().mean(("y", "x"))})
    layout = dataset.convis.plot()
    assert layout.shape == (3, 5)
    assert [type(part).__name__ for part in layout][10:] == ["Overlay"] + ["Empty"] * 4


def test_plot_passes_its_mode_on() -> None:
    assert len(film().convis.plot("frames", count=2)) == 2
    assert isinstance(film().convis.plot("matshow"), hv.Image)
    with pytest.raises(cx.ContractError, match="mode: wanted one of lines, frames, matshow"):
        film().convis.plot("surface")


def test_empty_dataset_is_refused() -> None:
    with pytest.raises(cx.ContractError, match="empty Dataset"):
        xr.Dataset().convis.plot()


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
@pytest.mark.parametrize(
    ("kind", "steps"),
    [("current", 40), ("current", 1), ("counts", 400), ("counts", 1), ("constant", 40), ("gaps", 40), ("stimulus", 40)],
)
def test_both_backends_draw_everything(kind: str, steps: int, backend: str) -> None:
    current = film(steps)
    data = {
        "current": current,
        "counts": counts(steps),
        "constant": current * 0,
        "gaps": current.where(current > 0),
        "stimulus": film(steps, valid_range=[-1.0, 1.0]),
    }[kind]
    for picture in (lines(data), next(iter(frames(data, count=1))), matshow(data)):
        assert hv.render(picture, backend=backend) is not None


@pytest.mark.parametrize("backend", ["bokeh", "matplotlib"])
def test_both_backends_lay_out_a_dataset(backend: str) -> None:
    dataset = xr.Dataset({"current": film(), "mean": film().mean(("y", "x"))})
    assert hv.render(dataset.convis.plot(), backend=backend) is not None


def test_matplotlib_axes_have_names_units_and_equal_aspect() -> None:
    figure = hv.render(film().convis.plot(), backend="matplotlib")
    time_course, *pictures = [axes for axes in figure.axes if axes.get_xlabel()]
    assert (time_course.get_xlabel(), time_course.get_ylabel()) == ("time (s)", "current (Hz)")
    assert len(pictures) == 4
    for axes in pictures:
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (deg)", "y (deg)")
        assert axes.get_aspect() == 1.0


# --- what is read


def reading(steps: int, chunk: int) -> tuple[xr.DataArray, list[int]]:
    """An array that notes which of its blocks are computed."""
    read: list[int] = []

    def block(number: Any) -> Any:
        read.append(int(number[0, 0, 0]))
        return np.full((chunk, 6, 8), number[0, 0, 0], np.float32)

    numbers = dask.array.arange(steps // chunk, chunks=1)[:, None, None]
    meta = np.empty((0, 0, 0), np.float32)
    data = numbers.map_blocks(block, dtype=np.float32, meta=meta, chunks=((chunk,) * (steps // chunk), (6,), (8,)))
    return cx.as_stimulus(data, units="Hz", **GRID), read


@pytest.mark.parametrize(
    ("show", "most"), [(lambda d: lines(d, samples=10), 10), (lambda d: frames(d, count=3), 3), (matshow, 400)]
)
def test_only_what_is_shown_is_read_and_once(show: Any, most: int) -> None:
    data, read = reading(4000, 2)
    show(data)
    assert len(read) == len(set(read)) == most


def test_ten_hours_cost_no_more_than_what_is_shown() -> None:
    hours = cx.Sampling(dt="1 ms", pixel_size="0.1 deg")
    axes = grid({"time": 36_000_000, "y": 6, "x": 8}, hours)
    endless = xr.DataArray(dask.array.ones((36_000_000, 6, 8), chunks=(1000, 6, 8), dtype=np.uint8), axes)
    for units in ("1", "count"):
        data = endless.assign_attrs(units=units)
        image = matshow(data, samples=5)
        assert image.bounds.lbrt()[2] == pytest.approx(36_000)
        _, *_, mean = lines(data, samples=5)
        np.testing.assert_allclose(column(mean, 1), 1 if units == "1" else 1000, rtol=1e-5)
        assert len(list(frames(data))) == 4


def test_counts_are_read_around_the_samples_only() -> None:
    data, read = reading(100_000, 100)
    spikes = data.astype(np.uint8).assign_attrs(units="count")
    lines(spikes, samples=20)
    assert len(set(read)) <= 2 * 20
    assert len(read) == len(set(read))


@given(total=st.integers(1, 500), data=st.data())
def test_windows_lie_within_and_are_evenly_spread(total: int, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, total))
    count = data.draw(st.integers(1, 50))
    starts = windows(total, count, width)
    assert starts.min() >= 0
    assert starts.max() + width <= total
    assert np.ptp(np.diff(starts[1:-1])) <= 1 if count > 4 and width * count <= total else True


@given(total=st.integers(1, 60))
def test_as_many_windows_as_steps_are_all_steps(total: int) -> None:
    np.testing.assert_array_equal(windows(total, total, 1), np.arange(total))


@given(steps=st.integers(1, 400), chunk=st.integers(1, 100), overlap=st.booleans())
def test_rates_do_not_depend_on_chunks(steps: int, chunk: int, overlap: bool) -> None:
    data = counts(steps)
    whole = picked(data, 10, overlap=overlap).compute()
    pieces = picked(data.chunk(time=chunk, x=3), 10, overlap=overlap).compute()
    xr.testing.assert_allclose(whole, pieces)


@pytest.mark.parametrize(
    ("values", "limits", "cmap"),
    [
        ([0.0, 0.0], (0.0, 1.0), "inferno"),
        ([3.0, 3.0], (0.0, 3.0), "inferno"),
        ([-3.0, -3.0], (-3.0, 0.0), "viridis"),
        ([np.nan, np.inf], (0.0, 1.0), "viridis"),
        ([10.0, 11.0], (10.0, 11.0), "viridis"),
        ([-1.0, 4.0], (-4.0, 4.0), "coolwarm"),
    ],
)
def test_scales(values: list[float], limits: tuple[float, float], cmap: str) -> None:
    scale = scale_of(np.array(values))
    assert scale.limits == pytest.approx(limits, rel=0.01)
    assert scale.cmap == cmap


def test_one_value_cannot_take_the_contrast() -> None:
    values = np.r_[np.random.default_rng(0).uniform(0, 1, 9999), 1e6]
    assert scale_of(values).limits[1] <= 1
