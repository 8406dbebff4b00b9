"""Stages with feedback and delays, against scipy's filters and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import convolved, mixed, random_film, relu, softplus, weighed

RNG = np.random.default_rng(4)
LOOPS = RNG.normal(size=(2, 3)) * 0.2


def model_of(kind: type[cx.models.LNFDLNF] = cx.models.LNFDLNF, **options: object) -> cx.models.LNFDLNF:
    made = kind((3, 3, 2), feedback_length=3, bias=False, **options).double()  # type: ignore[arg-type]
    made.feedback1.set_weight(LOOPS[0])
    made.feedback2.set_weight(LOOPS[1])
    return made


def looped(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return signal.lfilter([1.0], [1.0, *weight], values, axis=0)


def late(values: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.zeros((steps, *values.shape[1:])), values])[: len(values)]


def test_by_filters_of_scipy(agreement: Agreement) -> None:
    film = random_film()
    kernels = RNG.normal(size=(2, 3, 3, 2))
    model = model_of(delay="4 ms", nonlinearity="softplus")
    model.conv1.set_weight(kernels[0])
    model.conv2.set_weight(kernels[1])
    first = late(looped(softplus(convolved(film.values, kernels[0])), LOOPS[0]), 4)
    wanted = looped(softplus(convolved(first, kernels[1])), LOOPS[1])
    against = "scipy.ndimage.convolve and scipy.signal.lfilter"
    agreement("LNFDLNF", against, "relative L2", relative(model(film), wanted), within=1e-12)


def test_by_a_plain_loop_over_time(agreement: Agreement) -> None:
    """One pixel, kernels of one sample: everything by hand, with a delay between samples."""
    values = RNG.normal(size=30)
    model = cx.models.LNFDLNF((1, 1, 1), feedback_length=2, bias=False, delay="2.5 ms").double()
    model.conv1.set_weight(1.5)
    model.conv2.set_weight(-2.0)
    model.feedback1.set_weight([0.3, 0.1])
    model.feedback2.set_weight([-0.2, 0.5])
    u, y = np.zeros(32), np.zeros(32)
    for k, x in enumerate(values, 2):
        u[k] = max(1.5 * x, 0) - 0.3 * u[k - 1] - 0.1 * u[k - 2]
        v = 0.5 * (u[k - 2] + (u[k - 3] if k >= 3 else 0))
        y[k] = max(-2.0 * v, 0) + 0.2 * y[k - 1] - 0.5 * y[k - 2]
    film = cx.as_stimulus(values, dt="1 ms", units="1")
    assert y.any()
    agreement("LNFDLNF", "plain loops", "relative L2", relative(model(film), y[2:]), within=1e-12)


def test_pixels_may_have_delays_of_their_own() -> None:
    film = random_film()
    delays = RNG.integers(0, 5, (6, 7))
    model = model_of(delay=delays)
    model.conv1.set_weight(RNG.random((3, 3, 2)))
    model.conv2.set_weight(RNG.random((3, 3, 2)))
    kernels = [model.get_submodule(name).weight.detach().numpy()[0, 0] for name in ("conv1", "conv2")]
    first = looped(relu(convolved(film.values, kernels[0])), LOOPS[0])
    for row, column in np.ndindex(6, 7):
        first[:, row, column] = late(first[:, row, column], delays[row, column])
    wanted = looped(relu(convolved(first, kernels[1])), LOOPS[1])
    np.testing.assert_allclose(model(film), wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("population", [True, False])
def test_a_sum_over_space_in_the_second_stage(population: bool, agreement: Agreement) -> None:
    film = random_film()
    kernel, pool = RNG.normal(size=(3, 3, 2)), RNG.random((1, 3, 2))
    model = model_of(cx.models.LNFDSNF, population=population)
    model.conv1.set_weight(kernel)
    model.conv2.set_weight(pool)
    first = looped(relu(convolved(film.values, kernel)), LOOPS[0])
    summed = convolved(first, pool) if population else weighed(first, pool)
    made = model(film).values if population else model(film).values.ravel()
    against = "scipy.ndimage.convolve and scipy.signal.lfilter"
    agreement("LNFDSNF", against, "relative L2", relative(made, looped(relu(summed), LOOPS[1])), within=1e-12)


def test_channels() -> None:
    film = random_film(shape=(2, 12, 5, 5))
    model = model_of(in_channels=2, hidden_channels=3, out_channels=2)
    loops = [RNG.normal(size=(3, 3)) * 0.2, RNG.normal(size=(2, 3)) * 0.2]
    kernels = [RNG.normal(size=(3, 2, 3, 3, 2)), RNG.normal(size=(2, 3, 3, 3, 2))]
    signals = film.values
    for stage in (0, 1):
        model.get_submodule(f"conv{stage + 1}").set_weight(kernels[stage])
        model.get_submodule(f"feedback{stage + 1}").set_weight(loops[stage])
        linear = relu(mixed(signals, kernels[stage]))
        signals = np.stack([looped(values, loops[stage][channel]) for channel, values in enumerate(linear)])
    np.testing.assert_allclose(model(film), signals, rtol=1e-9, atol=1e-11)
