"""Averages before spikes from a recording that does not fit into memory: 64 x 64 px uint8 at 60 Hz, 50 cells, 25 lags.

From zarr (lz4, chunks of 4 MB), in one pass: to take at most twice the longer of reading alone and of the equivalent
matrix product alone, which is (cells x lags, steps) by (steps, pixels) in single precision, in blocks that are at hand.
An eighth of two hours, since all of it takes minutes: `python -m benchmarks.recording` runs any length.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import recording
from benchmarks.conftest import Speed, fastest

STEPS = 432_000 // 8
ROUNDS = 2


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("analysis") / "film.zarr"
    recording.write(path, STEPS)
    return path


def test_average_beside_reading_and_product(speed: Speed, stored: Path) -> None:
    response = recording.spikes(STEPS)
    reading, product, ours = fastest(
        (
            lambda: recording.read(stored),
            lambda: recording.multiply(STEPS),
            lambda: recording.average(stored, response),
        ),
        ROUNDS,
    )
    row = "STA of 50 cells from zarr over the longer of reading and product"
    speed(row, lambda: recording.average(stored, response), STEPS * recording.PIXELS, rounds=1)
    speed.note(row, ours / max(reading, product), wanted=2.0, unit="times")
