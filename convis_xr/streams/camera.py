"""Frames of a camera, or of a film as if it were one, through PyAV."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from convis_xr.errors import ContractError, explain
from convis_xr.io.colour import Colour, Gamma
from convis_xr.io.faults import bad_file, existing, needed
from convis_xr.io.film_scan import GREY
from convis_xr.units import Quantity

if TYPE_CHECKING:
    from convis_xr.streams.stream import Stream

#: how ffmpeg calls cameras, by system: format and name of the camera with an index
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


def open_camera(
    kind: type[Stream],
    source: Any = 0,
    *,
    dt: Any = None,
    luminance: str = "rec709",
    gamma: Gamma = None,
    drop: bool | None = None,
    camera_options: dict[str, str] | None = None,
    **options: Any,
) -> Stream:
    """A `Stream` of what a camera sees.

    Parameters
    ----------
    kind : type of Stream
    source : int or path
        Number of the camera, or a film.
    dt : quantity, optional
        Time step; by default by the frame rate that camera or film tells. Frames are taken to come evenly.
    luminance, gamma
        As `convis_xr.open_stimulus` takes them for films.
    drop : bool, optional
        By default True for a camera, which cannot wait, False for a film.
    camera_options : dict of str, optional
        Of the device: ``{"video_size": "640x480", "framerate": "30"}``.
    **options
        See `Stream`.

    Returns
    -------
    Stream
        Unit ``"1"``; by default levels of 8 bits, (0, 255).

    Raises
    ------
    FormatError
        It cannot be opened.
    ContractError
        Neither a number nor a path, or a source that tells no frame rate.
    """
    live = isinstance(source, int) and not isinstance(source, bool)
    container = _camera(source, camera_options or {}) if live else _film(source)
    video = container.streams.video[0]
    colour = Colour(luminance, gamma)
    if dt is None and not video.average_rate:
        container.close()
        cure = 'dt="33 ms"'
        raise ContractError(explain("dt", wanted="a time step", got="a source that tells no rate", cure=cure))
    step = Quantity(float(1 / video.average_rate), "s") if dt is None else dt
    told = {"units": "1", "valid_range": colour.limits(np.dtype(np.uint8))} | options
    return kind(_frames(container, colour, str(source)), dt=step, drop=live if drop is None else drop, **told)


def _frames(container: Any, colour: Colour, name: str) -> Iterator[np.ndarray[Any, Any]]:
    av = needed("av", "video")
    with container:
        video = container.streams.video[0]
        grey = video.codec_context.pix_fmt in GREY
        try:
            for frame in container.decode(video):
                yield colour.convert(frame.to_ndarray(format="gray" if grey else "rgb24"))
        except av.error.FFmpegError as error:
            raise bad_file(name, "a frame", str(error)) from error


def _camera(index: int, options: dict[str, str]) -> Any:
    av = needed("av", "video")
    if sys.platform not in _CAMERAS:
        known = ", ".join(_CAMERAS)
        raise ContractError(
            explain("source", wanted=f"a system among {known}", got=sys.platform, cure="from_generator")
        )
    form, name = _CAMERAS[sys.platform]
    try:
        return av.open(name.format(index), format=form, options=options)
    except (av.error.FFmpegError, ValueError) as error:
        cure = "another number, a camera that no other program uses, or other camera_options"
        raise bad_file(f"camera {index}", "a camera", str(error), cure) from error


def _film(source: Any) -> Any:
    av = needed("av", "video")
    if isinstance(source, bool) or (not isinstance(source, str) and not hasattr(source, "__fspath__")):
        wanted = "the number of a camera or the path of a film"
        raise ContractError(explain("source", wanted=wanted, got=repr(source), cure="from_camera(0)"))
    try:
        container = av.open(str(existing(source)))
    except av.error.FFmpegError as error:
        raise bad_file(source, "a film", str(error)) from error
    if not container.streams.video:
        container.close()
        raise bad_file(source, "a film", "a file without pictures")
    return container
