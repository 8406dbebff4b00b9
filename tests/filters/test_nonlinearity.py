"""Static nonlinearities: numbers, units, gradients at the threshold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr import filters

VALUES = np.array([-3.0, -0.25, 0.0, 0.1, 0.5, 2.0])


def stimulus(units: str = "1") -> xr.DataArray:
    return cx.as_stimulus(VALUES, dt="1 ms", units=units)


def above(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0)


CASES: list[tuple[cx.Layer, Callable[[np.ndarray], np.ndarray]]] = [
    (filters.NLRectify(), above),
    (filters.NLRectify(0.2), lambda x: above(x - 0.2)),
    (filters.NLRectifyScale(3.0, 0.5), lambda x: above(3 * x + 0.5)),
    (filters.NLRectifyScale(-3.0), lambda x: above(-3 * x)),
    (filters.NLSquare(3.0, 0.5), lambda x: (3 * x + 0.5) ** 2),
    (filters.NLRectifySquare(3.0, 0.5), lambda x: above(3 * x + 0.5) ** 2),
    (filters.NLRectifyPower(3.0, 0.5, 1.7), lambda x: above(3 * x + 0.5) ** 1.7),
]


@pytest.mark.parametrize(("layer", "wanted"), CASES)
def test_numbers(layer: cx.Layer, wanted: Callable[[np.ndarray], np.ndarray]) -> None:
    np.testing.assert_allclose(layer(stimulus()), wanted(VALUES), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("layer", "units", "out", "times"),
    [
        (filters.NLRectify(), "cd/m^2", "cd/m^2", 1),
        (filters.NLRectifyScale("100 Hz"), "1", "Hz", 100),
        (filters.NLRectifyScale("100 Hz", "0 Hz"), "percent", "Hz", 1),
        (filters.NLRectifyScale("0.01 m^2/cd", 0.0), "cd/m^2", "1", 0.01),
        (filters.NLRectifyScale("0.01 m^2/cd", 0.0), "kcd/m^2", "1", 10),
        (filters.NLRectify("0 mV"), "uV", "mV", 1e-3),
        (filters.NLSquare(2.0), "mV", "mV^2", None),
        (filters.NLRectifySquare("2/mV"), "mV", "1", None),
    ],
)
def test_units(layer: cx.Layer, units: str, out: str, times: float | None) -> None:
    result = layer(stimulus(units))
    assert cx.units.factor(result.attrs["units"], out, "out") == 1
    if times is not None:
        np.testing.assert_allclose(result, above(times * VALUES))


@pytest.mark.parametrize(
    ("layer", "units"),
    [
        (filters.NLRectify(0.5), "Hz"),
        (filters.NLRectify("5 Hz"), "1"),
        (filters.NLRectifyScale(2.0, "5 Hz"), "mV"),
        (filters.NLRectifyPower(), "Hz"),
    ],
)
def test_units_that_do_not_fit_are_refused(layer: cx.Layer, units: str) -> None:
    with pytest.raises(cx.UnitError, match=f"input of {type(layer).__name__}: wanted a unit that converts to"):
        layer(stimulus(units))


def test_gradients_stay_finite_at_and_below_the_threshold() -> None:
    for layer, _ in CASES:
        x = torch.from_numpy(VALUES).view(1, 1, -1, 1, 1).requires_grad_()
        layer(x).sum().backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert all(value.grad is not None and value.grad.isfinite().all() for value in layer.parameters())
        layer.zero_grad()


def test_an_exponent_can_be_fitted() -> None:
    x = torch.linspace(-1, 2, 60, dtype=torch.float64).view(1, 1, -1, 1, 1)
    layer, wanted = filters.NLRectifyPower(), torch.relu(1.5 * x - 0.3) ** 1.3
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = ((layer(x) - wanted) ** 2).sum()
        error.backward()
        return error

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted = [float(layer.scale), float(layer.bias), float(layer.exponent)]
    np.testing.assert_allclose(fitted, [1.5, -0.3, 1.3], rtol=1e-3)


def test_an_exponent_is_positive() -> None:
    with pytest.raises(cx.ParameterError, match="exponent: wanted a value between"):
        filters.NLRectifyPower(exponent=-1.0)
