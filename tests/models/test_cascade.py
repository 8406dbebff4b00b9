"""A cascade against its stages in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import signal

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import convolved, random_film, relu, softplus, weighed

RNG = np.random.default_rng(5)


def test_any_stages_in_a_row(agreement: Agreement) -> None:
    film = random_film()
    model = cx.models.LNCascade(n=1, kernel_size=(3, 3, 2), nonlinearity="softplus").double()
    model.add_layer(cx.filters.LowPass("4 ms"), lambda x: x**2)
    model.add_layer(None, torch.nn.Tanh())
    model.add_layer(cx.filters.RF(1, (2, 3, 3)), "identity")
    model.add_layer()
    model.double()
    kernel, field, last = RNG.normal(size=(3, 3, 2)), RNG.normal(size=(2, 3, 3)), RNG.normal(size=(3, 3, 2))
    for place, weight in ((0, kernel), (3, field), (4, last)):
        model.linearities[place].set_weight(weight)
    decay = np.exp(-1 / 4)
    values = softplus(convolved(film.values, kernel))
    values = np.tanh(signal.lfilter([1 - decay], [1, -decay], values, axis=0) ** 2)
    wanted = softplus(convolved(weighed(values, field)[:, None, None], last))
    against = "scipy.ndimage.convolve, scipy.signal.lfilter and numpy"
    agreement("LNCascade", against, "relative L2", relative(model(film), wanted), within=1e-12)


def test_parts_may_be_exchanged_and_left_out() -> None:
    film = random_film()
    model = cx.models.LNCascade(n=2, kernel_size=(3, 3, 2)).double()
    kernel = RNG.normal(size=(3, 3, 2))
    model.linearities[0].set_weight(kernel)
    model.linearities[1] = None
    np.testing.assert_allclose(model(film), relu(convolved(film.values, kernel)), rtol=1e-10, atol=1e-12)
    model.clear_state()
    model.nonlinearities[0] = "identity"
    model.nonlinearities[1] = torch.exp
    np.testing.assert_allclose(model(film), np.exp(convolved(film.values, kernel)), rtol=1e-10, atol=1e-12)
    model.clear_state()
    model.nonlinearities[1] = None  # the cascade's own again, and not the identity
    np.testing.assert_allclose(model(film), relu(convolved(film.values, kernel)), rtol=1e-10, atol=1e-12)


def test_a_spiking_nonlinearity_gives_counts() -> None:
    model = cx.models.LNCascade()
    model.add_layer(cx.filters.LowPass("1 ms"), cx.spiking.NoisyLIF(noise=0.0))
    made = model(random_film(shape=(300, 2, 2)) * 200)
    assert (made.attrs["units"], made.dtype) == ("count", np.uint8)
    assert made.sum() > 0
    own = cx.models.LNCascade(1, (1, 1, 1), nonlinearity=cx.spiking.NoisyLIF(noise=0.0))
    own.linearities[0] = cx.filters.LowPass("1 ms")
    spikes = own(random_film(shape=(300, 2, 2)) * 200)
    assert (spikes.attrs["units"], spikes.dtype) == ("count", np.uint8)


def test_channels() -> None:
    model = cx.models.LNCascade(2, (2, 2, 2), in_channels=2, out_channels=3)
    assert [part.weight.shape[:2] for part in model.linearities] == [(3, 2), (3, 3)]
    assert model(random_film(shape=(2, 5, 4, 4))).sizes["channel"] == 3


def test_what_is_no_cascade() -> None:
    with pytest.raises(cx.ContractError, match="wanted at least one stage"):
        cx.models.LNCascade()(random_film())
    with pytest.raises(cx.ParameterError, match="n: wanted a whole number"):
        cx.models.LNCascade(n=-1)
    with pytest.raises(cx.ParameterError, match="nonlinearity: wanted"):
        cx.models.LNCascade(nonlinearity="cube")
    model = cx.models.LNCascade()
    for wrong in ({"linear": 5}, {"nonlinear": "cube"}):
        with pytest.raises(cx.ParameterError, match="linear: wanted a layer"):
            model.add_layer(**wrong)
        assert (len(model.linearities), len(model.nonlinearities)) == (0, 0)
    model.add_layer(cx.models.Retina("primate"))
    with pytest.raises(cx.ContractError, match=r"linearities\[0\]: wanted a part with one output"):
        model(random_film().assign_attrs(valid_range=(0, 1)))
