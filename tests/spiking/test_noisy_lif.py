"""Integrate-and-fire cells on labelled currents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx


def current(hertz: float, steps: int = 1000, cells: int = 1, dt: str = "1 ms") -> xr.DataArray:
    return cx.as_stimulus(np.full((steps, cells, 1), hertz), dt=dt, pixel_size="0.1 deg", units="Hz")


@pytest.mark.parametrize("dt", ["0.5 ms", "1 ms", "5 ms"])
def test_regular_firing_has_the_closed_rate(dt: str) -> None:
    cell = cx.spiking.NoisyLIF("50 Hz", noise=0.0, refractory_mean="3 ms")
    counts = cell(current(100.0, steps=round(4 / float(dt.split()[0]) * 1000), dt=dt))
    interval = 0.003 + np.log(2) / 50
    assert abs(int(counts.sum()) - 4 / interval) <= 1
    assert (counts.dtype, counts.attrs["units"]) == (np.uint8, "count")


@pytest.mark.parametrize("dt", ["1 ms", "5 ms"])
def test_the_rate_does_not_depend_on_the_time_step(dt: str) -> None:
    """science: 1.35-1.40 Hz at I = 37 Hz, g_leak = 50 Hz, noise 0.1, 3 ms refractory."""
    seconds, cells = 20, 2000
    cell = cx.spiking.NoisyLIF("50 Hz", 0.1, "3 ms")
    counts = cell(current(37.0, round(seconds / float(dt.split()[0]) * 1000), cells, dt))
    later = counts.sel(time=slice(1, None))  # the membrane starts at 0
    rate = float(later.sum()) / cells / (seconds - 1)
    error = np.sqrt(rate / cells / (seconds - 1))
    assert 1.35 - 3 * error < rate < 1.40 + 3 * error


def test_seed_and_path_choose_the_noise() -> None:
    stimulus = current(60.0, 300, 50)

    def counts(seed: int) -> np.ndarray:
        return cx.spiking.NoisyLIF(seed=seed)(stimulus).values

    np.testing.assert_array_equal(counts(1), counts(1))
    assert (counts(1) != counts(2)).any()


def test_random_start_desynchronises() -> None:
    stimulus = current(100.0, 12, 200)
    together = cx.spiking.NoisyLIF(noise=0.0)(stimulus).sum("time")
    apart = cx.spiking.NoisyLIF(noise=0.0, random_init=True)(stimulus).argmax("time")
    assert np.unique(together).size == 1
    assert np.unique(apart).size > 5


def test_too_many_spikes_for_a_count_are_refused() -> None:
    cell = cx.spiking.NoisyLIF(noise=0.0, refractory_mean="0 ms")
    with pytest.raises(OverflowError, match="255"):
        cell(current(1e6, 3))


def test_the_current_is_read_in_its_own_unit() -> None:
    hertz = current(100.0, 100)
    kilohertz = (hertz / 1000).assign_attrs(units="kHz")
    wanted = cx.spiking.NoisyLIF(noise=0.0)(hertz)
    assert wanted.sum() > 0
    np.testing.assert_array_equal(cx.spiking.NoisyLIF(noise=0.0)(kilohertz), wanted)
    result = cx.run(cx.spiking.NoisyLIF(noise=0.0), kilohertz, progress=False)
    np.testing.assert_array_equal(result.response, wanted)
    with pytest.raises(
        cx.UnitError, match="units of the input of NoisyLIF: wanted a unit that converts to Hz, got cd/m"
    ):
        cx.spiking.NoisyLIF()(hertz.assign_attrs(units="cd/m^2"))


def test_a_cell_within_a_model_gets_hertz_whatever_the_film_is_in() -> None:
    class Driven(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cx.spiking.NoisyLIF(noise=0.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.cell(100 * x)

    film = xr.ones_like(current(1.0, 100)).assign_attrs(units="cd/m^2")
    np.testing.assert_array_equal(Driven()(film), cx.spiking.NoisyLIF(noise=0.0)(current(100.0, 100)))


def test_values_that_make_no_sense_are_refused() -> None:
    with pytest.raises(cx.UnitError, match="g_leak: wanted a rate"):
        cx.spiking.NoisyLIF(g_leak=50.0)
    with pytest.raises(cx.ParameterError, match="noise: wanted a value between 0 and inf"):
        cx.spiking.NoisyLIF(noise=-0.1)


def test_the_membrane_starts_afresh_whatever_was_shown_before() -> None:
    cell = cx.spiking.NoisyLIF(noise=0.0)
    cell.initial = 40.0
    fresh = cx.spiking.NoisyLIF(noise=0.0)
    xr.testing.assert_identical(cell(current(80.0, 50)), fresh(current(80.0, 50)))
    assert int(cell.step) == 50
    assert torch.equal(cell.potential, fresh.potential)
