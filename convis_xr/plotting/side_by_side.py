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
from convis_xr.plotting.labels import Scale, scale_of, scale_of_array
from convis_xr.plotting.reading import picked
from convis_xr.sampling import Sampling
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
    window: Any = "50 ms",
    credit: str = "",
) -> xr.DataArray:
    """Compose a film, lazily: the stimulus on the left, each response on the right, labelled.

    Parameters
    ----------
    stimulus : DataArray (time, y, x)
    responses : Dataset of (time, y, x)
        On the stimulus' grid. Spike counts are shown as the rate over the ``window`` before.
    speed : float
        Part of real time: 0.25 is slow motion.
    fps : quantity
        Pictures per second of the film [Hz].
    window : quantity
        Time over which spikes are counted.
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
    panels = _panels(stimulus, responses, sampling.steps(window, "window"))
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
    #: steps over which spikes are counted, 0 where the values are shown as they are
    window: int

    def colours(self, step: int) -> Bytes:
        """The picture (y, x, 3) at a time step."""
        if self.window:
            first = max(0, step + 1 - self.window)
            counts = self.array[first : step + 1].values.sum(0)
            values = counts / ((step + 1 - first) * self.dt)
        else:
            values = self.array[step].values
        low, high = self.scale.limits
        level = np.clip((values - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        coloured: Bytes = self.palette[level]
        return coloured

    @cached_property
    def dt(self) -> float:
        """The time step in s."""
        return Sampling.of(self.array).need_dt(self.title)

    @cached_property
    def palette(self) -> Bytes:
        """256 colours (256, 3)."""
        found: Bytes = needed("matplotlib", "viz").colormaps[self.scale.cmap](np.arange(256), bytes=True)[:, :3]
        return found

    def loaded(self, first: int, last: int) -> Panel:
        """The same panel with only these steps, in memory."""
        return Panel(self.array[first:last].load(), self.title, self.scale, self.window)


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
        first = max(0, int(steps[0]) - max(panel.window for panel in self.panels))
        here = [panel.loaded(first, int(steps[-1]) + 1) for panel in self.panels]
        pictures = np.stack([self._picture(here, int(step), int(step) - first) for step in steps])
        return np.ascontiguousarray(np.moveaxis(pictures, -1, 0))

    def _picture(self, panels: list[Panel], step: int, local: int) -> Bytes:
        image = needed("PIL.Image", "video")
        height = self.size[0]
        screen = image.fromarray(self._background)
        for panel, (top, left, tall, wide) in zip(panels, self.places, strict=True):
            picture = image.fromarray(panel.colours(local)).resize((wide, tall), image.Resampling.NEAREST)
            screen.paste(picture, (left, top))
        draw = needed("PIL.ImageDraw", "video").Draw(screen)
        clock = f"{step * self.dt:.3f} s      shown at {self.speed:g} x real time"
        draw.text((MARGIN, height - CAPTION / 2), clock, fill=INK, font=_font(14), anchor="lm")
        picture_: Bytes = np.asarray(screen)
        return picture_

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


def _panels(stimulus: xr.DataArray, responses: xr.Dataset, window: int) -> list[Panel]:
    shape = dict(stimulus.sizes)
    fitting = {str(name): array for name, array in responses.data_vars.items() if dict(array.sizes) == shape}
    if not fitting or set(shape) != {dims.TIME, *dims.SPACE}:
        got = ", ".join(f"{name} {dict(array.sizes)}" for name, array in responses.data_vars.items()) or "nothing"
        wanted = f"responses (time, y, x) of the stimulus' grid {shape}"
        raise ContractError(explain("responses", wanted=wanted, got=got, cure=".isel what is more"))
    arrays = {"stimulus": stimulus} | {name: array.transpose(*stimulus.dims) for name, array in fitting.items()}
    return [_panel(name, array, window) for name, array in arrays.items()]


def _panel(name: str, array: xr.DataArray, window: int) -> Panel:
    counted = is_spike_count(array)
    seconds = window * Sampling.of(array).need_dt(name)
    shown = picked(array, PEEKED, seconds).compute()
    scale = scale_of(shown.values) if counted else scale_of_array(array, shown)
    if not counted:
        return Panel(array, name, scale, 0)
    return Panel(array, f"{name.replace('_', ' ')}, 0 to {scale.limits[1]:.0f} Hz", scale, max(1, window))


def _font(size: int) -> Any:
    return needed("PIL.ImageFont", "video").load_default(size=size)
