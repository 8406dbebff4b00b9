"""A fit to a film twice as large as the memory it may use keeps within that: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convis_xr as cx

ROOT = Path(__file__).parents[2]
MEMORY = 2**25
STEPS, SIDE = 16_384, 64
WORK = """
import json, sys
from pathlib import Path
import numpy as np
import convis_xr as cx

def status(row):
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(rows[row].split()[0]) * 1024

film = cx.open_stimulus(sys.argv[1])
response = film[:, 0, 0].drop_vars(["y", "x"]).load()
model = cx.filters.RF(1, (4, 64, 64))
model.set_weight(1e-4)
cx.fit(model, film[:64], response[:64], chunk=32)  # what is to be loaded and compiled does not count
loaded = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
fitted = cx.fit(model, film, response, memory=int(sys.argv[2]), progress=False)
print(json.dumps(dict(grown=status("VmHWM") - loaded, steps=fitted.sizes["step"])))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads what the Linux kernel tells of a process")
def test_a_fit_keeps_within_its_memory(tmp_path: Path) -> None:
    """Slow for its process, and for its hundreds of short blocks."""
    values = np.random.default_rng(0).integers(0, 256, (STEPS, SIDE, SIDE), "u1")
    film = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    film = film.chunk(time=256)
    cx.io.to_zarr(film, tmp_path / "film.zarr")
    command = [sys.executable, "-c", WORK, tmp_path / "film.zarr", str(MEMORY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert film.nbytes >= 2 * MEMORY
    assert told["steps"] > 100
    assert told["grown"] <= MEMORY, told
