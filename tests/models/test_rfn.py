"""Receptive field and nonlinearity against plain sums."""

from __future__ import annotations

import numpy as np

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import convolved, film_of, random_film, relu, softplus, weighed

FIELD = np.random.default_rng(2).normal(size=(4, 3, 2))


def test_one_cell_by_default(agreement: Agreement) -> None:
    film = random_film()
    model = cx.models.RFN((4, 3, 2), nonlinearity="softplus").double()
    model.conv.set_weight(FIELD)
    model.conv.bias = np.array([-0.25])
    error = relative(model(film).values.ravel(), softplus(weighed(film.values, FIELD) - 0.25))
    agreement("RFN", "plain loops", "relative L2", error, within=1e-12)


def test_a_population_if_asked_for() -> None:
    film = random_film()
    model = cx.models.RFN((4, 3, 2), population=True).double()
    model.conv.set_weight(FIELD)
    np.testing.assert_allclose(model(film), relu(convolved(film.values, FIELD)), rtol=1e-10, atol=1e-12)


def test_a_cell_answers_most_to_its_own_field_backwards_in_time() -> None:
    """What a spike-triggered average gives can be assigned."""
    model = cx.models.RFN((4, 3, 2), nonlinearity="identity", bias=False).double()
    model.conv.set_weight(FIELD)
    last = model(film_of(FIELD[::-1])).values.ravel()[-1]
    np.testing.assert_allclose(last, (FIELD**2).sum())
