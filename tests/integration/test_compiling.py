"""What a first run compiles: counted, not timed, so that it cannot creep up; and that no C compiler is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
#: loops of ours that the retina with gain control, noise and all of its stages needs, each for one set of types
MOST_FOR_A_RETINA = 52
#: those of them that Python calls, each for one set of types; the others are parts of these
CALLED_BY_A_RETINA = [
    "gain_control.loops._run",
    "ganglion.loops._run",
    "gaussian.loops._blur",
    "opponency.loops._fill",
    "recursion.loops._cascade",
    "recursion.loops._high_pass",
]
WORK = """
import json
import numpy as np
import convis_xr as cx
from numba.core.dispatcher import Dispatcher
from convis_xr.kernels.compiled import compiling

film = cx.as_stimulus(np.full((12, 8, 9), 99, "u1"), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
retina = cx.models.Retina()
retina.bipolar.adaptation_gain = "100 Hz"
retina.parvo_on.spikes.noise = 0.1
models = {"low_pass": cx.filters.LowPass(tau="20 ms"), "retina": retina}
heard, called, wanted = [], [], %s
compile_for_args = Dispatcher._compile_for_args


def note(dispatcher, *args, **more):
    # whenever a loop is called with types that are new to it, whether these are compiled already on disk or not
    called.append(f"{dispatcher.py_func.__module__}.{dispatcher.py_func.__qualname__}")
    return compile_for_args(dispatcher, *args, **more)


Dispatcher._compile_for_args = note
with compiling(heard.append):
    results = [cx.run(models[name], film) for name in wanted]
sums = [float(made[list(made)[0]].astype(float).sum()) for made in results]
print(json.dumps({"heard": heard, "called": sorted(called), "sums": sums}))
"""


def start(models: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORK % models], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


def run(models: list[str], **environment: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(start(models, **environment).stdout)
    return made


def test_nothing_outside_of_python_is_needed_to_compile(tmp_path: Path) -> None:
    """No program can be found, a C compiler least of all, and no kernel was compiled before."""
    cold = run(["low_pass"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert cold["heard"] == ["convis_xr.kernels.recursion.loops._cascade"]
    assert cold["sums"][0] > 0
    again = run(["low_pass"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert again == cold | {"heard": []}


def test_a_retina_calls_few_loops_each_for_one_set_of_types() -> None:
    """Whether the cache of the tests holds them already or not."""
    assert run(["retina"])["called"] == [f"convis_xr.kernels.{name}" for name in CALLED_BY_A_RETINA]


def test_where_nothing_can_be_kept_a_run_warns_once_and_compiles(tmp_path: Path) -> None:
    """numba is told of one place only, and that lies below a file."""
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": str(tmp_path / "file/in")}
    told = start(["low_pass"], PYTHONWARNINGS="default", **nowhere)
    assert told.stderr.count("compiled kernels cannot be kept") == 1
    assert json.loads(told.stdout)["heard"] == ["convis_xr.kernels.recursion.loops._cascade"]


@pytest.mark.slow
def test_a_retina_compiles_few_loops_once_and_none_later(tmp_path: Path) -> None:
    """Slow for compiling everything."""
    cold = run(["retina"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert 5 < len(cold["heard"]) <= MOST_FOR_A_RETINA, cold["heard"]
    again = run(["retina"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert again == cold | {"heard": []}
