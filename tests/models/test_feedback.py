"""The feedback loop as a layer, against scipy's recursive filter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import signal

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import random_film

WEIGHT = np.array([0.4, 0.0, -0.2, 0.1])


def loop(weight: np.ndarray = WEIGHT, **options: int) -> cx.models.Feedback:
    made = cx.models.Feedback(weight.shape[-1], **options).double()
    made.set_weight(weight)
    return made


def test_it_is_a_recursive_filter(agreement: Agreement) -> None:
    film = random_film()
    wanted = signal.lfilter([1.0], [1.0, *WEIGHT], film.values, axis=0)
    agreement("feedback loop", "scipy.signal.lfilter", "relative L2", relative(loop()(film), wanted), within=1e-12)


def test_channels_may_have_loops_of_their_own() -> None:
    film = random_film(shape=(2, 9, 3, 3))
    weights = np.stack([WEIGHT, -WEIGHT])
    made = loop(weights, channels=2)(film)
    for channel in range(2):
        wanted = signal.lfilter([1.0], [1.0, *weights[channel]], film.values[channel], axis=0)
        np.testing.assert_allclose(made[channel], wanted, rtol=1e-10, atol=1e-12)
    with pytest.raises(cx.ParameterError, match="channel: wanted 2 channel"):
        loop(weights, channels=2)(random_film())


def test_it_may_start_at_rest() -> None:
    film = random_film()
    film[:] = film[0]
    layer = loop()
    layer.initial = "first_frame"
    np.testing.assert_allclose(layer(film), film / (1 + WEIGHT.sum()), rtol=1e-12)


def test_every_form_of_a_weight() -> None:
    for given in (WEIGHT, list(WEIGHT), torch.tensor(WEIGHT), WEIGHT[None], xr.DataArray(WEIGHT, dims="time")):
        layer = loop()
        layer.weight = given
        np.testing.assert_array_equal(layer.weight.detach()[0], WEIGHT)
    layer = cx.models.Feedback(3)
    layer.set_weight(0.5)
    assert layer.weight.tolist() == [[0.5, 0.5, 0.5]]


def test_a_length_may_be_a_time() -> None:
    with cx.set_options(dt="2 ms"):
        assert cx.models.Feedback("10 ms").weight.shape == (1, 5)


@pytest.mark.parametrize("length", [0, -1, 2.5])
def test_lengths_that_are_none(length: float) -> None:
    with pytest.raises(cx.ConvisError, match="length: wanted"):
        cx.models.Feedback(length)


def test_a_loop_that_diverges_is_said() -> None:
    film = random_film(shape=(3000, 1, 1))
    with pytest.raises(cx.ContractError, match="weight: wanted a loop that settles"):
        loop(np.array([-2.0]))(film)
    layer = loop(np.array([-2.0]))
    layer.initial = "first_frame"
    with pytest.raises(cx.ContractError, match="weights of more than -1"):
        layer(film[:3])


def test_without_weights_it_is_the_identity() -> None:
    film = random_film()
    layer = cx.models.Feedback(4)
    np.testing.assert_array_equal(layer(film), film)
    assert layer.footprint(cx.Sampling("1 ms")).memory == 0
    assert loop().footprint(cx.Sampling("1 ms")).memory == float("inf")


def test_weights_of_another_time_step_are_refused() -> None:
    layer = cx.models.Feedback(3)
    lags = xr.DataArray(WEIGHT, dims="time", coords={"time": ("time", np.arange(1, 5) * 2e-3, {"units": "s"})})
    layer.set_weight(lags)
    with pytest.raises(cx.ContractError, match=r"weight: wanted a time step of 0\.001 s"):
        layer(random_film())
    layer.set_weight(lags.assign_coords(time=lags.time.copy(data=np.arange(1, 5) * 1e-3)))
    layer(random_film())
    layer.set_weight(lags)
    layer.set_weight(WEIGHT)  # bare numbers are of whatever step there is
    layer(random_film())


def test_weights_have_no_place() -> None:
    with pytest.raises(cx.ParameterError, match="weight: wanted dimensions channel, time, got time, y"):
        cx.models.Feedback(3).set_weight(xr.DataArray(np.ones((3, 1)), dims=("time", "y")))
