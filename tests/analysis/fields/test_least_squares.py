"""Least squares from moments, against numpy and scikit-learn on the explicit rows."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import Ridge

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.analysis.lagged import moments_of, rows

LAGS = 4


def film(steps: int = 400, unit: str = "cd/m^2", size: float = 1.0) -> xr.DataArray:
    rng = np.random.default_rng(1)
    white = rng.normal(0.0, 1.0, (steps, 2, 3))
    slow = white + 0.5 * np.roll(white, 1, 0) + 0.3 * white.mean((1, 2), keepdims=True)
    return cx.as_stimulus(size * (3.0 + slow), dt="10 ms", pixel_size="0.1 deg", units=unit)


def answer(stimulus: xr.DataArray, cells: int = 3, noise: float = 1.0) -> xr.DataArray:
    rng = np.random.default_rng(2)
    x = rows(stimulus, LAGS)
    drive = (x - x.mean()) / x.std() @ rng.normal(0.0, 1.0, (x.shape[1], cells))
    values = np.concatenate([rng.normal(0, 5, (LAGS - 1, cells)), 7.0 + drive + rng.normal(0, noise, drive.shape)])
    return xr.DataArray(
        values, {"time": stimulus.time, "cell": ["a", "b", "c"][:cells]}, ("time", "cell"), attrs={"units": "Hz"}
    )


def scale_of(x: np.ndarray) -> float:
    """What a penalty is relative to."""
    return float(x.var(0).mean() * len(x))


def test_the_whitened_average_is_that_of_numpy(agreement: Agreement) -> None:
    stimulus = film()
    response = answer(stimulus)
    field = cx.analysis.whitened_sta(moments_of(stimulus, response, LAGS))
    x, y = rows(stimulus, LAGS), response.values[LAGS - 1 :]
    wanted = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    error = relative(field.values.reshape(3, -1), wanted[:-1].T)
    agreement("least squares from moments", "numpy.linalg.lstsq", "relative L2 error", error, within=1e-6)
    np.testing.assert_allclose(field.intercept, wanted[-1], rtol=1e-6)
    assert field.dims == ("cell", "time", "y", "x")
    assert list(field.cell) == ["a", "b", "c"]
    assert cx.units.parse_unit(field.attrs["units"], "field") == cx.units.parse_unit("Hz/(cd/m^2)", "unit")
    assert field.intercept.attrs["units"] == "Hz"


def test_directions_that_were_not_shown_get_the_smallest_weights() -> None:
    stimulus = film()
    stimulus[:, 1, 2] = stimulus[:, 0, 0]
    response = answer(stimulus)
    field = cx.analysis.whitened_sta(moments_of(stimulus, response, LAGS))
    x, y = rows(stimulus, LAGS), response.values[LAGS - 1 :]
    wanted = np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=1e-8)[0]
    np.testing.assert_allclose(field.values.reshape(3, -1), wanted.T, rtol=1e-6, atol=1e-6 * abs(wanted).max())


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 10.0])
def test_ridge_is_that_of_scikit_learn(penalty: float, agreement: Agreement) -> None:
    stimulus = film()
    response = answer(stimulus)
    field = cx.analysis.ridge(moments_of(stimulus, response, LAGS), penalty=penalty)
    x, y = rows(stimulus, LAGS), response.values[LAGS - 1 :]
    peer = Ridge(alpha=penalty * scale_of(x), solver="cholesky").fit(x, y)
    error = relative(field.values.reshape(3, -1), peer.coef_)
    agreement("ridge regression from moments", "sklearn.linear_model.Ridge", "relative L2 error", error, within=1e-6)
    np.testing.assert_allclose(field.intercept, peer.intercept_, rtol=1e-6)


def test_repeats_and_gaps_weigh_rows() -> None:
    stimulus = film()
    first, second = answer(stimulus, noise=1.0), answer(stimulus, noise=2.0)
    second[100:300] = np.nan
    response = xr.concat([first, second], "repeat").assign_attrs(first.attrs)
    field = cx.analysis.ridge(moments_of(stimulus, response, LAGS), penalty=0.01)
    x = rows(stimulus, LAGS)
    seen = np.isfinite(second.values[LAGS - 1 :, 0])
    both = np.concatenate([x, x[seen]])
    y = np.concatenate([first.values[LAGS - 1 :], second.values[LAGS - 1 :][seen]])
    peer = Ridge(alpha=0.01 * scale_of(both), solver="cholesky").fit(both, y)
    np.testing.assert_allclose(field.values.reshape(3, -1), peer.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(field.intercept, peer.intercept_, rtol=1e-6)


def dense_evidence(x: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Of a prior of one variance, the noise at its best: from the covariance of the responses themselves."""
    x, y = x - x.mean(0), y - y.mean()
    basis = np.linalg.svd(np.eye(len(y)) - 1.0 / len(y))[0][:, :-1]
    x, y = basis.T @ x, basis.T @ y
    covariance = np.eye(len(y)) + x @ x.T / penalty
    noise = y @ np.linalg.solve(covariance, y) / len(y)
    return -0.5 * (len(y) * np.log(2 * np.pi * noise) + np.linalg.slogdet(covariance)[1] + len(y))


