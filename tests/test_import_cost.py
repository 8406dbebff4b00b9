"""Importing the package, and asking the command for help, stay cheap: the heavy libraries come when first used."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import convis_xr

HEAVY = ("torch", "dask", "zarr", "pint", "holoviews", "scipy", "numba", "av", "panel", "bokeh", "matplotlib", "pynwb")

# Runs in a process of its own, and prints the seconds that the import adds to `import xarray`.
TIME_IMPORT = """
import time, xarray
start = time.perf_counter()
import convis_xr
print(time.perf_counter() - start)
"""

# Calls the command's entry point and prints which of the named modules that brought in.
LOADED_BY_HELP = """
import contextlib, io, sys
from convis_xr.cli import main
sys.argv = ["convis-xr", "--help"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""


def fresh_python(code: str) -> str:
    """What `code` prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loaded_after(code: str, names: tuple[str, ...]) -> list[str]:
    """Those of the named modules that are loaded in a fresh interpreter after `code`."""
    return fresh_python(f"{code}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])").split()


def least_time(measure: Callable[[], float], limit: float, tries: int = 8) -> float:
    """Least of several measurements, done as soon as one is within the limit: others use the machine's cores, too."""
    least = float("inf")
    for _ in range(tries):
        least = min(least, measure())
        if least <= limit:
            break
    return least


def time_help() -> float:
    command = Path(sysconfig.get_path("scripts")) / "convis-xr"
    start = time.perf_counter()
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    elapsed = time.perf_counter() - start
    assert "demo" in done.stdout
    return elapsed


def test_import_adds_little_to_xarray() -> None:
    assert least_time(lambda: float(fresh_python(TIME_IMPORT)), limit=0.3) <= 0.3


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import convis_xr", HEAVY) == []


@pytest.mark.parametrize("code", ["import torch", "import dask.array"])
def test_the_check_for_heavy_modules_sees_them(code: str) -> None:
    assert loaded_after(code, HEAVY) != []


def test_help_answers_within_a_second() -> None:
    assert least_time(time_help, limit=1.0) <= 1.0


def test_help_loads_not_even_xarray() -> None:
    assert loaded_after(LOADED_BY_HELP, ("xarray", "numpy", "pandas", *HEAVY)) == []


def test_version_is_a_plain_string_of_the_package() -> None:
    tree = ast.parse(Path(convis_xr.__file__).read_text())
    values = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert values == [convis_xr.__version__]
