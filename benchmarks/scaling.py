"""Draws how the time of a run grows with what it computes, and prints the slopes on logarithmic axes.

    python benchmarks/scaling.py docs/pictures/scaling.png

A run goes from a zarr store (uint8, blosc-lz4) through a retina with gain control and noise into another store, on two
threads. Each series doubles one thing: pixels, steps, batch entries, types of ganglion cells. A slope of 1 is time in
proportion. Of the types of cells the time of those after the first is drawn: the stages before them are shared.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from zarr.codecs import BloscCodec

import convis_xr as cx
from convis_xr.models.retina.presets import HUMAN_PARVO

ROUNDS = 2
SIDE, STEPS = 128, 4000
SERIES = {
    "pixels": [128**2, 181**2, 256**2, 362**2, 512**2],
    "steps": [4000, 8000, 16000, 32000, 64000],
    "batch entries": [1, 2, 4, 8, 16],
    "further types of cells": [1, 2, 4, 8, 16],
}


def main() -> None:
    """Measure all series, print the slopes, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    target = parser.parse_args().picture
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: _measure(name, Path(folder)) for name in SERIES}
    _draw(measured, target)


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Exponent of the power of the size that the time grows with, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _measure(name: str, folder: Path) -> list[float]:
    """Best time of each size, printed; sizes take turns, so that a slow minute of the machine meets all."""
    works = [_work(name, size, folder / f"{name}{size}") for size in SERIES[name]]
    _seconds(works[0])  # what is slow the first time only
    rounds = [[_seconds(work) for work in works] for _ in range(ROUNDS)]
    best = np.min(rounds, axis=0)
    if name == "further types of cells":
        one = _work(name, 0, folder / "one")
        best = best - min(_seconds(one) for _ in range(ROUNDS))
    seconds = [float(value) for value in best]
    shown = ", ".join(f"{value:.2f}" for value in seconds)
    print(f"{name}: {SERIES[name]} -> {shown} s, slope {slope(SERIES[name], seconds):.3f}", flush=True)
    return seconds


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _work(name: str, size: int, folder: Path) -> Callable[[], Any]:
    """A run of one size from store to store; every call writes a store of its own."""
    side = int(size**0.5) if name == "pixels" else SIDE
    steps = size if name == "steps" else STEPS
    batch = size if name == "batch entries" else 1
    steps = STEPS // 2 if name in ("pixels", "batch entries") else steps
    source = _film(folder / "film.zarr", batch, steps, side)
    model = _retina(1 + size if name == "further types of cells" else 2)
    places: Iterator[int] = itertools.count()
    return lambda: cx.run(model, source, store=folder / f"{next(places)}.zarr", progress=False)


def _film(path: Path, batch: int, steps: int, side: int) -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, (steps, side, side), dtype="u1")
    film = cx.as_stimulus(values, dt="1 ms", pixel_size="0.05 deg", units="1", valid_range=(0, 255)).rename("film")
    if batch > 1:
        film = film.expand_dims(batch=batch)
    codec = {"film": {"compressors": [BloscCodec(cname="lz4", shuffle="shuffle")]}}
    film.chunk(time=200).to_dataset().to_zarr(path, consolidated=False, encoding=codec)
    return xr.open_zarr(path, consolidated=False).film


def _retina(types: int) -> cx.models.Retina:
    on = HUMAN_PARVO.ganglion[0]
    layers = tuple(replace(on, name=f"type_{i}", sign=1 if i % 2 else -1) for i in range(types))
    model = cx.models.Retina(replace(HUMAN_PARVO, ganglion=layers))
    model.bipolar.adaptation_gain = "100 Hz"
    return model


def _draw(measured: dict[str, list[float]], target: Path) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, all_axes = plt.subplots(1, len(SERIES), figsize=(13, 3.6), layout="constrained")
    for axes, (name, seconds) in zip(all_axes, measured.items(), strict=True):
        sizes = SERIES[name]
        middle = np.exp(np.mean(np.log(seconds)) - np.mean(np.log(sizes)))
        axes.loglog(sizes, middle * np.array(sizes), color="0.75", linewidth=4, label="in proportion")
        axes.loglog(sizes, seconds, "o-", color="#1f5fa8", label=f"measured, slope {slope(sizes, seconds):.2f}")
        axes.set_xticks(sizes, [f"{size}" for size in sizes], rotation=30)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlabel(name)
        axes.legend(frameon=False)
    all_axes[0].set_ylabel("seconds from store to store")
    all_axes[-1].set_ylabel("seconds more than with one type")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main()
