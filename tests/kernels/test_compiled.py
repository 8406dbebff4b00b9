"""Compiled code is kept on disk, and thrown away when anything that it was made of changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from convis_xr.kernels import compiled

CALLER = """
from .compiled import compiled
from .called import part

@compiled
def whole(x):
    return part(x) + 1
"""
CALLED = """
from .compiled import compiled

@compiled
def part(x):
    return {} * x
"""
RUN = "from rooms.caller import whole; print(whole(1), sum(whole.stats.cache_hits.values()))"


def run(folder):
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_code_is_kept_until_a_file_that_it_calls_changes(tmp_path):
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "__init__.py").touch()
    shutil.copy(compiled.__file__, rooms)
    (rooms / "caller.py").write_text(CALLER)
    (rooms / "called.py").write_text(CALLED.format(10))
    assert run(tmp_path) == ["11", "0"]
    assert run(tmp_path) == ["11", "1"]
    (rooms / "called.py").write_text(CALLED.format(100))
    assert run(tmp_path) == ["101", "0"]
