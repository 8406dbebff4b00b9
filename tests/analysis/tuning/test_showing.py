"""Values along a curve, and what is refused before anything is run."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.analysis.tuning.showing import values_of

GRATING = {"spatial_frequency": "1 cycle/deg", "temporal_frequency": "5 Hz", "size": 3, "settle": 0, "cycles": 1}
GRID = {"dt": "10 ms", "pixel_size": "0.1 deg"}


def test_values_come_in_many_forms() -> None:
    wanted = [0.5, 1.0, 2.0]
    for given in (
        ["1 cpd", "0.5 cycle/deg", "2/deg"],
        cx.units.Quantity(np.array([2.0, 1.0, 0.5]), "1/degree"),
        cx.units.Quantity(np.array([2.0, 1.0, 0.5]), "cycle/degree"),
        xr.DataArray(np.array([0.5, 1.0, 2.0]) / 60, attrs={"units": "1/arcmin"}),
    ):
        np.testing.assert_allclose(values_of(given, "spatial_frequency", "spatial_frequencies"), wanted)
    for bare in ([0.1, 0.3], np.array([0.3, 0.1]), xr.DataArray([0.1, 0.3])):
        np.testing.assert_allclose(values_of(bare, "dimensionless", "contrasts"), [0.1, 0.3])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 2], cx.UnitError, 'spatial_frequencies="1 cycle/deg"'),
        (np.array([1.0, 2.0]), cx.UnitError, "a spatial frequency, got bare numbers"),
        (cx.units.Quantity(np.array([1.0]), "Hz"), cx.UnitError, r"a spatial frequency .*got 1\.0 hertz"),
        ("1 cycle/deg", cx.ContractError, "several values"),
        (["1 cpd", "1 cycle/deg"], cx.ContractError, "one twice"),
        ([], cx.ContractError, "got none"),
    ],
)
def test_values_that_do_not_fit(given: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        values_of(given, "spatial_frequency", "spatial_frequencies")


def test_what_is_refused() -> None:
    layer = cx.filters.LowPass("20 ms")
    tune = cx.analysis.direction_tuning
    for message, model, changed in (
        ("model: wanted a convis_xr.Layer, got str", "primate", {}),
        ("bandwith: wanted keywords among dt", layer, {"bandwith": 3}),
        ("settle", layer, {"settle": "-1 s"}),
        ("cycles: wanted a whole number above 0", layer, {"cycles": 0}),
        ("temporal_frequency: wanted more than 0", layer, {"temporal_frequency": "0 Hz"}),
        ("divide the circle evenly", layer, {"directions": ["0 deg", "90 deg", "100 deg", "200 deg"]}),
        ("contrast", layer, {"contrast": 1.5}),
        ("outputs: wanted values per time step, got times", cx.spiking.NoisyLIF(), {"outputs": ["times"]}),
    ):
        with pytest.raises((cx.ContractError, cx.UnitError), match=message):
            tune(model, **{**GRATING, **GRID, **changed})
    with pytest.raises(cx.UnitError, match='spatial_frequency="1 cycle/deg"'):
        tune(layer, **{**GRATING, **GRID, "spatial_frequency": 1})
    with pytest.raises(cx.ContractError, match="a time step, got none"):
        tune(layer, **GRATING)
    with pytest.raises(cx.ContractError, match="temporal_frequencies: wanted more than 0"):
        cx.analysis.temporal_frequency_tuning(layer, ["0 Hz", "1 Hz"], spatial_frequency="1 cpd", size=1, **GRID)


def test_the_sampling_of_the_last_input_is_the_default_and_the_model_stays_as_it_was() -> None:
    layer = cx.filters.LowPass("20 ms")
    layer(cx.stimuli.uniform("0.1 s", 2, **GRID, contrast=1))
    state = {name: value.clone() for name, value in layer.get_state().items()}
    tree = cx.analysis.direction_tuning(layer, **GRATING)
    assert tree["response/F1"].sizes == {"direction": 12, "y": 3, "x": 3}
    assert state.keys() == layer.get_state().keys()
    assert all((value == layer.get_state()[name]).all() for name, value in state.items())


def test_an_aliased_grating_warns() -> None:
    layer = cx.filters.LowPass("20 ms")
    with pytest.warns(UserWarning, match="Nyquist"):
        cx.analysis.temporal_frequency_tuning(layer, ["60 Hz"], spatial_frequency="1 cpd", size=1, **GRID)
