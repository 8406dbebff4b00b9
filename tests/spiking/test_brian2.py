"""The cells that are differential equations against brian2, on the same equations with the same scheme."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import convis_xr as cx
from tests.agreement import Agreement

DATA = Path(__file__).parents[1] / "data/brian2"
CELLS = {
    "izhikevich": cx.spiking.Izhikevich,
    "fitzhugh_nagumo": cx.spiking.FitzHughNagumo,
    "hodgkin_huxley": cx.spiking.HodgkinHuxley,
}
Arrays = dict[str, np.ndarray]


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_brian2", DATA / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(name: str) -> Arrays:
    with np.load(DATA / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


def driven(name: str, data: Arrays, dt: float, duration: float, outputs: list[str]) -> object:
    """Our cells under the same currents, in sub-steps of the same length, shown in steps of ``dt`` ms."""
    film = np.broadcast_to(data["currents"][:, None], (round(duration / dt), len(data["currents"]), 1))
    units = CELLS[name].units_in
    current = cx.as_stimulus(film.copy(), dt=f"{dt} ms", pixel_size="0.1 deg", units=units)
    return CELLS[name](max_step=f"{data['step']} ms", outputs=outputs)(current)


def spikes(counts: np.ndarray, cell: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts[:, cell, 0])


@pytest.mark.parametrize("name", CELLS)
def test_spike_times_of_a_step_current_of_one_second(name: str, agreement: Agreement) -> None:
    data = stored(name)
    counts = driven(name, data, float(data["step"]), 1000, ["response"]).values
    fired = 0
    for cell in range(len(data["currents"])):
        ours, theirs = spikes(counts, cell), data["index"][data["cell"] == cell]
        assert len(ours) == len(theirs), data["currents"][cell]
        fired += bool(len(ours) > 3)
        worst = np.abs(ours - theirs).max(initial=0)
        version = str(data["version"])
        agreement(
            f"{CELLS[name].__name__}: spike times of 1 s", f"brian2 {version}, rk4", "max, sub-steps", worst, within=1
        )
    assert fired >= 5


@pytest.mark.parametrize("name", CELLS)
def test_the_membrane_and_the_counts_of_coarse_steps(name: str, agreement: Agreement) -> None:
    """Steps of 1 ms are cut into the same sub-steps: as many spikes in each, and the same membrane at its end."""
    data = stored(name)
    made = driven(name, data, 1.0, 1000, ["response", "potential"])
    for cell in range(len(data["currents"])):
        index = data["index"][data["cell"] == cell]
        per_step = np.bincount((index * data["step"] + 1e-9).astype(int), minlength=1000)
        np.testing.assert_array_equal(made.response.values[:, cell, 0], per_step)
    trace = made.potential.values[:100, :, 0].T
    error = np.abs(trace - data["trace"]).max() / np.abs(data["trace"]).max()
    what, against = f"{CELLS[name].__name__}: membrane of 100 ms", f"brian2 {data['version']}, rk4"
    agreement(what, against, "max, of the peak", error, within=1e-8)


@pytest.mark.skipif(importlib.util.find_spec("brian2") is None, reason="brian2 >= 2.10 needs Python >= 3.12")
@pytest.mark.parametrize("name", CELLS)
def test_brian2_still_computes_what_is_stored(name: str) -> None:
    fresh, data = maker().simulate(name, 150.0), stored(name)
    early = data["index"] * data["step"] < 149.9
    soon = fresh["index"] * fresh["step"] < 149.9
    for key in ("currents", "step"):
        np.testing.assert_array_equal(fresh[key], data[key])
    np.testing.assert_array_equal(fresh["cell"][soon], data["cell"][early])
    assert np.abs(fresh["index"][soon] - data["index"][early]).max() <= 1
    np.testing.assert_allclose(fresh["trace"], data["trace"], rtol=1e-8, atol=1e-8)
