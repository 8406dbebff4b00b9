"""The whole process stays within what the plan says, for a film far larger than the memory given to the run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

import convis_xr as cx

ROOT = Path(__file__).parents[2]
MEMORY = 2**24
WORK = """
import json, resource, sys, threading, time
import xarray as xr
import convis_xr as cx
from convis_xr.engine.memory import resident_bytes
from tests.engine.cases import Cells

film = xr.open_zarr(sys.argv[1]).film
model, more = {model}, {more}
options = dict(memory={memory}, store=sys.argv[2], **more)
plan = cx.plan(model, film, **options)
cx.run(model, film, **options)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(dict(plan=plan.peak, base=plan.base, needs=plan.bytes, chunk=plan.chunk, peak=peak)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "units", "model", "more"),
    [
        ("uint8", "1", "Cells()", {"outputs": ["current", "spikes"]}),
        ("float32", "1", "Cells()", {"outputs": ["current", "spikes"]}),
        ("float32", "1", "Cells()", {"outputs": ["current", "spikes"], "repeats": 3}),
        ("float32", "Hz", "cx.spiking.NoisyLIF()", {"outputs": ["times", "response"]}),
    ],
)
def test_peak_memory_is_within_the_plan(
    tmp_path: Path, dtype: str, units: str, model: str, more: dict[str, Any]
) -> None:
    """Slow for its process, which imports torch, and for its film of 8 times the memory."""
    frame = 80 * 80
    steps = 8 * MEMORY // (frame * np.dtype(dtype).itemsize)
    noise = da.random.default_rng(0).integers(0, 200, (steps, 80, 80), chunks=(40, 80, 80)).astype(dtype)
    film = cx.as_stimulus(noise, dt="1 ms", pixel_size="0.1 deg", units=units, valid_range=(0, 255))
    film.rename("film").to_dataset().to_zarr(tmp_path / "film.zarr", consolidated=False)
    assert film.nbytes >= 8 * MEMORY - film[0].nbytes
    code = WORK.format(memory=MEMORY, model=model, more=more).replace(
        "open_zarr(sys.argv[1])", "open_zarr(sys.argv[1], consolidated=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "film.zarr", tmp_path / "response.zarr"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["peak"] <= told["plan"], told
    # and the plan is no idle promise either
    assert sum(told["needs"].values()) <= MEMORY + 2**26, told
