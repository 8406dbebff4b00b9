"""The library's own optimizers and regularisers in `cx.fit`: against closed forms."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import convis_xr as cx
from convis_xr.fitting import L1, L2, DoG, SmoothSpace, SmoothTime

LAGS, HEIGHT, WIDTH, STEPS = 4, 5, 5, 600
LBFGS = partial(
    torch.optim.LBFGS, max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
)


def film() -> xr.DataArray:
    values = np.random.default_rng(0).standard_normal((STEPS, HEIGHT, WIDTH))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="1")


def design() -> np.ndarray:
    """Windows (step, lag * pixel), from the first whole one on."""
    shown = film().values.reshape(STEPS, -1)
    return np.array([shown[t - np.arange(LAGS)].ravel() for t in range(LAGS, STEPS)])


def response() -> xr.DataArray:
    draws = np.random.default_rng(1)
    weight = draws.standard_normal(LAGS * HEIGHT * WIDTH) * 0.3
    values = np.concatenate([np.zeros(LAGS), design() @ weight + draws.standard_normal(STEPS - LAGS)])
    return xr.DataArray(values, {"time": film().time}, ("time",), attrs={"units": "mV"})


def fitted(optimizer: Any, *regularizers: Any, **options: Any) -> np.ndarray:
    """Weights (lag * pixel) of a linear cell, in double precision."""
    model = cx.models.LN((LAGS, HEIGHT, WIDTH), population=False, nonlinearity="identity").double()
    model.conv.set_weight(np.zeros((LAGS, HEIGHT, WIDTH)))
    options = {"epochs": 2, "skip": LAGS, "dtype": torch.float64, "progress": False} | options
    cx.fit(
        model, film(), response(), parameters="conv.weight", optimizer=optimizer, regularizers=regularizers, **options
    )
    weight = model.conv.weight.detach().numpy()
    return np.asarray(weight).ravel()


def least(penalty: np.ndarray) -> np.ndarray:
    """Where the mean squared error and a quadratic penalty are least together."""
    rows, y = design(), response().values[LAGS:]
    return np.linalg.solve(rows.T @ rows / len(rows) + penalty, rows.T @ y / len(rows))


def second(n: int) -> np.ndarray:
    return np.diff(np.eye(n), n=2, axis=0)


def of_time() -> np.ndarray:
    steps = 20 / 10
    rough = np.kron(second(LAGS), np.eye(HEIGHT * WIDTH))
    return 0.1 * steps**5 * rough.T @ rough


def of_space() -> np.ndarray:
    first, size = np.diff(np.eye(HEIGHT), axis=0), 2.0
    total: np.ndarray = np.zeros((HEIGHT * WIDTH,) * 2)
    for many, form in (
        (1, np.kron(second(HEIGHT), np.eye(WIDTH))),
        (1, np.kron(np.eye(HEIGHT), second(WIDTH))),
        (2, np.kron(first, first)),
    ):
        total += many * form.T @ form
    return 0.01 * size**6 * np.kron(np.eye(LAGS), total)


def of_gaussians() -> np.ndarray:
    far = np.add.outer((np.arange(5) - 2) ** 2, (np.arange(5) - 2) ** 2).ravel()
    both = np.stack([np.exp(-far / 2), np.exp(-far / 18)], 1)
    return 0.5 * np.kron(np.eye(LAGS), np.eye(25) - both @ np.linalg.pinv(both))


@pytest.mark.parametrize(
    ("regularizer", "penalty"),
    [
        (L2("conv.weight", 0.2), 0.2 * np.eye(100)),
        (SmoothTime("conv.weight", 0.1, scale="20 ms"), of_time()),
        (SmoothSpace("conv.weight", 0.01, scale="0.2 deg"), of_space()),
        (DoG("conv.weight", 0.5, center="0.1 deg", surround="0.3 deg"), of_gaussians()),
    ],
    ids=["L2", "SmoothTime", "SmoothSpace", "DoG"],
)
def test_with_a_quadratic_regularizer_weights_are_those_of_the_closed_form(
    regularizer: Any, penalty: np.ndarray
) -> None:
    np.testing.assert_allclose(fitted(LBFGS, regularizer), least(penalty), atol=1e-5)
    assert np.abs(least(penalty) - least(0 * penalty)).max() > 0.01


def test_the_sum_of_absolute_values_is_as_low_as_that_of_the_lasso() -> None:
    from sklearn.linear_model import Lasso

    rows, y = design(), response().values[LAGS:]
    # of the library's objective a half
    peer = Lasso(alpha=0.1, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(rows, y).coef_
    fading = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.98)
    found = fitted(partial(torch.optim.Adam, lr=0.05), L1("conv.weight", 0.2), epochs=250, scheduler=fading)

    def objective(weight: np.ndarray) -> float:
        return float(((y - rows @ weight) ** 2).mean() + 0.2 * np.abs(weight).sum())

    assert objective(peer) <= objective(found) < objective(peer) * (1 + 1e-3)
    np.testing.assert_allclose(found, peer, atol=0.02)


def test_cautious_lbfgs_comes_to_least_squares() -> None:
    cautious = partial(cx.optimizers.CautiousLBFGS, max_iter=100)
    np.testing.assert_allclose(fitted(cautious, batch="all", chunk=200), least(np.zeros((100, 100))), atol=1e-5)
    np.testing.assert_allclose(fitted(cautious, L2("conv.weight", 0.2)), least(0.2 * np.eye(100)), atol=1e-5)


def test_differences_fit_a_physical_parameter() -> None:
    """Its gradients are never asked for."""
    shown = film().isel(y=0, x=0)
    truth, model = cx.filters.LowPass("40 ms"), cx.filters.LowPass("20 ms")
    assert not cx.optimizers.FiniteDifference.needs_gradient
    cx.fit(model, shown, truth(shown), optimizer="FiniteDifference", epochs=3, progress=False)
    assert model.tau.item() == pytest.approx(0.04, rel=1e-2)


def test_differences_fit_a_cell_that_spikes() -> None:
    current = cx.as_stimulus(np.full((400, 1, 1), 60.0), dt="1 ms", pixel_size="0.1 deg", units="Hz")
    truth, model = cx.spiking.LIF(g_leak="50 Hz"), cx.spiking.LIF(g_leak="30 Hz")
    wanted = cx.run(truth, current, progress=False).response

    def number(prediction: Tensor, response: Tensor) -> Tensor:
        return (prediction.sum() - response.sum()) ** 2

    differences = partial(cx.optimizers.FiniteDifference, spacing=0.1, noise=0.5)
    result = cx.fit(
        model,
        current,
        wanted,
        loss=number,
        optimizer=differences,
        parameters="g_leak",
        epochs=3,
        bounds=False,
        progress=False,
    )
    assert result.loss[0] > 9
    # a loss in whole spikes, seen through a spacing of a tenth: one more or less
    assert result.loss.min() <= 1
