from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx


def _data(cells: int = 3) -> tuple[cx.Layer, xr.DataArray, xr.DataArray]:
    random = np.random.default_rng(0)
    film = cx.as_stimulus(random.random((80, 4, 5)), dt="10 ms", pixel_size="0.5 deg", units="1")
    places = {"y": xr.DataArray([3, 0, 1][:cells], dims="cell"), "x": xr.DataArray([1, 4, 2][:cells], dims="cell")}
    low = cx.filters.LowPass("30 ms")
    response = cx.run(low, film).response.isel(places)[7:70]
    noisy = response.copy(data=response.values + random.normal(0, 0.02, response.shape))
    noisy[5:9, 0] = np.nan
    return low, film, noisy.expand_dims(repeat=2).copy().transpose("repeat", "time", "cell")


@given(chunk=st.integers(1, 90), lazy=st.booleans())
def test_however_it_is_cut(chunk: int, lazy: bool) -> None:
    low, film, response = _data()
    given_data = (film.chunk(time=11), response.chunk(time=17, repeat=1)) if lazy else (film, response)
    scores = cx.fitting.evaluate(low, *given_data, chunk=chunk)
    prediction = cx.run(low, film, cells=response[0, 0]).response.isel(time=slice(7, 70))
    for cell in range(3):
        r = response[0, :, cell].values
        valid = np.isfinite(r)
        p = prediction[:, cell].values
        assert scores.correlation[cell] == pytest.approx(np.corrcoef(p[valid], r[valid])[0, 1], rel=1e-6)
        expected = 1 - np.mean((p[valid] - r[valid]) ** 2) / np.var(r[valid])
        assert scores.explained_variance[cell] == pytest.approx(expected, rel=1e-6)
        assert scores.samples[cell] == 2 * valid.sum()
    error = ((prediction - response) ** 2).mean()
    assert float(scores.loss) == pytest.approx(float(error), rel=1e-6)
    assert scores.correlation.dims == ("cell",)
    np.testing.assert_array_equal(scores.y, response.y)


def test_it_changes_nothing() -> None:
    low, film, response = _data()
    low(film[:5])
    state = low.get_state()
    cx.fitting.evaluate(low, film, response)
    assert all(torch.equal(value, low.get_state()[path]) for path, value in state.items())
    assert low.compute_loss(film, response, dt="100 ms") == float(
        cx.fitting.evaluate(low, film, response, chunk=10).loss
    )


def test_units_of_the_loss() -> None:
    low, film, response = _data()
    assert cx.fitting.evaluate(low, film, response.assign_attrs(units="mV")).loss.attrs["units"] == "mV^2"
    assert cx.fitting.evaluate(low, film, response.assign_attrs(units="count/s")).loss.attrs["units"] == "(count/s)^2"
    scores = cx.fitting.evaluate(low, film, abs(response).assign_attrs(units="count"), loss="poisson")
    assert (scores.loss.attrs["units"], scores.loss.attrs["long_name"]) == ("1", "poisson")


def test_a_silent_cell_has_no_correlation() -> None:
    low, film, response = _data()
    response[..., 1] = 0
    scores = cx.fitting.evaluate(low, film, response)
    assert np.isnan(scores.correlation[1])
    assert np.isnan(scores.explained_variance[1])
    assert np.isfinite(scores.correlation[[0, 2]]).all()
    with pytest.raises(cx.ContractError, match="varies over time in some cell, got constant responses alone"):
        cx.fitting.evaluate(low, film, response * 0, loss="correlation")
