"""The room itself: its names, and what importing it costs."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys

import pytest

from convis_xr import stimuli


@pytest.mark.parametrize("name", stimuli.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    found = getattr(stimuli, name)
    assert found.__doc__
    assert name in dir(stimuli)
    if not inspect.ismodule(found):
        assert name in stimuli._HOME
        assert getattr(importlib.import_module(found.__module__), name) is found


def test_the_list_of_names_is_whole() -> None:
    assert set(stimuli.__all__) == set(stimuli._HOME) | set(stimuli._MODULES)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'moving_gratting'"):
        _ = stimuli.moving_gratting


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = "{'dask', 'scipy', 'torch', 'xarray'}"
    code = f"import sys, convis_xr.stimuli as s; dir(s); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_torch_is_not_needed() -> None:
    code = "import sys; from convis_xr.stimuli import *; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_stimulus_can_be_sent_to_another_process() -> None:
    made = stimuli.moving_bar(9, 4, width="0.1 deg", speed="1 deg/s", dt="1 ms", pixel_size="0.1 deg")
    sent = pickle.loads(pickle.dumps(made))
    assert sent.chunks is not None
    assert sent.identical(made)
