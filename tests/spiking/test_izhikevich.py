"""Izhikevich's cells: the twenty patterns, by their features and against scipy; rates, bounds, bad input."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.spiking.patterns import PATTERNS
from tests.agreement import Agreement
from tests.spiking.oracle import izhikevich_spikes

#: where the current of a pattern jumps, ms
JUMPS = {
    "tonic spiking": [10],
    "phasic spiking": [20],
    "tonic bursting": [22],
    "phasic bursting": [20],
    "mixed mode": [16],
    "spike frequency adaptation": [8.5],
    "class 1": [30],
    "class 2": [30],
    "spike latency": [10, 13],
    "subthreshold oscillations": [20, 25],
    "resonator": [40, 44, 60, 64, 280, 284, 320, 324],
    "integrator": [9.1, 11.1, 14.1, 16.1, 70, 72, 80, 82],
    "rebound spike": [20, 25],
    "rebound burst": [20, 25],
    "threshold variability": [10, 15, 70, 75, 80, 85],
    "bistability": [37.5, 42.5, 207, 212],
    "depolarizing after-potential": [9, 11],
    "accommodation": [200, 300, 312.5],
    "inhibition-induced spiking": [50, 250],
    "inhibition-induced bursting": [50, 250],
}


@cache
def shown(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Spike times in ms, to 0.01 ms, and the membrane every 0.01 ms."""
    cell = cx.spiking.Izhikevich.pattern(name, outputs=["response", "potential"])
    made = cell(cx.spiking.pattern_current(name, dt="0.01 ms"))
    return np.flatnonzero(made.response.values) * 0.01, made.potential.values


def number(text: object) -> float:
    return float(str(text).split()[0])


def test_there_are_twenty_patterns() -> None:
    assert len(PATTERNS) == len(JUMPS) == 20
    assert PATTERNS.keys() == JUMPS.keys()


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_those_of_an_independent_integration(name: str, agreement: Agreement) -> None:
    pattern = PATTERNS[name]
    given = {key: number(value) for key, value in pattern.cell.items()}
    renamed = {"v_start": "v", "u_start": "u"}
    accommodation = given.pop("u_leak", 1.0) == 0
    given.pop("v_ref", None)
    keywords = {renamed.get(key, key): value for key, value in given.items()}
    edges = np.array([0.0, *JUMPS[name], pattern.duration])
    wanted = izhikevich_spikes(
        edges, lambda t: float(pattern.current(np.array([t]))[0]), accommodation=accommodation, **keywords
    )
    # a spike right at the end may fall on either side of it
    times, wanted = (spikes[spikes < pattern.duration - 0.5] for spikes in (shown(name)[0], wanted))
    assert len(times) == len(wanted)
    agreement(
        "Izhikevich: spike times of the twenty patterns", "scipy.integrate.solve_ivp with events",
        "max, of the time", float(np.abs(times - wanted).max() / pattern.duration), within=0.01,
    )  # fmt: skip


def intervals(name: str) -> np.ndarray:
    return np.diff(shown(name)[0])


def bursts(times: np.ndarray, gap: float) -> list[int]:
    """How many spikes each burst has."""
    return [len(part) for part in np.split(times, np.flatnonzero(np.diff(times) > gap) + 1)]


def test_tonic_and_phasic_spiking() -> None:
    times = shown("tonic spiking")[0]
    assert len(times) >= 4
    assert times[-1] > 80
    np.testing.assert_allclose(intervals("tonic spiking")[-2:], intervals("tonic spiking")[-1], rtol=0.05)
    assert len(shown("phasic spiking")[0]) == 1


def test_tonic_and_phasic_bursting() -> None:
    tonic = bursts(shown("tonic bursting")[0], 15)
    assert len(tonic) >= 4
    assert min(tonic[:-1]) >= 3
    phasic = shown("phasic bursting")[0]
    assert bursts(phasic, 20) == [len(phasic)]
    assert len(phasic) >= 4
    assert phasic[-1] < 100


def test_mixed_mode_and_adaptation() -> None:
    first, *rest = bursts(shown("mixed mode")[0], 10)
    assert first >= 3
    assert rest == [1] * len(rest)
    assert len(rest) >= 3
    assert np.all(np.diff(intervals("spike frequency adaptation")) > 0)
    assert intervals("spike frequency adaptation")[-1] > 10 * intervals("spike frequency adaptation")[0]


