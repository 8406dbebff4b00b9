"""Sample data, and the real files that are at hand where the library is developed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError
from convis_xr.io import open_stimulus
from convis_xr.samples import sample

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


def test_the_film_of_the_package():
    path = sample("big_buck_bunny")
    assert path.stat().st_size < 400_000
    assert "Blender Foundation" in (path.parent / "README.md").read_text()
    film = open_stimulus(path)
    _, sampling = check_stimulus(film)
    assert dict(film.sizes) == {"time": 115, "y": 88, "x": 160}
    assert sampling.dt_s == pytest.approx(1 / 24)
    assert sampling.pixel_deg == (0.1, 0.1)
    assert film.dtype == np.uint8
    assert check_stimulus(open_stimulus(path, pixel_size="0.2 deg"))[1].pixel_deg == (0.2, 0.2)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ContractError, match=r"name: wanted a sample among big_buck_bunny, got 'cat'"):
        sample("cat")


def _real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"the real data {path} are not here")
    return path


def test_the_packaged_film_is_the_real_one_smaller():
    film = open_stimulus(_real("movies/big-buck-bunny.mp4"), pixel_size="0.025 deg")
    assert dict(film.sizes) == {"time": 115, "y": 359, "x": 640}
    some = film.isel(time=[0, 57, 114], y=slice(3, 355)).values
    small = some.reshape(3, 88, 4, 160, 4).mean((2, 4))
    packaged = open_stimulus(sample("big_buck_bunny")).isel(time=[0, 57, 114]).values
    assert np.abs(small - packaged).mean() < 1


def test_the_real_pictures():
    film = open_stimulus(_real("virtualretina/sequences/walking_finland"), dt="40 ms", pixel_size="0.1 deg")
    assert dict(film.sizes) == {"time": 56, "y": 128, "x": 160}
    raw = sorted((REAL / "virtualretina/sequences/walking_finland").glob("*.pgm"))[55].read_bytes()[-128 * 160 :]
    np.testing.assert_array_equal(film[55].values.ravel(), np.frombuffer(raw, np.uint8))
