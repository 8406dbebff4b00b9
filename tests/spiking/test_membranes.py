"""FitzHugh-Nagumo and Hodgkin-Huxley cells: rates, thresholds, what the membrane does, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from tests.agreement import Agreement
from tests.spiking.oracle import crossings, fitzhugh_nagumo, hodgkin_huxley

REST = [-65.0, 0.05293248525724958, 0.5961207535084603, 0.3176769140606974]
KINDS = {
    "FitzHughNagumo": (cx.spiking.FitzHughNagumo, fitzhugh_nagumo, [-1.199408035244035, -0.624260044055043], "1"),
    "HodgkinHuxley": (cx.spiking.HodgkinHuxley, hodgkin_huxley, REST, "uA/cm^2"),
}


def levels(values: list[float], units: str, dt: str = "1 ms", steps: int = 500) -> xr.DataArray:
    film = np.broadcast_to(np.array(values, float)[:, None], (steps, len(values), 1)).copy()
    return cx.as_stimulus(film, dt=dt, pixel_size="0.1 deg", units=units)


@pytest.mark.parametrize(
    ("name", "current"),
    [("FitzHughNagumo", value) for value in (0.34, 0.5, 1.0, 1.3)]
    + [("HodgkinHuxley", value) for value in (6.5, 8.0, 20.0, 50.0)],
)
def test_rates_are_those_of_scipy(name: str, current: float, agreement: Agreement) -> None:
    kind, slope, start, units = KINDS[name]
    wanted = crossings(slope, start, current, 600.0, 0.0)
    times = np.flatnonzero(kind()(levels([current], units, "0.02 ms", 30_000)).values) * 0.02
    assert abs(len(times) - len(wanted)) <= 1
    rates = [1 / np.diff(t[len(t) // 3 :]).mean() for t in (times, wanted)]
    agreement(f"{name}: rate", "scipy.integrate.solve_ivp", "relative error", abs(rates[0] / rates[1] - 1), within=0.01)
    agreement(f"{name}: first spike", "scipy.integrate.solve_ivp", "ms", abs(times[0] - wanted[0]), within=0.02)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dt", ["0.02 ms", "0.5 ms", "25 ms"])
def test_the_time_step_of_the_film_changes_nothing(name: str, dt: str) -> None:
    kind, _, _, units = KINDS[name]
    currents = [0.4, 0.8] if units == "1" else [7.0, 30.0]
    counts = [
        kind()(levels(currents, units, step, round(300 / float(step.split()[0])))).sum("time", dtype=int)
        for step in (dt, "1 ms")
    ]
    np.testing.assert_array_equal(*counts)
    assert counts[0].min() > 5


def test_the_squid_fires_above_its_threshold_only() -> None:
    """Rest gives way to firing without end between 6.2 and 6.3 uA/cm^2; too strong a current silences it."""
    counts = cx.spiking.HodgkinHuxley()(levels([2.0, 6.1, 6.4, 170.0], "uA/cm^2", steps=800))
    late = counts.sel(time=slice(0.4, None)).sum("time").values.ravel()
    assert late[0] == late[1] == late[3] == 0
    assert late[2] > 15
    assert int(counts.isel(y=0).sum()) == 0


def test_fitzhugh_fires_between_its_two_bifurcations() -> None:
    """1 - v^2 = b epsilon at v = -0.967 and 0.967, where I = v^3/3 - v + (v + a)/b is 0.3313 and 1.4187."""
    counts = cx.spiking.FitzHughNagumo()(levels([0.31, 0.36, 1.39, 1.45], "1", steps=4000))
    late = counts.sel(time=slice(2, None)).sum("time").values.ravel()
    assert late[0] == late[3] == 0
    assert min(late[1:3]) > 20


def test_time_scale_and_temperature_make_it_faster() -> None:
    slow, fast = (
        cx.spiking.FitzHughNagumo(time_scale=scale, max_step=step)(levels([0.5], "1", dt, 400))
        for scale, step, dt in (("1 ms", "20 us", "1 ms"), ("100 us", "2 us", "100 us"))
    )
    np.testing.assert_array_equal(slow.values, fast.values)
    cold, warm = (
        int(cx.spiking.HodgkinHuxley(temperature_factor=phi)(levels([20.0], "uA/cm^2")).sum()) for phi in (1.0, 2.0)
    )
    assert warm > 1.4 * cold


def test_the_action_potential_is_the_one_of_the_textbook() -> None:
    film = levels([10.0], "uA/cm^2", "0.02 ms", 1500)
    cell = cx.spiking.HodgkinHuxley(outputs=cx.spiking.HodgkinHuxley().output_names)
    made = cell(film)
    assert made.potential.attrs["units"] == "mV"
    assert 38 < float(made.potential.max()) < 43
    assert -77 < float(made.potential.min()) < -74
    for gate in ("sodium_activation", "sodium_availability", "potassium_activation"):
        assert 0 < float(made[gate].min()) < float(made[gate].max()) < 1
    rest = cx.spiking.HodgkinHuxley(outputs="potential")(levels([0.0], "uA/cm^2")).potential
    assert float(np.abs(rest + 65).max()) < 0.01


def test_spikes_are_found_on_the_way_up_only() -> None:
    made = cx.spiking.HodgkinHuxley(outputs=["response", "potential"])(levels([10.0], "uA/cm^2", "0.02 ms", 5000))
    v = np.concatenate([[-65.0], made.potential.values.ravel()])
    np.testing.assert_array_equal(made.response.values.ravel(), (v[:-1] < 0) & (v[1:] >= 0))
    assert made.response.sum() > 5


def test_gradients_reach_the_parameters() -> None:
    cell = cx.spiking.HodgkinHuxley(outputs="potential", max_step="0.1 ms")
    with cx.set_options(dt="1 ms"):
        cell(torch.full((1, 1, 4, 1, 1), 3.0))["potential"].sum().backward()
    # at rest the leak pulls up, to -54 mV
    assert float(cell.g_leak.grad) > 0
    assert float(cell.e_leak.grad) > 0
    assert cell.max_step.grad is None


@pytest.mark.parametrize(("name", "current"), [("FitzHughNagumo", 1e6), ("HodgkinHuxley", -200.0)])
def test_inputs_that_sub_steps_do_not_follow_are_refused(name: str, current: float) -> None:
    kind, _, _, units = KINDS[name]
    cell = kind()
    cell(levels([0.0], units, steps=5))
    before = cell.get_state()
    with pytest.raises(cx.ContractError, match=f"{name}: wanted an input that sub-steps of 2e-05 s can follow"):
        cell(levels([current], units, steps=20))
    assert all(torch.equal(cell.get_state()[path], value) for path, value in before.items())


def test_units_and_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(cx.UnitError, match="units of the input of HodgkinHuxley"):
        cx.spiking.HodgkinHuxley()(levels([1.0], "nA"))
    with pytest.raises(cx.UnitError, match="units of the input of HodgkinHuxley"):
        cx.spiking.HodgkinHuxley()(levels([1.0], "1"))
    with pytest.raises(cx.UnitError, match="units of the input of FitzHughNagumo"):
        cx.spiking.FitzHughNagumo()(levels([1.0], "mV"))
    with pytest.raises(cx.ParameterError, match="g_na"):
        cx.spiking.HodgkinHuxley(g_na="-1 mS/cm^2")
    with pytest.raises(cx.UnitError, match="capacitance"):
        cx.spiking.HodgkinHuxley(capacitance="1 F")
    with pytest.raises(cx.ContractError, match="outputs: wanted names among response, potential, recovery"):
        cx.spiking.FitzHughNagumo(outputs=["v"])
    with pytest.raises(cx.ContractError, match="finite"):
        cx.spiking.FitzHughNagumo()(levels([float("nan")], "1"))


@pytest.mark.parametrize("outputs", [5, None, [], "volt", ["response", 3]])
def test_outputs_that_are_none_are_refused(outputs: object) -> None:
    with pytest.raises(cx.ContractError, match="outputs: wanted names among response, potential, recovery"):
        cx.spiking.FitzHughNagumo(outputs=outputs)  # type: ignore[arg-type]
