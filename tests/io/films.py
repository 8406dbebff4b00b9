"""Films made on the fly."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from convis_xr.contract import as_stimulus

FULL = av.video.reformatter.ColorRange.JPEG


def noise(frames=20, height=24, width=32, seed=0, channels=0):
    shape = (frames, height, width) if not channels else (channels, frames, height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def stimulus(values, dt="40 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255)):
    return as_stimulus(values, dt=dt, pixel_size=pixel_size, units=units, valid_range=valid_range)


def write_film(path, frames, *, codec="libx264", pixels="yuv420p", ticks=None, clock=None, options=None, rate=24):
    """A film; ``ticks`` are time stamps in units of ``clock``. Lossless for grey frames where the codec is."""
    defaults = {"libx264": {"crf": "0", "g": "6", "bf": "2"}}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or defaults.get(codec, {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.codec_context.color_range = FULL
        if clock is not None:
            stream.codec_context.time_base = stream.time_base = clock
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="gray" if picture.ndim == 2 else "rgb24")
            frame.color_range = FULL
            frame = frame.reformat(format=pixels, dst_color_range=FULL)
            frame.pts = index if ticks is None else int(ticks[index])
            frame.time_base = Fraction(1, rate) if clock is None else clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
