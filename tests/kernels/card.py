"""Where the tests of Triton kernels run: on a graphics card if there is one, else on the processor, interpreted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

#: For the head of a test module: ``pytestmark = needs_triton``.
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="the extra convis-xr[gpu] is not installed")

#: The device of the tensors.
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compiled(cache: Path, *expressions: str) -> list[dict[str, Any]]:
    """Compile, for a card that need not be there, what calls start; one entry per kernel with what it takes of a card.

    Each expression is a call like ``"convis_xr.kernels.recursion.triton_loops.cascade(torch.ones(...), ...)"``.
    """
    environment = os.environ | {"TRITON_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    environment.pop("TRITON_INTERPRET", None)
    script = Path(__file__).with_name("compile_for_card.py")
    done = subprocess.run([sys.executable, script, *expressions], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