def test_classes_of_excitability() -> None:
    """Class 1 may fire as slowly as it likes, from a saddle-node at 4.2^2/0.16 - 108 mV/ms on; class 2 may not."""
    assert np.all(np.diff(intervals("class 1")) < 0)
    rates = {}
    for name, currents in (("class 1", np.arange(2, 4, 0.02)), ("class 2", np.arange(-0.5, 1, 0.02))):
        counts = cx.spiking.Izhikevich.pattern(name)(levels(list(currents), "1 ms", 3000))
        rates[name] = counts.sel(time=slice(1, None)).sum("time").values.ravel() / 2
    assert 0 < rates["class 1"][rates["class 1"] > 0.5].min() < 4
    assert np.flatnonzero(rates["class 1"] > 0.5)[0] == pytest.approx((4.2**2 / 0.16 - 108 - 2) / 0.02, abs=2)
    assert rates["class 2"][rates["class 2"] > 0].min() > 20


def test_latency_and_oscillations() -> None:
    times, membrane = shown("spike latency")
    assert len(times) == 1
    assert times[0] > 13 + 3
    times, membrane = shown("subthreshold oscillations")
    assert len(times) == 1
    after = membrane[3500:]  # 9 ms after the spike
    peaks = np.flatnonzero((after[1:-1] > after[:-2]) & (after[1:-1] > after[2:]))
    assert len(peaks) >= 3
    assert np.all(np.diff(after[1:-1][peaks]) < 0)


def test_resonator_and_integrator() -> None:
    resonator, integrator = shown("resonator")[0], shown("integrator")[0]
    assert len(resonator) == len(integrator) == 1
    assert resonator[0] > 320  # the pair 40 ms apart, not that 20 ms apart
    assert 14.1 < integrator[0] < 30  # the pair 5 ms apart, not that 10 ms apart


def test_rebounds() -> None:
    spike, burst = shown("rebound spike")[0], shown("rebound burst")[0]
    assert len(spike) == 1
    assert spike[0] > 25
    assert len(burst) > 5
    assert burst[0] > 25


def test_threshold_variability_and_bistability() -> None:
    (time,) = shown("threshold variability")[0]
    assert time > 80
    times = shown("bistability")[0]
    assert len(times) >= 4
    assert times[0] > 37.5
    assert times[-1] < 207


def test_after_potential_and_accommodation() -> None:
    times, membrane = shown("depolarizing after-potential")
    assert len(times) == 1
    assert membrane[-1] == pytest.approx(-70, abs=0.5)
    assert membrane[round(times[0] * 100) + 300] > -58  # 3 ms after the spike, still depolarised
    (time,) = shown("accommodation")[0]
    assert 300 < time < 312.5
    ramp = cx.spiking.pattern_current("accommodation")
    assert float(ramp.sel(time=slice(0, 0.2)).max()) > 1.9 * float(ramp.sel(time=slice(0.25, None)).max())


def test_inhibition_makes_it_fire() -> None:
    spiking, bursting = shown("inhibition-induced spiking")[0], shown("inhibition-induced bursting")[0]
    for times in (spiking, bursting):
        assert times[0] > 50
        assert np.sum((times > 50) & (times < 250)) >= 3
    assert max(bursts(spiking, 15)) == 1
    assert min(bursts(bursting, 15)) >= 3
    assert len(bursts(bursting, 15)) >= 2


