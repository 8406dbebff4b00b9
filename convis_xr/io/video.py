"""Films (mp4, avi, gif, mov, mkv, webm, mpg) through PyAV: lazy, by frame, the same bits however they are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from convis_xr.io.colour import Colour, Gamma
from convis_xr.io.faults import bad_file, existing, needed
from convis_xr.io.film_scan import FilmScan, scan_film
from convis_xr.io.frames import FrameArray, FrameReader, film_dataset, film_dims
from convis_xr.io.tag import read_tag

SUFFIXES = (".mp4", ".avi", ".gif", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


class VideoReader(FrameReader):
    """Decodes the frames that are asked for, going on where the last read stopped, else from the key frame before.

    Parameters
    ----------
    scan : FilmScan
    colour : Colour
    """

    def __init__(self, scan: FilmScan, colour: Colour) -> None:
        self.path = scan.path
        self.count = len(scan.ticks)
        self.frame_shape = colour.shape(scan.height, scan.width)
        self.dtype = colour.dtype(np.dtype(np.uint8))
        self._scan, self._colour = scan, colour
        self._container: Any = None
        self._decoded: Any = None
        #: the last frame that was decoded, and its index
        self._kept: np.ndarray[Any, Any] | None = None
        self._at = -1

    def __reduce__(self) -> Any:
        return VideoReader, (self._scan, self._colour)

    def frames(self, indices: Iterable[int]) -> Iterator[np.ndarray[Any, Any]]:
        """The frames of these ascending indices, one by one."""
        for index in indices:
            kept = self._kept if self._at == index else None
            if kept is None:
                kept = self._kept = self._colour.convert(self._decode(index))
            yield kept

    def _decode(self, index: int) -> np.ndarray[Any, Any]:
        av = needed("av", "video")
        try:
            frame = self._find(index)
        except av.error.FFmpegError as error:
            self._close()
            raise bad_file(self.path, f"frame {index} of {self.count}", f"{error}") from error
        picture: np.ndarray[Any, Any] = frame.to_ndarray(format="gray" if self._scan.grey else "rgb24")
        return picture

    def _find(self, index: int) -> Any:
        key = int(self._scan.keys[np.searchsorted(self._scan.keys, index, side="right") - 1])
        if self._decoded is None or self._at >= index or key > self._at + 1:
            self._begin(key)
        self._kept = None
        target = int(self._scan.ticks[index])
        for frame in self._decoded:
            if frame.pts is None or frame.pts < target:
                continue
            if frame.pts > target or frame.is_corrupt:
                break
            if (frame.height, frame.width) != (self._scan.height, self._scan.width):
                break
            self._at = index
            return frame
        self._close()
        raise bad_file(self.path, f"frame {index} of {self.count}", "a place that cannot be decoded")

    def _begin(self, key: int) -> None:
        """Stand before the key frame; before the first one by opening anew, for not every format can seek."""
        av = needed("av", "video")
        if self._container is None or key == 0:
            self._close()
            self._container = av.open(str(self.path))
            self._container.streams.video[0].thread_type = "AUTO"
            # a damaged frame is an error, not a picture that was made up
            self._container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        stream = self._container.streams.video[0]
        if key:
            self._container.seek(int(self._scan.ticks[key]), stream=stream, backward=True)
        self._decoded, self._at = self._container.decode(stream), key - 1

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container, self._decoded, self._kept, self._at = None, None, None, -1


class VideoBackend(BackendEntrypoint):
    """``xarray.open_dataset(path, engine="convis_video")``.

    The Dataset has one variable, ``stimulus``. Time begins at 0 with the first frame. A film of even frame rate (to
    within one tick of the file's clock) gets an even time axis; any other (variable rate, dropped frames) its time
    stamps as they are, for `convis_xr.io.resample`. Pictures of more than 8 bits are read with 8.

    Parameters
    ----------
    dt : quantity, optional
        Time step; by default by the file's time stamps.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch; by default as our own writer noted it in the file. Without, y and x get no coordinates.
    luminance, gamma
        See `convis_xr.io.colour`.
    """

    description = "Films (mp4, avi, gif, ...) as stimuli, through PyAV"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "dt", "pixel_size", "luminance", "gamma")

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        dt: Any = None,
        pixel_size: Any = None,
        luminance: str = "rec709",
        gamma: Gamma = None,
    ) -> xr.Dataset:
        """Open a film, lazily."""
        colour = Colour(luminance, gamma)
        scan = scan_film(existing(filename_or_obj))
        noted_dt, noted_pixel = read_tag(scan.comment)
        stamps, last = None, None
        dt = dt or noted_dt
        if dt is None:
            step = scan.step()
            dt = None if step is None else f"{step!r} s"
            if dt is None:
                stamps, last = scan.seconds()
        film = FrameArray(VideoReader(scan, colour))
        dataset = film_dataset(
            film,
            film_dims(len(film.shape)),
            dt=dt,
            pixel_size=pixel_size if pixel_size is not None else noted_pixel,
            stamps=stamps,
            last=last,
            limits=colour.limits(np.dtype(np.uint8)),
        )
        return dataset.drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """By the name."""
        return isinstance(filename_or_obj, str | os.PathLike) and Path(filename_or_obj).suffix.lower() in SUFFIXES
