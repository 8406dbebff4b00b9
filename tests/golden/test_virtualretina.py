"""The convention "virtualretina" against what VirtualRetina 2.2.3 computed, stage by stage and spike by spike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.kernels.gain_control.parameters import GainControl
from convis_xr.kernels.virtualretina import whole
from tests.agreement import Agreement, relative
from tests.golden.virtualretina import KEPT, NAMES, SHARED, Golden, at_cells, available, computed, load, spike_times

FILES = available()
every_case = pytest.mark.parametrize("name", FILES)
every_dtype = pytest.mark.parametrize("dtype", ["float64", "float32"])


@cache
def case(name: str, dtype: str) -> tuple[Golden, xr.Dataset]:
    golden = load(FILES[name], dtype)
    return golden, computed(golden)


def test_all_nine_cases_are_at_hand() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: only the cases kept in {KEPT} are compared, {', '.join(FILES)}")
    assert tuple(FILES) == NAMES


@every_case
@every_dtype
def test_every_stage_is_reproduced(name: str, dtype: str, agreement: Agreement) -> None:
    golden, made = case(name, dtype)
    assert len(golden.stages) >= 8
    for stage in golden.stages:
        values = made[stage].values
        assert values.dtype == dtype
        kind = stage.split("_")[-1]
        for got, wanted in golden.pairs(stage, values):
            if dtype == "float64":
                error, limit, measure = relative(got, wanted), 1e-6, "relative L2"
            elif "impulse" in name:
                error, limit = float(np.abs(got - wanted).max()), 1e-2 if kind == "current" else 1e-4
                measure = "max, impulses in float32" + (", Hz" if kind in ("current", "adaptation") else "")
            else:
                error, limit, measure = relative(got, wanted), 5e-5, "relative L2, float32"
            agreement(f"retina, virtualretina: {kind}", "VirtualRetina 2.2.3", measure, error, within=limit)


@every_case
@every_dtype
def test_every_cell_fires_as_often_and_at_the_same_times(name: str, dtype: str, agreement: Agreement) -> None:
    golden, made = case(name, dtype)
    fired, times = 0, spike_times(golden)
    for layer in (layer.name for layer in golden.config.ganglion):
        counts = at_cells(golden, made[layer].values)
        for cell in range(len(golden.cells)):
            wanted = golden.spikes[layer, cell]
            assert counts[:, cell].sum(dtype=int) == len(wanted)
            assert len(times[layer, cell]) == len(wanted)
            error, limit = np.abs(times[layer, cell] - wanted).max(initial=0.0), 1e-6 if dtype == "float64" else 1e-4
            measure = "max, s" if dtype == "float64" else "max, s, float32"
            agreement("retina, virtualretina: spike times", "VirtualRetina 2.2.3", measure, error, within=limit)
            fired += len(wanted)
    assert fired > 100


@every_case
def test_the_file_that_was_used_gives_the_same_retina(name: str, tmp_path: Path) -> None:
    """What was computed is by the parameters beside the results; the simulator itself read this file."""
    with np.load(FILES[name]) as file:
        if "xml" not in file.files:
            pytest.skip(f"{FILES[name]} is a part, without the retina file")
        (tmp_path / "retina.xml").write_text(str(file["xml"]), encoding="utf-8")
    golden, made = case(name, "float64")
    retina = cx.models.Retina.from_config(tmp_path / "retina.xml", convention="virtualretina")
    names = {stage.replace("g", "ganglion_", 1) if stage[0] == "g" else stage: stage for stage in golden.stages}
    again = cx.run(retina, golden.film, outputs=[*names], cells=golden.cells, progress=False)
    for ours, stage in names.items():
        assert (again[ours].values == at_cells(golden, made[stage].values)).all(), stage


@pytest.mark.parametrize("name", ["primate_impulse", "cat_sep_n2_impulse"])
def test_the_plain_definition_is_what_the_simulator_does(name: str) -> None:
    """The leaky and the separable form, from rest over the impulse."""
    steps = 34
    golden = load(KEPT / f"{name}.npz")
    p = golden.parameters
    ppd, o, b = p["ppd"], p["opl"], p["cgc"]

    def width(deg: float) -> tuple[float, float]:
        return deg * ppd, deg * ppd

    opl = whole.Opl(
        width(o["sigma_c"]), o["tau_c"], o["n_c"], o["w_u"], o["tau_u"], width(o["sigma_s"]), o["tau_s"], o["w"],
        o["amp"] / p["range"], bool(o["leaky"]),
    )  # fmt: skip
    bipolar = GainControl(b["amp"], b["g0"], width(b["sigma"]), b["tau"], b["lam"], p["step"])
    layers = [
        whole.Ganglion(g["sign"], g["tau"], g["w"], g["v0"], g["i0"], g["lam"], width(g["pool"])) for g in p["ganglion"]
    ]
    made = whole.stages(golden.film.values[:steps], p["range"] / 2, opl, bipolar, layers)
    for stage, wanted in golden.traces.items():
        ours = stage if stage in made else stage[3:] + stage[1]
        assert relative(at_cells(golden, made[ours]), wanted[:steps].astype(float)) < 2e-7, stage
    cell = 18
    layer = p["ganglion"][0]
    currents = golden.traces["g0_current"][:, cell].astype(float)
    times = whole.spike_times(currents, p["step"], layer["g_L"], layer["refr"])
    np.testing.assert_allclose(times, golden.spikes["g0", cell], rtol=0, atol=1e-6)
