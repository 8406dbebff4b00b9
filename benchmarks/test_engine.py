"""Speed of whole runs: 100 x 100 px, 4000 steps, uint8 film, two threads. The tests say whether they are right.

``extra_info["Mpx/s"]`` is millions of pixels and steps per second, by the fastest round. From zarr to zarr the rate
wants to be at least 0.8 of that in memory, for a model with as much to compute as a retina has. Laying out and
finishing a store take about 70 ms whatever its length, which shows in shorter films.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from pytest_benchmark.fixture import BenchmarkFixture

import convis_xr as cx

SHAPE = (4000, 100, 100)


def gain_controlled(retina: Any) -> Any:
    """The same retina with its contrast gain control switched on."""
    retina.bipolar.adaptation_gain = "100 Hz"
    return retina


MODELS: dict[str, Callable[[], Any]] = {
    "low_pass": lambda: cx.filters.LowPass(tau="20 ms"),
    "retina": lambda: gain_controlled(cx.models.Retina()),
}


@pytest.fixture(scope="module", autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def film() -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, SHAPE, dtype="u1")
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255)).rename("film")


def measure(benchmark: BenchmarkFixture, function: Callable[[], object]) -> None:
    benchmark.pedantic(function, rounds=5, warmup_rounds=1)
    benchmark.extra_info["Mpx/s"] = round(np.prod(SHAPE) / benchmark.stats.stats.min / 1e6, 1)


@pytest.mark.parametrize("name", MODELS)
def test_in_memory(benchmark: BenchmarkFixture, film: xr.DataArray, name: str) -> None:
    model = MODELS[name]()
    measure(benchmark, lambda: cx.run(model, film))


@pytest.mark.parametrize("name", MODELS)
def test_from_zarr_to_zarr(benchmark: BenchmarkFixture, film: xr.DataArray, tmp_path: Path, name: str) -> None:
    film.chunk(time=200).to_dataset().to_zarr(tmp_path / "film.zarr", consolidated=False)
    source = xr.open_zarr(tmp_path / "film.zarr", consolidated=False)
    model, places = MODELS[name](), itertools.count()
    measure(benchmark, lambda: cx.run(model, source, store=tmp_path / f"{next(places)}.zarr"))
