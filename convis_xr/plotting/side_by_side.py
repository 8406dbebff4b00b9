"""A film of a stimulus and the responses to it, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
from dask.delayed import delayed

from convis_xr import dims
from convis_xr.contract import check_stimulus, is_spike_count
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.plotting.labels import Scale, scale_of_array
from convis_xr.plotting.reading import RATE_WINDOW, picked, rate_weights
from convis_xr.sampling import Sampling, dequantified
from convis_xr.units import Quantity, magnitude

Bytes = npt.NDArray[np.uint8]
#: frames composed at once, and frames from which the colour scales are read
BLOCK, PEEKED = 24, 32
MARGIN, TITLE, CAPTION = 8, 22, 30
INK, PAPER = (235, 235, 235), (24, 24, 24)


def side_by_side(
    stimulus: xr.DataArray,
    responses: xr.Dataset,
    *,
    speed: float = 0.25,
    fps: Any = "24 Hz",
    credit: str = "",
) -> xr.DataArray:
    """Compose a film, lazily: the stimulus on the left, each response on the right, labelled.

    Parameters
    ----------
    stimulus : DataArray (time, y, x)
    responses : Dataset of (time, y, x)
        On the stimulus' grid. Spike counts are shown as the rate over 100 ms around the moment.
    speed : float
        Part of real time: 0.25 is slow motion.
    fps : quantity
        Pictures per second of the film [Hz].
    credit : str
        Shown in the lower right corner.

    Returns
    -------
    DataArray (channel, time, y, x), uint8, dask
        In colour; ``time`` is the film's own. For `convis_xr.io.to_video`.

    Raises
    ------
    ContractError
        There is nothing to show, or it is not on the stimulus' grid.
    """
    stimulus, sampling = check_stimulus(stimulus)
    rate = magnitude(fps, "frequency", "fps")
    steps_per_frame = speed / (rate * sampling.need_dt("side_by_side"))
    steps = np.arange(0, stimulus.sizes[dims.TIME], steps_per_frame).astype(int)
    panels = _panels(stimulus, responses)
    canvas = Canvas(panels, speed, credit, sampling.need_dt("side_by_side"))
    parts = [steps[at : at + BLOCK] for at in range(0, len(steps), BLOCK)]
    height, width = canvas.size
    blocks = [
        da.from_delayed(delayed(canvas.film, pure=False)(part), (3, len(part), height, width), np.uint8)
        for part in parts
    ]
    film = xr.DataArray(da.concatenate(blocks, axis=1), dims=(dims.CHANNEL, dims.TIME, dims.Y, dims.X))
    # visual angle means nothing on a screen: its pixels get the stimulus' pitch, so that the film is a stimulus, too
    axes = {dims.TIME: len(steps), dims.Y: height, dims.X: width}
    screen = Sampling(Quantity(1 / rate, "s"), sampling.pixel_size)
    return film.assign_coords(grid(axes, screen)).assign_attrs(units="1", valid_range=[0.0, 255.0])


@dataclass(frozen=True)
class Panel:
    """One array on the screen."""

    array: xr.DataArray
    title: str
    scale: Scale
    #: of the steps around the moment that is shown
    weights: npt.NDArray[np.float32]

    @cached_property
    def palette(self) -> Bytes:
        """256 colours (256, 3)."""
        found: Bytes = needed("matplotlib", "viz").colormaps[self.scale.cmap](np.arange(256), bytes=True)[:, :3]
        return found

    def pictures(self, steps: npt.NDArray[np.intp]) -> Bytes:
        """The pictures (picture, y, x, 3) at ascending time steps; what they need is read at once."""
        width = len(self.weights)
        around = steps[:, None] + np.arange(width) - width // 2
        inside = (around >= 0) & (around < self.array.sizes[dims.TIME])
        first, last = int(around[inside].min()), int(around[inside].max()) + 1
        weights = np.zeros((len(steps), last - first), np.float32)
        row, place = inside.nonzero()
        weights[row, around[inside] - first] = self.weights[place]
        weights *= self.weights.sum() / weights.sum(1, keepdims=True)  # at the ends of a recording some are missing
        values = self.array[first:last].values.astype(np.float32)
        low, high = self.scale.limits
        level = (np.tensordot(weights, values, 1) - low) * (255 / (high - low))
        coloured: Bytes = self.palette[np.clip(level, 0, 255).astype(np.uint8)]
        return coloured


@dataclass(frozen=True)
class Canvas:
    """Where everything is on the screen."""

    panels: list[Panel]
    speed: float
    credit: str
    dt: float

    @cached_property
    def cell(self) -> tuple[int, int]:
        """Height and width of a response, in pixels of the screen."""
        height, width = self.panels[0].array.shape[1:]
        zoom = max(1, round(320 / width))
        return height * zoom, width * zoom

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of responses."""
        responses = len(self.panels) - 1
        rows = responses if responses < 3 else int(np.ceil(responses / 2))
        return rows, int(np.ceil(responses / rows))

    @cached_property
    def places(self) -> list[tuple[int, int, int, int]]:
        """Top, left, height and width of each panel: the stimulus is as high as all rows of responses together."""
        (height, width), (rows, columns) = self.cell, self.grid
        tall = rows * height + (rows - 1) * (TITLE + MARGIN)
        wide = round(tall * width / height)
        left = wide + 2 * MARGIN
        places = [(TITLE, MARGIN, tall, wide)]
        for number in range(len(self.panels) - 1):
            row, column = divmod(number, columns)
            places.append((TITLE + row * (height + TITLE + MARGIN), left + column * (width + MARGIN), height, width))
        return places

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the screen, even as films want them."""
        height = max(top + tall for top, _, tall, _ in self.places) + CAPTION
        width = max(left + wide for _, left, _, wide in self.places) + MARGIN
        return height + height % 2, width + width % 2

    def film(self, steps: npt.NDArray[np.intp]) -> Bytes:
        """The pictures (3, time, y, x) at these time steps."""
        panels = zip(*(panel.pictures(steps) for panel in self.panels), strict=True)
        screens = np.stack([self._screen(pictures, int(step)) for pictures, step in zip(panels, steps, strict=True)])
        return np.ascontiguousarray(np.moveaxis(screens, -1, 0))

    def _screen(self, pictures: tuple[Bytes, ...], step: int) -> Bytes:
        image = needed("PIL.Image", "video")
        height = self.size[0]
        screen = image.fromarray(self._background)
        for picture, (top, left, tall, wide) in zip(pictures, self.places, strict=True):
            screen.paste(image.fromarray(picture).resize((wide, tall), image.Resampling.NEAREST), (left, top))
        draw = needed("PIL.ImageDraw", "video").Draw(screen)
        clock = f"{step * self.dt:.3f} s      shown at {self.speed:g} x real time"
        draw.text((MARGIN, height - CAPTION / 2), clock, fill=INK, font=_font(14), anchor="lm")
        drawn: Bytes = np.asarray(screen)
        return drawn

    @cached_property
    def _background(self) -> Bytes:
        """What does not change: titles and credit."""
        image, font = needed("PIL.Image", "video"), _font(14)
        height, width = self.size
        screen = image.new("RGB", (width, height), PAPER)
        draw = needed("PIL.ImageDraw", "video").Draw(screen)
        for panel, (top, left, _, _) in zip(self.panels, self.places, strict=True):
            draw.text((left, top - TITLE / 2), panel.title, fill=INK, font=font, anchor="lm")
        draw.text((width - MARGIN, height - CAPTION / 2), self.credit, fill=INK, font=_font(11), anchor="rm")
        drawn: Bytes = np.asarray(screen)
        return drawn


def _panels(stimulus: xr.DataArray, responses: xr.Dataset) -> list[Panel]:
    shape, responses = dict(stimulus.sizes), dequantified(responses)
    fitting = {str(name): array for name, array in responses.data_vars.items() if dict(array.sizes) == shape}
    if not fitting or set(shape) != {dims.TIME, *dims.SPACE}:
        got = ", ".join(f"{name} {dict(array.sizes)}" for name, array in responses.data_vars.items()) or "nothing"
        wanted = f"responses (time, y, x) of the stimulus' grid {shape}"
        raise ContractError(explain("responses", wanted=wanted, got=got, cure=".isel what is more"))
    arrays = {"stimulus": stimulus} | {name: array.transpose(*stimulus.dims) for name, array in fitting.items()}
    return [_panel(name, array) for name, array in arrays.items()]


def _panel(name: str, array: xr.DataArray) -> Panel:
    shown = picked(array, PEEKED).compute()
    scale = scale_of_array(array, shown)
    if not is_spike_count(array):
        return Panel(array, name.replace("_", " "), scale, np.ones(1, np.float32))
    dt = Sampling.of(array).need_dt(name)
    weights = rate_weights(max(1, round(RATE_WINDOW / dt))) / np.float32(dt)
    return Panel(array, f"{name.replace('_', ' ')}: dark 0, bright {scale.limits[1]:.0f} Hz", scale, weights)


def _font(size: int) -> Any:
    return needed("PIL.ImageFont", "video").load_default(size=size)
