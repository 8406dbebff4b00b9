import numpy as np
import pytest

from convis_xr.kernels.compiled import compiled
from convis_xr.kernels.exponential import expm1, log1p


@compiled
def fill(x, out):
    for i in range(len(x)):
        out[i] = expm1(x[i])


@compiled
def fill_log(x, out):
    for i in range(len(x)):
        out[i] = log1p(x[i])


@pytest.mark.parametrize("widest", [1e-300, 1e-9, 0.1, 0.4, 3.0, 40.0, 708.0])
def test_error_is_below_two_units_in_the_last_place(widest):
    x = np.random.default_rng(0).uniform(-widest, widest, 10_000)
    out = np.empty_like(x)
    fill(x, out)
    expected = np.expm1(x.astype(np.longdouble))
    assert np.all(np.abs(out - expected) <= 2 * np.spacing(np.abs(expected.astype(float))))


def test_ends_of_the_range():
    x = np.array([0.0, -np.inf, -800.0, np.inf, 800.0, np.nan])
    out = np.empty_like(x)
    fill(x, out)
    assert out[0] == 0
    assert out[1] == out[2] == -1
    assert out[3] == out[4] > 1e307
    assert np.isnan(out[5])


def test_a_value_does_not_know_its_company():
    x = np.linspace(-50, 50, 1001)
    whole, alone = np.empty_like(x), np.empty(1)
    fill(x, whole)
    for i in range(0, 1001, 7):
        fill(x[i : i + 1], alone)
        assert alone[0] == whole[i]


@pytest.mark.parametrize("widest", [1e-300, 1e-9, 0.1, 0.5, 3.0, 1e5, 1e308])
def test_error_of_the_logarithm_is_below_two_units_in_the_last_place(widest):
    x = np.random.default_rng(0).uniform(0, widest, 10_000)
    out = np.empty_like(x)
    fill_log(x, out)
    expected = np.log1p(x.astype(np.longdouble))
    assert np.all(np.abs(out - expected) <= 2 * np.spacing(expected.astype(float)))
