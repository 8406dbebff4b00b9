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
MOST_FOR_A_RETINA = 45
WORK = """
import json
import numpy as np
import convis_xr as cx
from convis_xr.kernels.compiled import compiling

film = cx.as_stimulus(np.full((12, 8, 9), 99, "u1"), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
retina = cx.models.Retina()
retina.bipolar.adaptation_gain = "100 Hz"
retina.parvo_on.spikes.noise = 0.1
models = {"low_pass": cx.filters.LowPass(tau="20 ms"), "retina": retina}
heard, wanted = [], %s
with compiling(heard.append):
    results = [cx.run(models[name], film) for name in wanted]
print(json.dumps({"heard": heard, "sums": [float(made[list(made)[0]].astype(float).sum()) for made in results]}))
"""


def run(models: list[str], **environment: str) -> dict[str, Any]:
    told = subprocess.run(
        [sys.executable, "-c", WORK % models], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    made: dict[str, Any] = json.loads(told.stdout)
    return made


def test_nothing_outside_of_python_is_needed_to_compile(tmp_path: Path) -> None:
    """No program can be found, a C compiler least of all, and no kernel was compiled before."""
    cold = run(["low_pass"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert cold["heard"] == ["convis_xr.kernels.recursion.loops._cascade"]
    assert cold["sums"][0] > 0
    again = run(["low_pass"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert again == {"heard": [], "sums": cold["sums"]}


@pytest.mark.slow
def test_a_retina_compiles_few_loops_once_and_none_later(tmp_path: Path) -> None:
    """Slow for compiling everything."""
    cold = run(["retina"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert 5 < len(cold["heard"]) <= MOST_FOR_A_RETINA, cold["heard"]
    again = run(["retina"], PATH="", CC="", CXX="", NUMBA_CACHE_DIR=str(tmp_path))
    assert again == {"heard": [], "sums": cold["sums"]}
