"""The accessor is there in whatever order the packages are imported, and asking for a spec is not importing."""

from __future__ import annotations

import subprocess
import sys

import pytest

USES = """
print(xr.DataArray([1.0], {"time": [0.0]}, ("time",)).convis is not None, sum(
    type(finder).__name__ == "_Waiter" for finder in sys.meta_path))
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import convis_xr, xarray as xr",
        "import xarray as xr, convis_xr",
        "import convis_xr, importlib.util; importlib.util.find_spec('xarray'); import xarray as xr",
        "import convis_xr; from xarray.core.dataarray import DataArray; import xarray as xr",
        "import convis_xr.errors; import xarray as xr",
    ],
)
def test_accessor_comes_with_xarray(imports: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys\n{imports}\n{USES}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "0"]


def test_the_package_alone_brings_no_xarray() -> None:
    code = "import sys, convis_xr; print('xarray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
