from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convis_xr as cx

FILM = cx.sample("big_buck_bunny")


@pytest.mark.parametrize("options", [{}, {"luminance": "channels"}, {"gamma": "srgb"}])
def test_a_film_as_a_camera_gives_the_frames_of_the_film(options: dict) -> None:
    expected = cx.open_stimulus(FILM, **options)[{"time": slice(0, 8)}]
    with cx.Stream.from_camera(FILM, pixel_size="0.1 deg", **options) as stream:
        seen = stream.take(8)
    assert seen.dims == expected.dims
    assert seen.dtype == expected.dtype
    assert seen.attrs["valid_range"] == pytest.approx(expected.attrs["valid_range"])
    np.testing.assert_array_equal(seen.values, expected.values)
    np.testing.assert_allclose(seen.time, expected.time, rtol=1e-6)


def test_a_film_ends_and_waits_for_its_reader() -> None:
    total = cx.open_stimulus(FILM).sizes["time"]
    with cx.Stream.from_camera(FILM, pixel_size="0.1 deg", ahead=2) as stream:
        assert sum(block.sizes["time"] for block in stream.blocks(40)) == total
        assert stream.dropped == 0


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(cx.FormatError, match="camera 99: wanted a camera"):
        cx.Stream.from_camera(99, pixel_size="0.1 deg")
    with pytest.raises(FileNotFoundError):
        cx.Stream.from_camera(tmp_path / "missing.mp4", pixel_size="0.1 deg")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(cx.FormatError, match="wanted a film"):
        cx.Stream.from_camera(broken, pixel_size="0.1 deg")
    for wrong in (True, None, 1.5):
        with pytest.raises(cx.ContractError, match="source: wanted the number of a camera"):
            cx.Stream.from_camera(wrong, pixel_size="0.1 deg")
    with pytest.raises(cx.ContractError, match="pixel_size: wanted a pixel pitch"):
        cx.Stream.from_camera(FILM)
