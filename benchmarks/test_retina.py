"""Speed of the whole retina: 100x100 px, 1000 steps of 1 ms, gain control on, two types with noise, two threads.

In memory, and end to end from a zarr store of 8-bit film to a zarr store of spikes. No speed is reported of a retina
whose pieces do not give the whole first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.context import InputInfo

SIZES = [100, 256]
INFO = InputInfo(cx.Sampling("1 ms", "0.05 deg"), "1", (0, 255))


@pytest.fixture(autouse=True)
def two_threads() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def retina() -> cx.models.Retina:
    model = cx.models.Retina("human_parvo")
    model.bipolar.adaptation_gain = "100 Hz"
    return model


def frames(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1000, size, size), dtype=np.uint8)


def film(size: int) -> xr.DataArray:
    stimulus = cx.as_stimulus(frames(size), dt="1 ms", pixel_size="0.05 deg", units="1", valid_range=(0, 255))
    return stimulus.chunk(time=100)


def in_memory(retina: cx.models.Retina, x: torch.Tensor, chunk: int = 1000) -> torch.Tensor:
    with torch.no_grad():
        context = retina.new_context(INFO)
        parts = [retina.advance(context, part)["parvo_on"] for part in x.split(chunk, dim=2)]
    return torch.cat(parts, dim=2)


@pytest.mark.parametrize("size", SIZES)
def test_in_memory(benchmark: Any, retina: cx.models.Retina, size: int) -> None:
    x = torch.from_numpy(frames(size)).float()[None, None]
    part = x[:, :, :60, :20, :20]
    assert torch.equal(in_memory(retina, part), in_memory(retina, part, chunk=7))
    benchmark.pedantic(in_memory, (retina, x), rounds=5, warmup_rounds=1)
    benchmark.extra_info["Mpx/s"] = x.numel() / 1e6 / benchmark.stats.stats.min


@pytest.mark.parametrize("size", SIZES)
def test_from_store_to_store(benchmark: Any, retina: cx.models.Retina, size: int, tmp_path: Path) -> None:
    cx.io.to_zarr(film(size), tmp_path / "film.zarr")
    stimulus = cx.open_stimulus(tmp_path / "film.zarr")
    short = cx.run(retina, stimulus, stop=60, store=tmp_path / "short.zarr", progress=False)
    alone = in_memory(retina, torch.from_numpy(frames(size)[:60]).float()[None, None])
    np.testing.assert_array_equal(short.parvo_on, alone[0, 0])
    stores = (tmp_path / f"{number}.zarr" for number in range(100))

    def run() -> None:
        cx.run(retina, stimulus, store=next(stores), progress=False)

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    benchmark.extra_info["Mpx/s"] = stimulus.size / 1e6 / benchmark.stats.stats.min
