"""A recording of any length in a file, and what passes over it: for the benchmark, and by itself at full size.

``python -m benchmarks.recording STEPS FOLDER`` writes a film, measures in a process of its own what an average takes in
time and memory beside reading alone and the matrix product alone, prints it as JSON, and deletes the film.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec

import convis_xr as cx
from convis_xr.engine.memory import reached_bytes
from convis_xr.engine.source import read_blocks

CELLS, LAGS, SIDE, CHUNK = 50, 25, 64, 1000
PIXELS = SIDE * SIDE
DT = "0.016666667 s"


def write(path: Path, steps: int) -> None:
    """White noise in 256 grey levels, which compresses next to not at all."""

    def block(block_info: Any) -> np.ndarray:
        low, high = block_info[None]["array-location"][0]
        return np.random.default_rng(low).integers(0, 256, (high - low, SIDE, SIDE), dtype="u1")

    chunks = (tuple(min(CHUNK, steps - low) for low in range(0, steps, CHUNK)), (SIDE,), (SIDE,))
    lazy = da.map_blocks(block, chunks=chunks, dtype="u1", meta=np.empty((0, 0, 0), "u1"))
    film = cx.as_stimulus(lazy, dt=DT, pixel_size="0.1 deg", units="1", valid_range=(0, 255)).rename("film")
    lz4 = BloscCodec(cname="lz4", shuffle="shuffle")
    film.to_dataset().to_zarr(path, consolidated=False, encoding={"film": {"compressors": [lz4]}})


def spikes(steps: int) -> xr.DataArray:
    """Some 12 spikes a second of each cell."""
    values = np.random.default_rng(1).poisson(0.2, (steps, CELLS)).astype(np.uint8)
    grid = cx.as_stimulus(np.zeros(steps, "u1"), dt=DT, units="1")
    return xr.DataArray(values, {"time": grid.time}, ("time", "cell"), attrs={"units": "count"})


def read(path: Path) -> int:
    """All of the film, block by block."""
    return sum(len(block.values) for block in read_blocks(cx.open_stimulus(path), 4 * CHUNK, nan="raise"))


def multiply(steps: int) -> np.ndarray:
    """The equivalent matrix product, by blocks of which all are the same."""
    length = 2048
    draw = np.random.default_rng(0)
    weights = draw.poisson(0.2, (CELLS * LAGS, length)).astype(np.float32)
    frames = draw.normal(size=(length, PIXELS)).astype(np.float32)
    made = np.empty((CELLS * LAGS, PIXELS), np.float32)
    for low in range(0, steps, length):
        here = min(length, steps - low)
        np.matmul(weights[:, :here], frames[:here], out=made)
    return made


def average(path: Path, response: xr.DataArray) -> xr.DataArray:
    return cx.analysis.sta(cx.open_stimulus(path), response, LAGS)


def _report(path: Path, steps: int) -> None:
    response = spikes(steps)
    taken = {"steps": steps}
    for name, function in {"average": lambda: average(path, response), "reading": lambda: read(path)}.items():
        start = time.perf_counter()
        function()
        taken[name] = round(time.perf_counter() - start, 2)
        taken[f"peak after {name} [MB]"] = round(reached_bytes() / 1e6)
    start = time.perf_counter()
    multiply(steps)
    taken["product"] = round(time.perf_counter() - start, 2)
    print(json.dumps(taken))


if __name__ == "__main__":
    length, place = int(sys.argv[1]), Path(sys.argv[2]) / "film.zarr"
    if len(sys.argv) > 3:
        _report(place, length)
    else:
        write(place, length)
        try:
            subprocess.run([sys.executable, "-m", "benchmarks.recording", str(length), sys.argv[2], "now"], check=True)
        finally:
            shutil.rmtree(place)
