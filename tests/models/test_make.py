"""Models of nested lists."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.models.oracle import random_film


def filters() -> list[cx.Layer]:
    return [cx.filters.LowPass(f"{k} ms") for k in (2, 4, 6, 8)]


def test_sequential_on_the_outside() -> None:
    film = random_film()
    a, b, c, d = filters()
    made = cx.models.make_sequential_parallel_model([a, [b, [c, d]]], combine="sum")(film)
    a, b, c, d = filters()
    first = a(film)
    np.testing.assert_allclose(made, b(first) + d(c(first)), rtol=1e-12)


def test_parallel_on_the_outside() -> None:
    film = random_film()
    a, b, c, d = filters()
    made = cx.models.make_parallel_sequential_model([a, [b, [c, d]]])(film)
    a, b, c, d = filters()
    second = b(film)
    assert made.sizes["channel"] == 3
    np.testing.assert_allclose(made, np.stack([a(film), c(second), d(second)]), rtol=1e-12)


@pytest.mark.parametrize("parts", ["relu", cx.filters.LowPass(), None, 3])
def test_what_is_no_list_is_refused(parts: object) -> None:
    for make in (cx.models.make_sequential_parallel_model, cx.models.make_parallel_sequential_model):
        with pytest.raises(cx.ParameterError, match="parts: wanted a list of parts and lists"):
            make(parts)  # type: ignore[arg-type]
