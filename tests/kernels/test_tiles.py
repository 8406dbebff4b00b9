"""Pieces of a movie: every pixel of every unit once, none too large, and enough for all threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.kernels.tiles import tiles, units


@given(count=st.integers(0, 5), pixels=st.integers(0, 50), most=st.integers(1, 20))
def test_every_pixel_is_in_one_piece(count: int, pixels: int, most: int) -> None:
    seen = np.zeros((count, pixels), int)
    for unit, start, stop in tiles(np.empty((count, 3, pixels)), most):
        assert 0 < stop - start <= most
        seen[unit, start:stop] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("count", [1, 2])
def test_no_thread_goes_without(count: int) -> None:
    assert len(tiles(np.empty((count, 3, 50)), 1000)) >= min(torch.get_num_threads(), 50 * count)


def test_units_share_memory() -> None:
    x = torch.zeros(2, 3, 4, 5, 6)
    seen = units(x)
    seen[4, 3, 29] = 1.0
    assert x[1, 1, 3, 4, 5] == 1
    assert seen.shape == (6, 4, 30)
