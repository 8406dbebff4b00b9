"""What stands in a film file, found without decoding it: time stamps, key frames, size."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from convis_xr.errors import FormatError
from convis_xr.io.faults import bad_file, needed

#: pictures of these formats have one channel
GREY = ("gray", "gray8", "monow", "monob")


@dataclass(frozen=True)
class FilmScan:
    """The frames of a film in the order in which they are shown."""

    path: Path
    #: time stamps in ticks of the file's clock, ascending
    ticks: np.ndarray[Any, Any]
    #: indices of frames from which decoding can begin
    keys: np.ndarray[Any, Any]
    #: seconds per tick
    tick: Fraction
    #: how long the last frame is shown, in ticks; 0 where the file does not say
    last_ticks: int
    #: frame rates that the file claims, 1/s
    rates: tuple[Fraction, ...]
    height: int
    width: int
    grey: bool
    comment: str

    def step(self) -> float | None:
        """The time step in s of an evenly spaced film, else None.

        Files count time in ticks: frames that are within one tick of an even spacing are evenly spaced.
        """
        since = (self.ticks - self.ticks[0]).astype(np.float64)
        candidates = [float(1 / (rate * self.tick)) for rate in self.rates]
        if len(since) > 1:
            candidates.append(float(since[-1]) / (len(since) - 1))
        elif self.last_ticks:
            candidates.append(float(self.last_ticks))
        even = np.arange(len(since))
        for step in candidates:
            if np.abs(since - even * step).max() <= 1.0:
                return step * float(self.tick)
        return None

    def seconds(self) -> tuple[np.ndarray[Any, Any], float]:
        """Time stamps since the first frame in s, and how long the last frame is shown."""
        stamps = (self.ticks - self.ticks[0]) * float(self.tick)
        last = self.last_ticks * float(self.tick) or float(np.median(np.diff(stamps)))
        return stamps, last


def scan_film(path: Path) -> FilmScan:
    """Read the time stamps of a film without decoding a frame.

    Raises
    ------
    FormatError
        Empty, truncated, no film, or with fewer frames than its header says.
    """
    av = needed("av", "video")
    size = path.stat().st_size
    if size == 0:
        raise bad_file(path, "a film", "an empty file")
    if path.suffix.lower() == ".gif":  # FFmpeg decodes what is there of a gif, without a word
        with path.open("rb") as file:
            file.seek(max(0, size - 1024))
            if not file.read().rstrip(b"\0").endswith(b";"):
                raise bad_file(path, "a whole gif, which ends with ';'", "another end, as of a truncated file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise bad_file(path, "a film", f"a {container.format.name} file without pictures")
            return _scan(path, container, container.streams.video[0])
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise bad_file(path, "a film that FFmpeg understands", f"{error}") from error


def _scan(path: Path, container: Any, stream: Any) -> FilmScan:
    packets = [packet for packet in container.demux(stream) if packet.size]
    if any(packet.is_corrupt for packet in packets):
        raise bad_file(path, "a whole film", "damaged packets, as of a truncated file")
    if len(packets) < stream.frames:
        raise bad_file(path, f"{stream.frames} frames, as its header says", f"{len(packets)} frames")
    shown = [packet for packet in packets if not packet.is_discard]
    context = stream.codec_context
    if context is None:
        raise bad_file(path, "a coding that FFmpeg knows", "another", "convert it to mp4")
    if not shown or not context.width or not context.height:
        raise bad_file(path, "a film", f"{len(shown)} frames of {context.width} x {context.height} pixels")
    stamped = _stamped(path, shown)
    ticks = np.array([tick for tick, _ in stamped], np.int64)
    # a gif's frames build on each other, and FFmpeg cannot seek in it: decoding begins at the first
    begins = [index for index, (_, packet) in enumerate(stamped) if packet.is_keyframe and context.name != "gif"]
    keys = np.array(begins if begins and begins[0] == 0 else [0, *begins], np.int64)
    rates = tuple(dict.fromkeys(Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate))
    grey, comment = context.pix_fmt in GREY, container.metadata.get("comment", "")
    last = stamped[-1][1].duration or 0
    _check_end(path, container, float((ticks[-1] - ticks[0] + 2 * last) * stream.time_base))
    return FilmScan(path, ticks, keys, stream.time_base, last, rates, context.height, context.width, grey, comment)


def _check_end(path: Path, container: Any, latest: float) -> None:
    """Matroska counts no frames, but says how long it lasts: for pictures alone this must be so."""
    if "matroska" in container.format.name and len(container.streams) == 1 and container.duration is not None:
        lasts = container.duration * 1e-6
        if lasts > latest:
            raise bad_file(path, f"{lasts:.6g} s of film, as its header says", f"less than {latest:.6g} s")


def _stamped(path: Path, packets: list[Any]) -> list[tuple[int, Any]]:
    """The packets by the time at which their frames are shown."""
    if any(packet.pts is None for packet in packets):
        fault: FormatError = bad_file(path, "a time stamp for every frame", "frames without", "convert it to mp4")
        raise fault
    stamped = sorted(((packet.pts, packet) for packet in packets), key=lambda pair: pair[0])
    if any(first[0] == second[0] for first, second in pairwise(stamped)):
        raise bad_file(path, "one frame at a time", "frames with the same time stamp", "convert it to mp4")
    return stamped
