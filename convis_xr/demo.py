"""The main job on real input: a film through the retina, out of core, and pictures of what came out."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from pathlib import Path

import holoviews as hv
import xarray as xr

import convis_xr as cx
from convis_xr import dims
from convis_xr.contract import is_spike_count
from convis_xr.errors import ContractError, explain
from convis_xr.plotting import plot
from convis_xr.plotting.side_by_side import side_by_side

CREDIT = "film: Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0"
STORE, PICTURE, FILM = "response.zarr", "overview.png", "film.mp4"
#: has contrast gain control switched on
PRESET = "primate"


def demo(output: str | os.PathLike[str] = "demo_output") -> xr.Dataset:
    """Run a film through the primate retina and look at it.

    Parameters
    ----------
    output : path
        Folder that gets ``response.zarr``, ``overview.png`` and ``film.mp4``; those of an earlier demo are replaced.

    Returns
    -------
    Dataset
        The response, as it lies in the store.

    Raises
    ------
    ContractError
        The folder holds something else.
    """
    folder = _cleared(Path(output))
    stimulus = cx.io.resample(cx.open_stimulus(cx.sample("big_buck_bunny")), dt="1 ms")
    print(CREDIT)
    started = time.perf_counter()
    response = cx.run(cx.models.Retina(PRESET), stimulus, store=folder / STORE)
    seconds = time.perf_counter() - started
    print(response, "\n")
    _report(response, stimulus, seconds)
    _draw(stimulus, response, folder / PICTURE)
    film = side_by_side(stimulus, response, speed=0.4, credit=CREDIT)
    cx.io.to_video(film, folder / FILM, fps="24 Hz", quality=24)
    print("look at", *(folder / name for name in (STORE, PICTURE, FILM)), sep="\n  ")
    return response


def _cleared(folder: Path) -> Path:
    """The folder without what an earlier demo left in it; nothing else is ever removed."""
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in (STORE, PICTURE, FILM))
    if foreign:
        got = f"{str(folder)!r}, which holds {', '.join(foreign[:3])}"
        cure = "another --output"
        raise ContractError(explain("output", wanted="a new folder, or that of a demo", got=got, cure=cure))
    if (folder / STORE).exists():
        shutil.rmtree(folder / STORE)
    for name in (PICTURE, FILM):
        (folder / name).unlink(missing_ok=True)
    return folder


def _report(response: xr.Dataset, stimulus: xr.DataArray, seconds: float) -> None:
    """Rates, speed and memory."""
    dt = stimulus.convis.sampling.need_dt("demo")
    print("mean rate of each cell type")
    for name, array in response.data_vars.items():
        if is_spike_count(array):
            print(f"  {name:<12} {float(array.mean()) / dt:6.1f} Hz")
    steps = stimulus.sizes[dims.TIME]
    shown = steps * dt
    print(f"speed        {stimulus.size / seconds / 1e6:.1f} million pixel-steps/s ({stimulus.size / 1e6:.0f} million)")
    print(f"time         {seconds:.1f} s for {shown:.1f} s of film: {shown / seconds:.2f} x real time")
    print(f"peak memory  {_peak_memory() / 2**20:.0f} MiB, of the whole process\n")


def _peak_memory() -> int:
    """Greatest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def _draw(stimulus: xr.DataArray, response: xr.Dataset, path: Path) -> None:
    shown = xr.Dataset({"stimulus": stimulus} | {str(name): array for name, array in response.data_vars.items()})
    picture = plot(shown).opts(title=CREDIT, backend="matplotlib", fontsize={"title": 10})
    hv.save(picture, path, backend="matplotlib", dpi=120)
