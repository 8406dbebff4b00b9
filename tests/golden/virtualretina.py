"""What VirtualRetina 2.2.3 computed, and the same by the retina of its convention.

``python -m tests.golden.virtualretina`` prints the table of docs/retina.md: the relative L2 error of every stage in
every case that is at hand, the worse of maps and traces, and the largest error of a spike time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import convis_xr as cx
from convis_xr.models.retina import BipolarConfig, GanglionConfig, OPLConfig, RetinaConfig, SpikesConfig
from tests.agreement import relative

ROOT = Path(__file__).parents[2]

#: A few small cases that are kept here, and where all nine may lie beside the repository.
KEPT, SHARED = ROOT / "tests" / "data" / "golden", ROOT.parent / "shared" / "golden"

NAMES = (
    "cat_grating",
    "cat_impulse",
    "cat_sep_n2_impulse",
    "cat_step",
    "finland_primate",
    "primate_grating",
    "primate_impulse",
    "primate_sep_impulse",
    "primate_step",
)


@dataclass(frozen=True)
class Golden:
    """One case.

    ``maps`` and ``traces`` hold stages by our names: (t_map, y, x) and (time, cell).
    """

    name: str
    film: xr.DataArray
    config: RetinaConfig
    parameters: dict[str, Any]
    t_map: np.ndarray
    cells: np.ndarray
    maps: dict[str, np.ndarray]
    traces: dict[str, np.ndarray]
    spikes: dict[tuple[str, int], np.ndarray]

    def pairs(self, stage: str, values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """What was computed (time, y, x) and what is wanted, as maps and as traces, in double precision."""
        made = (values[self.t_map], self.maps[stage]), (at_cells(self, values), self.traces[stage])
        return [(got.astype(float), wanted.astype(float)) for got, wanted in made]

    @property
    def stages(self) -> list[str]:
        """Names of all stages that were kept."""
        return list(self.traces)


def available() -> dict[str, Path]:
    """Files of the nine cases that are at hand: the whole ones where there are some, else those that are kept."""
    files = {path.stem: path for folder in (KEPT, SHARED) for path in sorted(folder.glob("*.npz"))}
    return {name: files[name] for name in NAMES if name in files}


def load(path: Path, dtype: str = "float64") -> Golden:
    """Read one case."""
    with np.load(path) as file:
        parameters = json.loads(str(file["params"]))
        arrays = {name: file[name] for name in file.files if file[name].dtype.kind in "fiu"}
    frames = np.repeat(arrays["input"].astype(dtype), int(arrays["nrep"]), axis=0)
    film = cx.as_stimulus(
        frames,
        dt=f"{parameters['step']!r} s",
        pixel_size=f"{1 / parameters['ppd']!r} deg",
        units="1",
        valid_range=(0, parameters["range"]),
    )
    names = {f"{stage}_trace" for stage in arrays if f"{stage}_trace" in arrays}
    ours = dict(_stages(names))
    layers = [f"g{i}" for i in range(len(parameters["ganglion"]))]
    spikes = {
        (layer, cell): np.sort(arrays["spike_time"][(arrays["spike_channel"] == i) & (arrays["spike_cell"] == cell)])
        for i, layer in enumerate(layers)
        for cell in range(len(arrays["cells_yx"]))
    }
    return Golden(
        path.stem, film, config_of(parameters), parameters, arrays["t_map"], arrays["cells_yx"],
        {name: arrays[stage] for stage, name in ours.items()},
        {name: arrays[f"{stage}_trace"] for stage, name in ours.items()},
        spikes,
    )  # fmt: skip


def _stages(traces: set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a stage's name in the file and in the retina."""
    for name in sorted(trace.removesuffix("_trace") for trace in traces):
        if name.startswith("transient"):
            yield name, f"g{name[-1]}_transient"
        elif name.startswith("ganglion"):
            yield name, f"g{name[-1]}_current"
        else:
            yield name, name


def config_of(parameters: dict[str, Any]) -> RetinaConfig:
    """A retina from the parameters that accompany the results."""
    o, b = parameters["opl"], parameters["cgc"]
    opl = OPLConfig(
        f"{o['sigma_c']!r} deg", f"{o['tau_c']!r} s", o["n_c"], o["w_u"], f"{o['tau_u']!r} s",
        f"{o['sigma_s']!r} deg", f"{o['tau_s']!r} s", o["w"], o["amp"], leaky_heat_equation=bool(o["leaky"]),
    )  # fmt: skip
    bipolar = BipolarConfig(
        f"{b['amp']!r} Hz", f"{b['g0']!r} Hz", f"{b['sigma']!r} deg", f"{b['tau']!r} s", f"{b['lam']!r} Hz"
    )
    layers = tuple(
        GanglionConfig(
            f"g{i}", g["sign"], f"{g['tau']!r} s", g["w"], g["v0"], f"{g['i0']!r} Hz", f"{g['lam']!r} Hz",
            f"{g['pool']!r} deg", SpikesConfig(f"{g['g_L']!r} Hz", 0.0, f"{g['refr']!r} s", "0 s"),
        )
        for i, g in enumerate(parameters["ganglion"])
    )  # fmt: skip
    return RetinaConfig(opl, bipolar, layers)


def computed(golden: Golden) -> xr.Dataset:
    """All stages and spikes of the retina."""
    retina = cx.models.Retina(golden.config, "virtualretina")
    counts = [layer.name for layer in golden.config.ganglion]
    return cx.run(retina, golden.film, outputs=[*golden.stages, *counts], progress=False)


def at_cells(golden: Golden, values: np.ndarray) -> np.ndarray:
    """Values (time, y, x) at the cells (time, cell)."""
    rows, columns = golden.cells.T
    return values[:, rows, columns]


def spike_times(golden: Golden) -> dict[tuple[str, int], np.ndarray]:
    """Exact spike times [s] of every layer and cell."""
    retina = cx.models.Retina(golden.config, "virtualretina")
    made = {}
    for layer in retina.ganglion_names:
        name = f"{layer}_times"
        events = cx.run(retina, golden.film, outputs=[name], cells=golden.cells, progress=False)[name]
        made |= {(layer, cell): np.sort(events.values[events.cell == cell]) for cell in range(len(golden.cells))}
    return made


def table() -> Iterator[str]:
    """Lines of the table of docs/retina.md."""
    stages = ("center", "surround", "opl", "bipolar", "adaptation", "transient", "current")
    yield f"| case | {' | '.join(stages)} | spikes | times, s |"
    yield "|---" * (len(stages) + 3) + "|"
    for name, path in available().items():
        golden = load(path)
        made = computed(golden)
        errors: dict[str, float] = dict.fromkeys(stages, 0.0)
        for stage in golden.stages:
            kind = stage.split("_")[-1]
            worst = max(relative(*pair) for pair in golden.pairs(stage, made[stage].values))
            errors[kind] = max(errors[kind], worst)
        times = spike_times(golden)
        late_by = max(np.abs(times[key] - wanted).max() for key, wanted in golden.spikes.items())
        count = sum(len(wanted) for wanted in golden.spikes.values())
        yield f"| {name} | {' | '.join(f'{errors[stage]:.1e}' for stage in stages)} | {count} | {late_by:.1e} |"


if __name__ == "__main__":
    print("\n".join(table()))
