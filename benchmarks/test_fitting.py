"""A fit to a film in a file, 64 x 64 px uint8, 50 cells: frames in a second of an epoch, and how it grows with length.

An epoch is a pass with gradients and one without; frames are counted once. Reading alone is the ceiling of both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from benchmarks import recording
from benchmarks.conftest import Speed

STEPS, SIDE, LAGS = 8192, recording.SIDE, 20
PIXELS = STEPS * recording.PIXELS


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fitting") / "film.zarr"
    recording.write(path, STEPS)
    return path


def _convolving() -> cx.Layer:
    """One filter for all pixels, some of which were recorded from."""
    model = cx.models.LN((LAGS, 10, 10), nonlinearity="softplus")
    model.conv.set_weight(np.random.default_rng(0).normal(0, 0.01, (LAGS, 10, 10)))
    return model


def _weighing() -> cx.Layer:
    """A receptive field for each cell."""
    model = cx.models.LN((LAGS, SIDE, SIDE), population=False, out_channels=recording.CELLS, nonlinearity="softplus")
    with torch.no_grad():
        model.conv.weight.normal_(0, 1e-3, generator=torch.Generator().manual_seed(0))
    return model


def _data(path: Path, steps: int) -> tuple[xr.DataArray, xr.DataArray]:
    film = cx.open_stimulus(path).isel(time=slice(0, steps))
    places = np.random.default_rng(1).integers(0, SIDE, (2, recording.CELLS))
    at = {name: ("cell", film[name].values[index], film[name].attrs) for name, index in zip("yx", places, strict=True)}
    return film, recording.spikes(steps).assign_coords(at)


def _fit(path: Path, make: Callable[[], cx.Layer], steps: int = STEPS) -> float:
    """Seconds of an epoch, without what comes before it."""
    film, response = _data(path, steps)
    response = response if make is _convolving else response.drop_vars(["y", "x"])
    options: dict[str, Any] = {"optimizer": "Adam", "loss": "poisson", "progress": False}
    return float(cx.fit(make(), film, response, **options).seconds[1])


@pytest.mark.parametrize("make", [_convolving, _weighing])
def test_epoch(speed: Speed, stored: Path, make: Callable[[], cx.Layer]) -> None:
    kind = "filter of 20 x 10 x 10" if make is _convolving else "50 receptive fields of 20 x 64 x 64"
    _fit(stored, make, 1024)
    seconds = min(_fit(stored, make) for _ in range(2))
    row = f"epoch of a fit from zarr, {kind}"
    speed(row, lambda: recording.read(stored), PIXELS, by="reading alone", rounds=2)
    speed.note(row, PIXELS / seconds / 1e6, unit="Mpx/s")


def test_epoch_by_length(speed: Speed, stored: Path) -> None:
    """An epoch of four times the length over four times one of the length."""
    long, short = (min(_fit(stored, _convolving, steps) for _ in range(2)) for steps in (STEPS, STEPS // 4))
    row = "epoch of a fit over what its length makes of one of a quarter"
    speed(row, lambda: _fit(stored, _convolving, STEPS // 4), PIXELS / 4, rounds=1)
    speed.note(row, long / short / 4, wanted=1.3, unit="x")


def test_evaluation(speed: Speed, stored: Path) -> None:
    film, response = _data(stored, STEPS)
    model = _convolving()

    def evaluate() -> xr.Dataset:
        return cx.fitting.evaluate(model, film, response, loss="poisson", progress=False)

    speed("evaluation of a fit from zarr, filter of 20 x 10 x 10", evaluate, PIXELS, rounds=2)