def test_the_evidence_is_greatest_at_the_penalty_chosen() -> None:
    stimulus = film(120)
    response = answer(stimulus, noise=4.0)
    field = cx.analysis.ridge(moments_of(stimulus, response, LAGS))
    x, y = rows(stimulus, LAGS), response.values[LAGS - 1 :]
    for cell in range(3):
        best = float(field.penalty[cell])
        tried = [dense_evidence(x, y[:, cell], best * scale_of(x) * part) for part in (0.8, 0.97, 1.0, 1.03, 1.25)]
        assert int(np.argmax(tried)) == 2


def test_generalised_cross_validation_is_least_at_the_penalty_chosen() -> None:
    stimulus = film(120)
    response = answer(stimulus, noise=4.0)
    field = cx.analysis.ridge(moments_of(stimulus, response, LAGS), penalty="gcv")
    x, y = rows(stimulus, LAGS), response.values[LAGS - 1 :]
    x, y = x - x.mean(0), y - y.mean(0)

    def score(alpha: float, cell: int) -> float:
        hat = x @ np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T)
        return float(((y[:, cell] - hat @ y[:, cell]) ** 2).sum() / (len(y) - 1 - np.trace(hat)) ** 2)

    for cell in range(3):
        best = float(field.penalty[cell]) * scale_of(x)
        assert int(np.argmin([score(best * part, cell) for part in (0.8, 0.97, 1.0, 1.03, 1.25)])) == 2


@pytest.mark.parametrize("parts", [1, 2])
def test_validation_chooses_what_predicts_other_data_best(parts: int) -> None:
    stimulus = film(300)
    response = answer(stimulus, noise=8.0)
    fitted = moments_of(stimulus[:120], response[:120], LAGS)
    cuts = [slice(120, 300)] if parts == 1 else [slice(120, 210), slice(210, 300)]
    others = [moments_of(stimulus[cut], response[cut], LAGS, origin=2.0 + k) for k, cut in enumerate(cuts)]
    field = cx.analysis.ridge(fitted, penalty="validation", validation=others)
    x, y = rows(stimulus[:120], LAGS), response.values[LAGS - 1 : 120]
    seen = np.concatenate([rows(stimulus[cut], LAGS) for cut in cuts])
    wanted = np.concatenate([response[cut].values[LAGS - 1 :] for cut in cuts])
    for cell in range(3):

        def error(penalty: float, cell: int = cell) -> float:
            peer = Ridge(alpha=penalty * scale_of(x), solver="cholesky").fit(x, y[:, cell])
            return float(((peer.predict(seen) - wanted[:, cell]) ** 2).sum())

        best = float(field.penalty[cell])
        assert int(np.argmin([error(best * part) for part in (0.5, 0.9, 1.0, 1.1, 2.0)])) == 2


@pytest.mark.parametrize("estimate", [cx.analysis.whitened_sta, cx.analysis.ridge])
def test_units_change_nothing_but_the_numbers(estimate: object) -> None:
    plain, huge = film(), film(unit="ucd/m^2", size=1e6)
    response = answer(plain)
    wanted = estimate(moments_of(plain, response, LAGS))
    got = estimate(moments_of(huge, response * 1e-3, LAGS, origin=0.5e6))
    np.testing.assert_allclose(got.values * 1e9, wanted.values, rtol=1e-6)


def test_a_cell_without_spikes_has_no_field_and_one_spike_has_one() -> None:
    stimulus = film()
    response = (answer(stimulus) * 0).assign_attrs(units="count")
    response[200, 1] = 1.0
    field = cx.analysis.ridge(moments_of(stimulus, response, LAGS))
    assert np.isnan(field[0]).all()
    assert np.isnan(field.penalty[0])
    assert np.isfinite(field[1]).all()


def test_a_constant_stimulus_is_refused() -> None:
    stimulus = film() * 0 + 2.0
    stimulus.attrs["units"] = "cd/m^2"
    with pytest.raises(cx.ContractError, match="a stimulus that varies, got a constant one"):
        cx.analysis.ridge(moments_of(stimulus, answer(film()), LAGS))


def test_what_is_wrong_is_said() -> None:
    stimulus = film()
    moments = moments_of(stimulus, answer(stimulus), LAGS)
    with pytest.raises(cx.ContractError, match="auto=True"):
        cx.analysis.whitened_sta(moments.drop_vars("auto"))
    with pytest.raises(cx.ContractError, match="NaN in cross"):
        cx.analysis.ridge(moments.assign(cross=moments.cross * np.nan))
    with pytest.raises(cx.ContractError, match="a Dataset of moments, got DataArray"):
        cx.analysis.ridge(moments.cross)
    with pytest.raises(cx.ParameterError, match="floor: wanted 0 to 1"):
        cx.analysis.whitened_sta(moments, floor=-1)
    with pytest.raises(cx.ParameterError, match="0 or more"):
        cx.analysis.ridge(moments, penalty=-1.0)
    with pytest.raises(cx.ParameterError, match='"gcv"'):
        cx.analysis.ridge(moments, penalty="aic")
    with pytest.raises(cx.ParameterError, match="validation"):
        cx.analysis.ridge(moments, penalty="validation")
    with pytest.raises(cx.ParameterError, match="validation"):
        cx.analysis.ridge(moments, validation=moments)
    with pytest.raises(cx.ContractError, match="cells, window and units as fitted"):
        cx.analysis.ridge(moments, penalty="validation", validation=moments.isel(cell=[0]))
