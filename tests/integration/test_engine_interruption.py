"""A process that is killed at any moment leaves a store that can be gone on with, to the very same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import convis_xr as cx
from tests.engine.cases import Cells, film, tree

ROOT = Path(__file__).parents[2]
STEPS = 400
WORK = """
import sys, time
import convis_xr as cx
from tests.engine.cases import Cells, film

class Slow(Cells):
    def forward(self, x):
        time.sleep(0.01)
        return super().forward(x)

Slow.__module__, Slow.__qualname__, Slow.__name__ = Cells.__module__, "Cells", "Cells"
cx.run(Slow(), film({steps}), outputs=["current", "spikes"], chunk=5, store=sys.argv[1], resume=True)
"""


def kill_after(folder: Path, chunks: float) -> bool:
    """Run in a process of its own and kill it when about so many chunks more are written; whether it still ran."""
    code = WORK.format(steps=STEPS)
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, stderr=subprocess.PIPE)
    spikes = folder / "spikes"
    before = len(list(spikes.glob("c.*")))
    limit = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < limit:
        if len(list(spikes.glob("c.*"))) >= before + chunks:
            time.sleep(0.01 * (chunks % 1))
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    error = process.communicate()[1].decode()
    assert not error, error
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_three_times_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """Slow for its processes, each of which imports torch."""
    moments = random.Random(5)
    folder = tmp_path / "killed.zarr"
    for _ in range(3):
        assert kill_after(folder, moments.uniform(1, 20))
        assert tree(folder) != {}
    run = {"outputs": ["current", "spikes"], "chunk": 5}
    cx.run(Cells(), film(STEPS), **run, store=folder, resume=True)
    cx.run(Cells(), film(STEPS), **run, store=tmp_path / "whole.zarr")
    assert tree(folder) == tree(tmp_path / "whole.zarr")
