"""What a plan says of memory is neither too little nor far too much: measured in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convis_xr as cx

ROOT = Path(__file__).parents[2]
#: the plan of the whole process over what it reaches: hardly ever are all threads at their worst at once
MOST_TOLD = 1.6
WORK = """
import json, resource, sys
import convis_xr as cx

film = cx.open_stimulus(sys.argv[1])
model = {model}
options = dict(store=sys.argv[2], memory="128 MiB")
cx.run(model, film, stop=20)  # what is to be compiled is compiled, and does not count
plan = cx.plan(model, film, **options)
held = plan.base + sum(plan.bytes.values())
cx.run(model, film, **options)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(dict(plan=plan.peak, told=held, reached=plan.reached, peak=peak, chunks=plan.chunks)))
"""
#: what a run of the whole retina may hold beside what is loaded before its first frame, and one chunk of each
BESIDE = 150e6
RETINA = """
import json, sys
from pathlib import Path
import convis_xr as cx

def status(row):
    rows = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(rows[row].split()[0]) * 1024

film = cx.open_stimulus(sys.argv[1])
model = cx.models.Retina()
model.bipolar.adaptation_gain = "100 Hz"
plan = cx.plan(model, film, store=sys.argv[2])
loaded = status("VmRSS")
made = cx.run(model, film, store=sys.argv[2], progress=False)
# one byte for each pixel of the film, and of each of the two outputs
chunk = 3 * made.parvo_on.chunksizes["time"][0] * film.sizes["y"] * film.sizes["x"]
print(json.dumps(dict(loaded=loaded, chunk=chunk, chunks=plan.chunks, peak=status("VmHWM"))))
"""
MODELS = {
    "low_pass": 'cx.filters.LowPass(tau="20 ms")',
    "ln": "cx.models.LN()",
    "retina": "cx.models.Retina('primate')",
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("gate") / "film.zarr", (3000, 64, 64))


def _written(path: Path, shape: tuple[int, ...]) -> Path:
    values = np.random.default_rng(0).integers(0, 256, shape, "u1")
    made = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    cx.io.to_zarr(made, path)
    return path


def _told(code: str, *places: Path) -> dict[str, int]:
    """What a process of its own has printed."""
    command = [sys.executable, "-c", code, *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", MODELS)
def test_a_plan_holds_and_is_not_lazy(film: Path, tmp_path: Path, name: str) -> None:
    told = _told(WORK.format(model=MODELS[name]), film, tmp_path / "out.zarr")
    assert told["chunks"] > 1
    assert told["peak"] <= told["plan"], told
    assert told["told"] <= MOST_TOLD * told["peak"], told


@pytest.mark.skipif(sys.platform != "linux", reason="reads what the Linux kernel tells of a process")
@pytest.mark.parametrize("shape", [(4000, 100, 100), (1000, 256, 256)])
def test_a_retina_holds_its_chunks_and_little_beside(tmp_path: Path, shape: tuple[int, ...]) -> None:
    film = _written(tmp_path / "film.zarr", shape)
    _told(RETINA, film, tmp_path / "first.zarr")  # what is to be compiled is compiled, and does not count
    told = _told(RETINA, film, tmp_path / "second.zarr")
    assert told["chunks"] > 3
    assert told["peak"] - told["loaded"] <= told["chunk"] + BESIDE, told
