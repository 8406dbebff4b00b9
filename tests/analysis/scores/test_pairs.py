"""What does not go together is refused, and the message says what to do."""

from __future__ import annotations

import numpy as np
import pint_xarray  # noqa: F401 - registers the accessor
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.scores.pairs import pair
from tests.analysis.scores.simulated import DT, over_time, signal_and_trials

SIGNAL, TRIALS = signal_and_trials(4, steps=40)
PAIRED = [cx.analysis.correlation, cx.analysis.explained_variance, cx.analysis.feve, cx.analysis.cc_norm]


@pytest.mark.parametrize("score", PAIRED)
def test_other_labels_are_refused(score) -> None:
    named = TRIALS.assign_coords(cell=["a", "b", "c"])
    faults = {
        "time, 1.5 to 1.89 s, got 1.504": (SIGNAL.assign_coords(time=SIGNAL.time + 0.004), TRIALS),
        "40 along time": (SIGNAL[:30], TRIALS),
        "labels along cell of both, got prediction has none": (SIGNAL, named),
        "along cell, a to c, got c to a": (SIGNAL.assign_coords(cell=["c", "b", "a"]), named),
        "the dimensions of the response": (SIGNAL[:, 0], TRIALS),
        r'mean\("repeat"\)': (TRIALS, TRIALS),
        "a DataArray, got ndarray": (SIGNAL.values, TRIALS),
        "values per time step": (SIGNAL.rename(time="step"), TRIALS),
        "real numbers": (SIGNAL + 1j, TRIALS),
        "at least one value": (SIGNAL[:0], TRIALS[:, :0]),
    }
    for message, (prediction, response) in faults.items():
        with pytest.raises(cx.ContractError, match=message):
            score(prediction, response)


def test_labels_may_be_in_another_unit_and_round_differently() -> None:
    labels = xr.Variable("time", (SIGNAL.time.values * 1000).astype(np.float32), {"units": "ms"})
    told = SIGNAL.drop_vars("time").assign_coords(time=labels)
    np.testing.assert_array_equal(cx.analysis.correlation(told, TRIALS), cx.analysis.correlation(SIGNAL, TRIALS))
    stamps = np.datetime64("2026-01-01", "ns") + np.arange(40) * np.timedelta64(10, "ms")
    dated = [one.drop_vars("time").assign_coords(time=stamps) for one in (SIGNAL, TRIALS)]
    np.testing.assert_array_equal(cx.analysis.correlation(*dated), cx.analysis.correlation(SIGNAL, TRIALS))
    with pytest.raises(cx.ContractError, match="labels of the response along time"):
        cx.analysis.correlation(SIGNAL, dated[1])


def test_units_are_converted_or_refused() -> None:
    volts = (SIGNAL / 1000).assign_attrs(units="V")
    np.testing.assert_allclose(
        cx.analysis.explained_variance(volts, TRIALS), cx.analysis.explained_variance(SIGNAL, TRIALS), rtol=1e-9
    )
    counts = over_time(np.arange(6.0))
    hertz = (counts / DT).assign_attrs(units="Hz")
    for prediction, response in ((hertz, counts), (counts, hertz)):
        assert float(cx.analysis.explained_variance(prediction, response)) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(cx.UnitError, match="prediction: wanted a unit that converts to mV, got Hz"):
        cx.analysis.explained_variance(SIGNAL.assign_attrs(units="Hz"), TRIALS)
    with pytest.raises(cx.UnitError, match="response: wanted a unit, got none"):
        cx.analysis.feve(SIGNAL, TRIALS.assign_attrs(units=None).drop_attrs())
    with pytest.raises(cx.UnitError, match="response: wanted a unit that converts to count, got mV"):
        cx.analysis.bits_per_spike(SIGNAL, TRIALS)


def test_pint_is_taken_off() -> None:
    quantified = SIGNAL.pint.quantify()
    np.testing.assert_array_equal(
        cx.analysis.explained_variance(quantified, TRIALS), cx.analysis.explained_variance(SIGNAL, TRIALS)
    )


def test_dimensions_come_in_any_order() -> None:
    shown, seen = pair(SIGNAL.transpose(), TRIALS.transpose("cell", "time", "repeat"))
    assert (shown.dims, seen.dims) == (("cell", "time"), ("repeat", "time", "cell")) or shown.dims == ("time", "cell")
    np.testing.assert_allclose(
        cx.analysis.correlation(SIGNAL.transpose(), TRIALS.transpose("cell", "time", "repeat")),
        cx.analysis.correlation(SIGNAL, TRIALS),
        rtol=1e-12,
    )


@pytest.mark.parametrize("score", ["explainable_variance", "noise_variance", "cc_max", "oracle"])
def test_one_trial_tells_nothing_of_noise(score: str) -> None:
    for response in (TRIALS[0], TRIALS[:1]):
        with pytest.raises(cx.ContractError, match="two repeats or more"):
            getattr(cx.analysis, score)(response)
    for one in (cx.analysis.feve, cx.analysis.cc_norm):
        with pytest.raises(cx.ContractError, match="two repeats or more"):
            one(SIGNAL, TRIALS[0])
