"""A recording larger than what may be held: the answer of numpy where that fits, and memory that does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from zarr.codecs import BloscCodec

import convis_xr as cx

CELLS, LAGS, SIDE = 10, 25, 32


def record(path: Path, steps: int) -> xr.DataArray:
    """White noise in 256 grey levels in a zarr store, and spikes of 10 cells."""
    draw = np.random.default_rng(1)
    film = cx.as_stimulus(
        draw.integers(0, 256, (steps, SIDE, SIDE), dtype="u1"), dt="16 ms", pixel_size="0.1 deg", units="1"
    )
    lz4 = BloscCodec(cname="lz4", shuffle="shuffle")
    stored = film.rename("film").chunk(time=1000).to_dataset()
    stored.to_zarr(path, consolidated=False, encoding={"film": {"compressors": [lz4]}})
    values = draw.poisson(0.2, (steps, CELLS)).astype("u1")
    return xr.DataArray(values, {"time": film.time}, ("time", "cell"), attrs={"units": "count"})


def test_the_answer_of_numpy_on_a_part_that_fits(tmp_path: Path) -> None:
    response = record(tmp_path / "film.zarr", 4000)
    film = cx.open_stimulus(tmp_path / "film.zarr")
    assert film.chunks is not None
    found = cx.analysis.sta(film, response, LAGS)
    values, n = film.values[:, 10:14, 20:24].astype(float), response.values[LAGS - 1 :].astype(float)
    for lag in range(LAGS):
        shown = values[LAGS - 1 - lag : len(values) - lag]
        wanted = np.einsum("tc,tyx->cyx", n, shown) / n.sum(0)[:, None, None]
        np.testing.assert_allclose(found[:, lag, 10:14, 20:24], wanted, rtol=1e-6)


_PEAK = """
import json, sys
import xarray as xr
import convis_xr as cx
from convis_xr.engine.memory import reached_bytes
film, response = cx.open_stimulus(sys.argv[1]), xr.open_dataarray(sys.argv[2], engine="zarr", consolidated=False)
reached = []
for steps in (4000, 16000, 160000):
    cx.analysis.sta(film.isel(time=slice(0, steps)), response.isel(time=slice(0, steps)), 25)
    reached.append(reached_bytes())
print(json.dumps(reached))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_time(tmp_path: Path) -> None:
    """160 MB of film, 655 MB in single precision; ten times the length may cost a tenth of the film."""
    response = record(tmp_path / "film.zarr", 160_000)
    response.rename("response").to_dataset().to_zarr(tmp_path / "response.zarr", consolidated=False)
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "film.zarr"), str(tmp_path / "response.zarr")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    _, short, long = json.loads(done.stdout)
    assert long - short < 160_000 * SIDE * SIDE / 4, (short, long)
