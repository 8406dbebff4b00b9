"""The script of the speeds on a card: says plainly that there is none, and what it times can be run."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from benchmarks import gpu

CPU = torch.device("cpu")
WORKS = [
    *gpu.kernels(CPU, 2, 5, 6),
    gpu.gain_controlled(CPU, 2, 5, 6),
    gpu.retina(CPU, 2, 6, 6, "0 Hz"),
    gpu.retina(CPU, 2, 6, 6, "100 Hz"),
    gpu.end_to_end(CPU, 2, 6, 8),
]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card to measure")
def test_without_a_card_it_ends_with_an_error() -> None:
    done = subprocess.run([sys.executable, gpu.__file__], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("no card")
    assert not done.stdout


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_what_is_timed_runs(work: gpu.Work) -> None:
    row = gpu.measured(work, CPU, rounds=1)
    assert row["seconds"] > 0
    assert row["Gpx/s"] == pytest.approx(work.samples / row["seconds"] / 1e9)
    assert work.bytes >= 2 * work.samples


def test_the_floor_is_that_of_bytes_or_of_arithmetic() -> None:
    assert gpu.Work("copy", 1, 4.3e12, 0, int).row(2.0)["of the floor"] == 0.5
    assert gpu.Work("products", 1, 1, 67e12, int).row(4.0)["of the floor"] == 0.25
