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
MODELS = {
    "low_pass": 'cx.filters.LowPass(tau="20 ms")',
    "ln": "cx.models.LN()",
    "retina": "cx.models.Retina('primate')",
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (3000, 64, 64), "u1")
    made = cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    path = tmp_path_factory.mktemp("gate") / "film.zarr"
    cx.io.to_zarr(made, path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_plan_holds_and_is_not_lazy(film: Path, tmp_path: Path, name: str) -> None:
    code = WORK.format(model=MODELS[name])
    done = subprocess.run(
        [sys.executable, "-c", code, film, tmp_path / "out.zarr"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["chunks"] > 1
    assert told["peak"] <= told["plan"], told
    assert told["told"] <= MOST_TOLD * told["peak"], told
