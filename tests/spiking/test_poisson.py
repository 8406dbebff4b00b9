"""Poisson spikes of labelled rates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx


def rates(values: np.ndarray, units: str = "Hz", dt: str = "1 ms") -> xr.DataArray:
    return cx.as_stimulus(values, dt=dt, pixel_size="0.1 deg", units=units)


@pytest.mark.parametrize("dt", ["0.1 ms", "1 ms", "20 ms"])
def test_the_rate_does_not_depend_on_the_time_step(dt: str) -> None:
    steps = round(2 / float(dt.split()[0]) * 1000)
    counts = cx.spiking.Poisson(seed=2)(rates(np.full((steps, 20, 20), 30.0), dt=dt))
    assert abs(float(counts.sum()) / 400 / 2 - 30) < 4 * np.sqrt(30 / 800)
    assert (counts.dtype, counts.attrs["units"]) == (np.uint8, "count")


def test_rates_of_other_units_are_the_same_spikes() -> None:
    film = np.random.default_rng(0).random((50, 4, 5)) * 200
    wanted = cx.spiking.Poisson()(rates(film))
    assert wanted.sum() > 0
    for other in (rates(film / 1000, "kHz"), rates(film, "1/s"), rates(film, "1")):
        np.testing.assert_array_equal(cx.spiking.Poisson()(other), wanted)
    for units in ("mV", "count", "count/s"):
        with pytest.raises(cx.UnitError, match="units of the input of Poisson"):
            cx.spiking.Poisson()(rates(film, units))


def test_what_a_model_gives_below_zero_is_no_rate() -> None:
    film = np.ones((10, 2, 2))
    film[3, 1, 0] = -0.5
    with pytest.raises(cx.ContractError, match=r"rates of 0 Hz or more, got -0\.5 .* Cure: a rectification"):
        cx.spiking.Poisson()(rates(film))
    film[3, 1, 0] = np.nan
    with pytest.raises(cx.ContractError, match="finite"):
        cx.spiking.Poisson()(rates(film))
    with pytest.raises(cx.ContractError, match="rates of 0 Hz or more, got nan"):
        cx.run(cx.spiking.Poisson(), rates(film), nan="propagate", progress=False)


def test_too_many_spikes_for_a_count_are_refused() -> None:
    with pytest.raises(OverflowError, match="255"):
        cx.spiking.Poisson()(rates(np.full((3, 1, 1), 1e6)))
    assert cx.spiking.Poisson("bernoulli")(rates(np.full((3, 1, 1), 1e6))).values.ravel().tolist() == [1, 1, 1]


def test_seeds_and_modes() -> None:
    film = rates(np.full((40, 5, 5), 300.0))
    one, other = (cx.spiking.Poisson(seed=seed)(film).values for seed in (1, 2))
    assert (one != other).any()
    np.testing.assert_array_equal(cx.spiking.Poisson("bernoulli", seed=1)(film), np.minimum(one, 1))
    with pytest.raises(cx.ParameterError, match='mode: wanted "poisson" or "bernoulli"'):
        cx.spiking.Poisson("gamma")  # type: ignore[arg-type]


def test_cells_say_which_part_of_the_frame_it_is() -> None:
    cell, whole = cx.spiking.Poisson(), cx.spiking.Poisson()
    film = torch.full((1, 1, 20, 4, 6), 200.0)
    with cx.set_options(dt="1 ms"):
        part = cell(film[..., 1:, 2:], torch.arange(24).view(1, 1, 4, 6)[..., 1:, 2:])
        assert torch.equal(part, whole(film)[..., 1:, 2:])
