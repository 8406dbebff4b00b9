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
RUN = """
{}
from rooms.compiled import compiling
from rooms.caller import whole
heard = []
with compiling(heard.append):
    result = whole(1)
print(result, sum(whole.stats.cache_hits.values()), *heard)
"""
READ_ONLY = """
from numba.core import caching
def fails(self): raise OSError("read-only file system")
caching.InTreeCacheLocator.ensure_cache_path = fails
"""


def run(folder, before="", **places):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(folder), **(places or {"NUMBA_CACHE_DIR": str(folder / "cache")})}
    code = RUN.format(before)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def rooms_in(tmp_path):
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "__init__.py").touch()
    shutil.copy(compiled.__file__, rooms)
    (rooms / "caller.py").write_text(CALLER)
    (rooms / "called.py").write_text(CALLED.format(10))
    return rooms


def test_code_is_kept_until_a_file_that_it_calls_changes(tmp_path):
    rooms, compiled_anew = rooms_in(tmp_path), ["rooms.caller.whole", "rooms.called.part"]
    assert run(tmp_path) == ["11", "0", *compiled_anew]
    assert run(tmp_path) == ["11", "1"]
    (rooms / "called.py").write_text(CALLED.format(100))
    assert run(tmp_path) == ["101", "0", *compiled_anew]


def test_where_the_package_cannot_be_written_to_code_is_kept_in_the_users_own_folder(tmp_path):
    rooms, home = rooms_in(tmp_path), {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    assert run(tmp_path, READ_ONLY, **home)[:2] == ["11", "0"]
    assert not list(rooms.rglob("*.nbi"))
    assert list((tmp_path / "home").rglob("*.nbi"))
    assert run(tmp_path, READ_ONLY, **home) == ["11", "1"]
