"""Speed of whole runs: 100 x 100 px, 4000 steps, uint8 film, two threads. The tests say whether they are right.

The retina has its gain control on, and noise in its spikes. From zarr to zarr it is to reach 0.9 of its rate in memory:
both run in turns, and the best of either counts. Laying out, finishing and opening a store cost about 40 ms whatever
its length, which shows in shorter films.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from zarr.codecs import BloscCodec

import convis_xr as cx
from benchmarks.conftest import Speed, fastest

SHAPE = (4000, 100, 100)
PIXELS = math.prod(SHAPE)
ROUNDS = 7


@pytest.fixture(scope="module")
def film() -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, SHAPE, dtype="u1")
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255)).rename("film")


@pytest.fixture(scope="module")
def stored(film: xr.DataArray, tmp_path_factory: pytest.TempPathFactory) -> xr.DataArray:
    """The film in a zarr store as users are told to write one: by blosc-lz4, in chunks of 2 MB."""
    path = tmp_path_factory.mktemp("engine") / "film.zarr"
    lz4 = BloscCodec(cname="lz4", shuffle="shuffle")
    encoding = {"film": {"compressors": [lz4]}}
    film.chunk(time=200).to_dataset().to_zarr(path, consolidated=False, encoding=encoding)
    return cx.open_stimulus(path)


@pytest.fixture(scope="module")
def retina() -> Any:
    model = cx.models.Retina()
    model.bipolar.adaptation_gain = "100 Hz"
    return model


def test_in_memory(speed: Speed, film: xr.DataArray, retina: Any) -> None:
    speed("retina, a run in memory", lambda: cx.run(retina, film), PIXELS)


def test_from_zarr_to_zarr(speed: Speed, stored: xr.DataArray, tmp_path: Path, retina: Any) -> None:
    places = itertools.count()
    speed("zarr -> retina -> zarr", lambda: cx.run(retina, stored, store=tmp_path / str(next(places))), PIXELS)


def test_over_in_memory(speed: Speed, film: xr.DataArray, stored: xr.DataArray, tmp_path: Path, retina: Any) -> None:
    places = itertools.count()

    def from_store_to_store() -> None:
        cx.run(retina, stored, store=tmp_path / str(next(places)))

    def in_memory() -> None:
        cx.run(retina, film)

    fastest((in_memory, from_store_to_store), 1)
    fast, slow = fastest((in_memory, from_store_to_store), ROUNDS)
    speed("zarr -> retina -> zarr over in memory", from_store_to_store, PIXELS, rounds=1)
    speed.note("zarr -> retina -> zarr over in memory", fast / slow, wanted=0.9, unit="of in memory")


def test_low_pass_from_zarr_to_zarr(speed: Speed, stored: xr.DataArray, tmp_path: Path) -> None:
    """Where next to nothing is computed: what reading and writing can do."""
    model, places = cx.filters.LowPass(tau="20 ms"), itertools.count()
    speed("zarr -> low-pass -> zarr", lambda: cx.run(model, stored, store=tmp_path / str(next(places))), PIXELS)
