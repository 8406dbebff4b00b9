"""Films of stimulus and responses: what each picture shows, and that they are composed lazily."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.plotting.side_by_side import Canvas, Panel, _panels, side_by_side

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def stimulus(steps: int = 500) -> xr.DataArray:
    values = np.broadcast_to(np.arange(steps, dtype=np.float32)[:, None, None] / steps, (steps, 10, 20))
    return cx.as_stimulus(values, units="1", valid_range=(0, 1), **GRID)


def counts(steps: int = 500, every: int = 20) -> xr.DataArray:
    values = np.zeros((steps, 10, 20), np.uint8)
    values[::every] = 1
    return cx.as_stimulus(values, units="count", **GRID)


def canvas(*responses: xr.DataArray) -> Canvas:
    named = xr.Dataset({f"cell_{number}": response for number, response in enumerate(responses)})
    return Canvas(_panels(stimulus(), named), 0.25, "credit", 1e-3)


def panel_of(data: xr.DataArray) -> Panel:
    return canvas(data).panels[1]


def test_film_has_the_length_and_the_speed_asked_for() -> None:
    film = side_by_side(stimulus(), xr.Dataset({"on": counts()}), speed=0.5, fps="20 Hz")
    assert dict(film.sizes)["channel"] == 3
    assert film.sizes["time"] == 20  # 0.5 s at half speed is 1 s of 20 pictures
    np.testing.assert_allclose(film["time"], np.arange(20) / 20)
    assert film.chunks is not None
    assert film.dtype == np.uint8


def test_film_can_be_written_as_it_is(tmp_path: Path) -> None:
    film = side_by_side(stimulus(100), xr.Dataset({"on": counts(100)}), speed=1.0)
    path = tmp_path / "film.mp4"
    cx.io.to_video(film, path)
    read = cx.open_stimulus(path, luminance="channels")
    assert read.sizes["time"] == film.sizes["time"]
    assert read.shape[-2:] == film.shape[-2:]
    assert np.abs(read.transpose(*film.dims).values.astype(int) - film.values).mean() < 6


def test_stimulus_is_shown_at_the_moment_and_in_grey() -> None:
    made = canvas(counts())
    top, left, tall, wide = made.places[0]
    pictures = made.film(np.array([0, 250, 499]))
    shown = pictures[:, :, top : top + tall, left : left + wide]
    assert [int(picture.mean()) for picture in shown[0]] == [0, 127, 254]
    assert (shown[0] == shown[1]).all()
    assert (shown[0] == shown[2]).all()


@pytest.mark.parametrize(("every", "step"), [(20, 60), (20, 250), (1, 0), (1, 499)])
def test_regular_firing_is_shown_as_its_rate(every: int, step: int) -> None:
    panel = panel_of(counts(every=every))
    expected = panel.palette[int(min(1000 / every / panel.scale.limits[1], 1) * 255)].astype(int)
    assert panel.scale.limits[0] == 0
    assert np.abs(panel.pictures(np.array([step]))[0, 0, 0].astype(int) - expected).max() <= 4


def test_picture_does_not_depend_on_its_neighbours() -> None:
    panel = panel_of(counts(every=7))
    together = panel.pictures(np.array([3, 40, 200]))
    alone = [panel.pictures(np.array([step]))[0] for step in (3, 40, 200)]
    np.testing.assert_allclose(together.astype(int), np.stack(alone).astype(int), atol=1)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_panels_lie_on_the_canvas_and_apart(number: int) -> None:
    made = canvas(*[counts()] * number)
    height, width = made.size
    assert height % 2 == width % 2 == 0
    used = np.zeros((height, width), int)
    for top, left, tall, wide in made.places:
        assert top + tall <= height
        assert left + wide <= width
        used[top : top + tall, left : left + wide] += 1
    assert used.max() == 1


def test_titles_clock_and_credit_are_drawn() -> None:
    made = canvas(counts(), counts())
    picture = np.moveaxis(made.film(np.array([100]))[:, 0], 0, -1)
    bright = picture.min(axis=-1) > 200
    for top, left, _, _ in made.places:
        assert bright[top - 20 : top, left : left + 60].any()
    height, width = made.size
    assert bright[height - 30 :, : width // 2].any()
    assert bright[height - 30 :, width // 2 :].any()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda responses: responses.isel(time=slice(10)),
        lambda responses: responses.drop_vars("on"),
        lambda responses: responses.expand_dims(batch=2),
    ],
)
def test_responses_on_another_grid_are_refused(spoil: Callable[[xr.Dataset], xr.Dataset]) -> None:
    with pytest.raises(cx.ContractError, match="responses: wanted responses"):
        side_by_side(stimulus(), spoil(xr.Dataset({"on": counts()})))
