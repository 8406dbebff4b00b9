"""Write films (mp4, avi, gif) through PyAV; no ffmpeg program is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.io.streaming import levels, pictures, whole_file
from convis_xr.io.tag import write_tag
from convis_xr.sampling import Sampling
from convis_xr.units import magnitude


@dataclass(frozen=True)
class _Coding:
    """How the pictures of one kind of file are coded."""

    codec: str
    pixels: str
    options: dict[str, str]


def to_video(
    stimulus: Any,
    path: str | os.PathLike[str],
    *,
    fps: Any = None,
    quality: int = 18,
    valid_range: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a film; time step and pixel pitch are noted in the file (not in a gif), so that `open_stimulus` knows them.

    Parameters
    ----------
    stimulus : DataArray ([channel,] time, y, x)
        Three channels are colours.
    path : path
        .mp4 (H.264, plays everywhere), .avi (FFV1: lossless), .gif (grey: lossless; times are rounded to 10 ms).
    fps : quantity, optional
        Frames per second at which players show it [Hz]; by default one over the time step.
    quality : int
        Of mp4: constant rate factor of H.264 from 0 (lossless for grey) to 51.
    valid_range : (float, float), optional
        The values that become black and white; by default that of the stimulus.
    overwrite : bool

    Raises
    ------
    ContractError
        No film, values out of range, or an unknown suffix.
    FileExistsError
        There is a file of this name.

    Examples
    --------
    >>> import tempfile
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.zeros((3, 8, 8), np.uint8), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_video(film, Path(folder) / "film.mp4")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['film.mp4']
    """
    film, sampling = check_stimulus(stimulus)
    film = pictures(film)
    coding = _coding(Path(path), film, quality)
    rate = _rate(fps, sampling)
    if coding.codec == "gif" and rate > 100:
        cure = 'fps="20 Hz" for a slow-motion gif, or write an mp4'
        raise ContractError(explain("fps", wanted="at most 100 Hz in a gif", got=f"{float(rate):.6g} Hz", cure=cure))
    with whole_file(path, overwrite) as temporary:
        # the time stamps tell the time step, unless players are to show the film faster or slower
        tag = write_tag(None if fps is None else sampling.dt_s, sampling.pixel_deg)
        _encode(film, temporary, coding, rate, valid_range, tag)


def _rate(fps: Any, sampling: Sampling) -> Fraction:
    rate = 1 / sampling.need_dt("to_video") if fps is None else magnitude(fps, "frequency", "fps")
    if rate <= 0:
        raise ContractError(explain("fps", wanted="a rate above zero", got=str(fps), cure='fps="25 Hz"'))
    return Fraction(rate).limit_denominator(1001)


def _coding(path: Path, film: xr.DataArray, quality: int) -> _Coding:
    colour = dims.CHANNEL in film.dims
    even = film.sizes[dims.Y] % 2 == 0 and film.sizes[dims.X] % 2 == 0
    if not 0 <= quality <= 51:
        raise ContractError(explain("quality", wanted="0 (best) to 51", got=str(quality), cure="quality=18"))
    match path.suffix.lower():
        case ".mp4":  # players want 4:2:0, which cannot have odd sizes
            pixels = "yuv420p" if even else ("yuv444p" if colour else "gray")
            return _Coding("libx264", pixels, {"crf": str(quality), "preset": "veryfast"})
        case ".avi":
            return _Coding("ffv1", "bgr0" if colour else "gray", {})
        case ".gif":
            return _Coding("gif", "rgb8" if colour else "gray", {})
    got = path.suffix or "none"
    raise ContractError(explain("path", wanted="the suffix .mp4, .avi or .gif", got=got, cure="rename it"))


def _encode(
    film: xr.DataArray,
    path: Path,
    coding: _Coding,
    rate: Fraction,
    limits: tuple[float, float] | None,
    tag: str,
) -> None:
    av = needed("av", "video")
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = tag
        stream = container.add_stream(coding.codec, rate=rate, options=coding.options)
        stream.height, stream.width, stream.pix_fmt = film.sizes[dims.Y], film.sizes[dims.X], coding.pixels
        stream.codec_context.color_range = av.video.reformatter.ColorRange.JPEG  # levels 0 to 255 stay what they are
        for block in levels(film, limits):
            for frame in _frames(av, block, coding.pixels):
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _frames(av: Any, block: np.ndarray[Any, Any], pixels: str) -> Any:
    """The pictures of a block ([channel,] time, y, x) as PyAV frames."""
    for index in range(block.shape[-3]):
        picture = np.ascontiguousarray(block[index] if block.ndim == 3 else np.moveaxis(block[:, index], 0, -1))
        frame = av.VideoFrame.from_ndarray(picture, format="gray" if block.ndim == 3 else "rgb24")
        frame.color_range = av.video.reformatter.ColorRange.JPEG
        yield frame.reformat(format=pixels, dst_color_range=av.video.reformatter.ColorRange.JPEG)
