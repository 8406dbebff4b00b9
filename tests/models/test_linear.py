"""The linear model against plain sums."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import convolved, random_film, weighed

KERNEL = np.random.default_rng(1).normal(size=(4, 3, 2))


def test_a_population_is_a_convolution(agreement: Agreement) -> None:
    film = random_film()
    model = cx.models.L((4, 3, 2)).double()
    model.conv.set_weight(KERNEL)
    model.conv.bias = np.array([0.5])
    error = relative(model(film), convolved(film.values, KERNEL) + 0.5)
    agreement("L", "scipy.ndimage.convolve and numpy", "relative L2", error, within=1e-12)


def test_one_cell_weighs_the_middle_of_the_frame() -> None:
    film = random_film()
    model = cx.models.L((4, 3, 2), population=False, bias=False).double()
    model.conv.set_weight(KERNEL)
    np.testing.assert_allclose(model(film).values.ravel(), weighed(film.values, KERNEL), rtol=1e-10, atol=1e-12)


def test_the_unit_is_kept_and_a_kernel_of_another_form_is_refused() -> None:
    assert cx.models.L((2, 1, 1))(random_film().assign_attrs(units="cd/m^2")).attrs["units"] == "cd/m^2"
    with pytest.raises(cx.ParameterError, match="kernel_size: wanted"):
        cx.models.L((2, 1))
