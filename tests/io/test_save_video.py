"""Films that are written."""

from __future__ import annotations

import av
import numpy as np
import pytest
import xarray as xr

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError
from convis_xr.io import open_stimulus, to_video
from tests.io.films import noise, stimulus


@pytest.mark.parametrize("shape", [(8, 24, 32), (8, 23, 31), (1, 2, 2)])
@pytest.mark.parametrize("dt", ["40 ms", "1 ms", "0.041666666666666664 s", "33.3666667 ms", "3 s"])
def test_lossless_films_and_their_scales_come_back(tmp_path, shape, dt):
    film = stimulus(noise(*shape), dt=dt, pixel_size=("0.1 deg", "0.2 deg"))
    for name, options in (("a.mp4", {"quality": 0}), ("a.avi", {})):
        to_video(film.chunk(time=3), tmp_path / name, **options)
        again = open_stimulus(tmp_path / name)
        np.testing.assert_array_equal(again, film)
        xr.testing.assert_allclose(again.compute(), film, rtol=1e-6)
        _, sampling = check_stimulus(again)
        assert sampling.pixel_deg == (0.1, 0.2)


def test_gif(tmp_path):
    to_video(stimulus(noise(8)), tmp_path / "a.gif")
    again = open_stimulus(tmp_path / "a.gif", pixel_size="0.1 deg")
    xr.testing.assert_allclose(again.compute(), stimulus(noise(8)))
    with pytest.raises(ContractError, match="at most 100 Hz in a gif"):
        to_video(stimulus(noise(8), dt="1 ms"), tmp_path / "b.gif")
    to_video(stimulus(noise(8), dt="1 ms"), tmp_path / "b.gif", fps="20 Hz")


def test_slow_motion_plays_slowly_but_remembers_its_time_step(tmp_path):
    to_video(stimulus(noise(8), dt="1 ms"), tmp_path / "slow.mp4", fps="25 Hz")
    with av.open(str(tmp_path / "slow.mp4")) as container:
        assert container.streams.video[0].average_rate == 25
    _, sampling = check_stimulus(open_stimulus(tmp_path / "slow.mp4"))
    assert sampling.dt_s == 0.001


def test_with_loss_it_is_near_and_smaller(tmp_path):
    ramp = np.broadcast_to(np.arange(0, 256, 4, dtype=np.uint8), (9, 64, 64))
    to_video(stimulus(ramp), tmp_path / "a.mp4")
    assert np.abs(open_stimulus(tmp_path / "a.mp4").values.astype(int) - ramp).max() < 8
    assert (tmp_path / "a.mp4").stat().st_size < ramp.size


def test_colours(tmp_path):
    film = stimulus(noise(5, channels=3))
    to_video(film, tmp_path / "a.avi")
    np.testing.assert_array_equal(open_stimulus(tmp_path / "a.avi", luminance="channels"), film)
    flat = stimulus(np.full((3, 4, 16, 16), 90, np.uint8) * np.array([2, 1, 0], np.uint8)[:, None, None, None])
    to_video(flat, tmp_path / "a.mp4")
    again = open_stimulus(tmp_path / "a.mp4", luminance="channels")
    assert np.abs(again.values.astype(int) - flat.values).max() < 6


def test_values_are_scaled_by_their_range(tmp_path):
    film = stimulus(noise(5) / 255 * 80 + 20, units="cd/m^2", valid_range=(20, 100))
    to_video(film, tmp_path / "a.avi")
    np.testing.assert_array_equal(open_stimulus(tmp_path / "a.avi"), noise(5))
    to_video(film, tmp_path / "b.avi", valid_range=(0, 255))
    assert open_stimulus(tmp_path / "b.avi").values.max() == 100


@pytest.mark.parametrize(
    ("film", "options", "message"),
    [
        (stimulus(noise(3) * 1.0, valid_range=None), {}, "valid_range: wanted which values are black and white"),
        (stimulus(noise(3) * 2.0), {}, r"valid_range: wanted values in \(0\.0, 255\.0\), got values from"),
        (stimulus(noise(3) * np.nan), {}, "wanted finite values"),
        (stimulus(noise(3)), {"quality": 52}, "quality: wanted 0"),
        (stimulus(noise(3)), {"fps": 25}, "fps: wanted a temporal frequency"),
        (stimulus(noise(3)), {"fps": "0 Hz"}, "fps: wanted a rate above zero"),
        (stimulus(noise(3, channels=2)), {}, "or 3 channels"),
        (stimulus(np.zeros(3)), {}, r"\(time, y, x\)"),
    ],
)
def test_bad_films_leave_no_file(tmp_path, film, options, message):
    with pytest.raises(ValueError, match=message):
        to_video(film, tmp_path / "a.avi", **options)
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix(tmp_path):
    with pytest.raises(ContractError, match=r"\.mp4, \.avi or \.gif, got \.webm"):
        to_video(stimulus(noise(3)), tmp_path / "a.webm")
