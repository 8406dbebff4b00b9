"""Stages in a row against the same stages in numpy."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import mixed, random_film, relu, softplus, weighed

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("kind", [cx.models.LNLN, cx.models.LNLNLN, cx.models.LNLNLNLN])
def test_stage_after_stage(kind: type[cx.models.LNLN], agreement: Agreement) -> None:
    film = random_film(shape=(2, 15, 6, 7))
    model = kind((3, 2, 3), nonlinearity="softplus", in_channels=2, out_channels=2, hidden_channels=3).double()
    signal = film.values
    channels = [2, *[3] * (kind.stages - 1), 2]
    for stage in range(kind.stages):
        weight = RNG.normal(size=(channels[stage + 1], channels[stage], 3, 2, 3)) * 0.3
        bias = RNG.normal(size=channels[stage + 1])
        conv = model.get_submodule(f"conv{stage + 1}")
        conv.set_weight(weight)
        conv.bias = bias
        signal = softplus(mixed(signal, weight) + bias[:, None, None, None])
    error = relative(model(film), signal)
    agreement(kind.__name__, "scipy.ndimage.convolve and numpy", "relative L2", error, within=1e-12)


def test_one_cell_pools_subunits() -> None:
    film = random_film()
    model = cx.models.LNLN((3, 3, 3), population=False, bias=False).double()
    subunit, pool = RNG.normal(size=(3, 3, 3)), RNG.random((3, 3, 3))
    model.conv1.set_weight(subunit)
    model.conv2.set_weight(pool)
    first = relu(mixed(film.values[None], subunit[None, None]))[0]
    np.testing.assert_allclose(model(film).values.ravel(), relu(weighed(first, pool)), rtol=1e-10, atol=1e-12)