@pytest.mark.parametrize("current", [4.0, 5.0, 10.0, 20.0, 40.0])
def test_rates_are_those_of_scipy(current: float, agreement: Agreement) -> None:
    wanted = izhikevich_spikes(np.array([0.0, 1000.0]), lambda t: current)
    cell = cx.spiking.Izhikevich()
    counts = cell(cx.as_stimulus(np.full(20000, current), dt="0.05 ms", units="mV/ms")).values
    times = np.flatnonzero(counts) * 0.05
    rates = [1 / np.diff(t[len(t) // 2 :]).mean() for t in (times, wanted)]
    error = abs(rates[0] / rates[1] - 1)
    agreement("Izhikevich: rate", "scipy.integrate.solve_ivp with events", "relative error", error, within=0.01)


def test_below_the_rheobase_it_is_silent() -> None:
    """Rest loses its stability where 0.08 v + 5 = a (a Hopf bifurcation), at I = (b - 5) v - 0.04 v^2 - 140."""
    v = (0.02 - 5) / 0.08
    rheobase = (0.2 - 5) * v - 0.04 * v**2 - 140
    counts = cx.spiking.Izhikevich()(levels([rheobase - 0.05, rheobase + 0.05], "1 ms", 3000))
    silent, firing = counts.sel(time=slice(1, None)).sum("time").values.ravel()
    assert silent == 0
    assert firing > 10


def levels(values: list[float], dt: str, steps: int) -> xr.DataArray:
    film = np.broadcast_to(np.array(values)[:, None], (steps, len(values), 1)).copy()
    return cx.as_stimulus(film, dt=dt, pixel_size="0.1 deg", units="mV/ms")


@pytest.mark.parametrize("dt", ["0.01 ms", "0.5 ms", "1 ms", "20 ms"])
def test_the_time_step_of_the_film_changes_nothing(dt: str) -> None:
    steps = round(400 / float(dt.split()[0]))
    counts = cx.spiking.Izhikevich()(levels([5, 10, 30], dt, steps))
    wanted = cx.spiking.Izhikevich()(levels([5, 10, 30], "2 ms", 200))
    np.testing.assert_array_equal(counts.sum("time", dtype=int), wanted.sum("time", dtype=int))


def test_inputs_that_sub_steps_do_not_follow_are_refused() -> None:
    with pytest.raises(cx.ContractError, match="Izhikevich: wanted an input that sub-steps of 1e-05 s can follow"):
        cx.spiking.Izhikevich()(levels([1e5], "1 ms", 3))
    with pytest.raises(cx.ContractError, match="got -1e"):
        cx.spiking.Izhikevich()(levels([-1e9], "1 ms", 3))
    with pytest.raises(cx.ContractError, match=r"\(batch, channel, y, x\) = \(0, 0, 1, 0\) in time step 0"):
        cx.spiking.Izhikevich()(levels([1, 1e300], "1 ms", 3))
    # what fires for ever once it has begun is found out, too
    cell = cx.spiking.Izhikevich.pattern("inhibition-induced bursting", d="-2 mV/ms")
    with pytest.raises((cx.ContractError, OverflowError)):
        cell(cx.spiking.pattern_current("inhibition-induced bursting"))


def test_too_many_spikes_for_a_count_are_refused() -> None:
    with pytest.raises(OverflowError, match=r"Izhikevich: .* fires more than 255 times in 10 s"):
        cx.spiking.Izhikevich()(levels([20.0], "10 s", 1))


def test_not_a_number_stays_where_it_is() -> None:
    current = torch.full((1, 1, 100, 1, 2), 20.0)
    current[0, 0, 10, 0, 0] = float("nan")
    cell = cx.spiking.Izhikevich(outputs=["response", "potential"])
    with cx.set_options(dt="1 ms"):
        made = cell(current)
    assert made["potential"][0, 0, 10:, 0, 0].isnan().all()
    assert made["response"][0, 0, 10:, 0, 0].sum() == 0
    assert made["response"][0, 0, :, 0, 1].sum() > 3
    with pytest.raises(cx.ContractError, match="finite"):
        cx.spiking.Izhikevich()(levels([float("nan")], "1 ms", 3))


def test_names_and_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(cx.ParameterError, match="pattern: wanted one of tonic spiking"):
        cx.spiking.Izhikevich.pattern("tonic")
    with pytest.raises(cx.ParameterError, match="pattern"):
        cx.spiking.pattern_current("tonic")
    with pytest.raises(cx.UnitError, match="dt"):
        cx.spiking.pattern_current("class 1", dt="0 s")
    with pytest.raises(cx.UnitError, match="a: wanted"):
        cx.spiking.Izhikevich(a=0.02)
    with pytest.raises(cx.ParameterError, match="max_step"):
        cx.spiking.Izhikevich(max_step="0 ms")
    with pytest.raises(cx.ContractError, match="outputs: wanted names among response, potential, recovery"):
        cx.spiking.Izhikevich(outputs=["spikes"])
    with pytest.raises(cx.ContractError, match="max_step: wanted at least"):
        cx.spiking.Izhikevich(max_step="1 ns")(levels([1.0], "10 s", 2))


def test_a_run_gives_the_membrane_where_it_is_asked_for() -> None:
    made = cx.run(
        cx.spiking.Izhikevich(), levels([10.0], "1 ms", 60), outputs=["potential", "response"], progress=False
    )
    assert made.potential.attrs["units"] == "mV"
    assert made.response.attrs["units"] == "count"
    assert float(made.potential.min()) < -60
