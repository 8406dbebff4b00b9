"""Names that are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import convis_xr as cx
from convis_xr import io, plotting, stimuli


@pytest.mark.parametrize("package", [cx, io, plotting, stimuli])
def test_every_public_name_can_be_had_and_is_listed(package: object) -> None:
    assert set(package.__all__) - {"__version__"} <= set(dir(package))  # type: ignore[attr-defined]
    for name in package.__all__:  # type: ignore[attr-defined]
        assert getattr(package, name) is not None


@pytest.mark.parametrize("package", [cx, io, plotting, stimuli])
def test_other_names_are_no_attributes(package: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_name_brings_only_what_it_needs() -> None:
    code = "import sys, convis_xr.stimuli as s; s.masks; assert 'convis_xr.stimuli.gratings' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
